// Cross-entropy of a softmax over the vocabulary, with its gradient in the same pass.
import { exponentialBelow, firstLanes, max4, storeFirst, sum4 } from './vector';

/**
 * losses[r] = ln Σ_v exp logits[r, v] − logits[r, targets[r]]; when `dLogits` is not 0 (it may be `logits`),
 * dLogits[r, v] = (softmax(v) − [v = target])·scale.
 */
export function crossEntropy(logits: usize, targets: usize, losses: usize, dLogits: usize, rows: u32, vocabulary: u32, scale: f32): void {
  const line = (<usize>vocabulary) << 2;
  const whole = line & ~15;
  const tail: i32 = vocabulary & 3;
  const mask = firstLanes(tail);
  const lowest = v128.andnot(f32x4.splat(-Infinity), mask);
  for (let row: u32 = 0; row < rows; row++) {
    let most4 = f32x4.splat(-Infinity);
    for (let c: usize = 0; c < whole; c += 16) most4 = f32x4.pmax(most4, v128.load(logits + c));
    if (tail) most4 = f32x4.pmax(most4, v128.or(lowest, v128.and(mask, v128.load(logits + whole))));
    const most = max4(most4);
    const target = (<usize>min(load<u32>(targets), vocabulary - 1)) << 2;
    const wanted = load<f32>(logits + target);
    const shift = f32x4.splat(most);
    let sum = f32x4.splat(0);
    for (let c: usize = 0; c < whole; c += 16) {
      const e = exponentialBelow(f32x4.sub(v128.load(logits + c), shift));
      if (dLogits) v128.store(dLogits + c, e);
      sum = f32x4.add(sum, e);
    }
    if (tail) {
      const e = v128.and(mask, exponentialBelow(f32x4.sub(v128.load(logits + whole), shift)));
      if (dLogits) storeFirst(dLogits + whole, e, tail);
      sum = f32x4.add(sum, e);
    }
    const total = sum4(sum);
    store<f32>(losses, <f32>(<f64>most + Math.log(<f64>total) - <f64>wanted));
    if (dLogits) {
      const factor = f32x4.splat(scale / total);
      for (let c: usize = 0; c < whole; c += 16) v128.store(dLogits + c, f32x4.mul(v128.load(dLogits + c), factor));
      if (tail) storeFirst(dLogits + whole, f32x4.mul(v128.load(dLogits + whole), factor), tail);
      store<f32>(dLogits + target, load<f32>(dLogits + target) - scale);
      dLogits += line;
    }
    logits += line;
    targets += 4;
    losses += 4;
  }
}
