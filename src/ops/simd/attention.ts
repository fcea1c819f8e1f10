// Causal attention and its gradient, head by head, in blocks of queries; keys of the future are skipped. The gradient
// recomputes the probabilities from the saved log-sum-exp (Dao et al., "FlashAttention", 2022, appendix B).
import { packColumns, packRows } from './packing';
import { edge, panel, panelTransposed } from './tiles';
import { exponentialBelow, firstLanes, madd, max4, sum4 } from './vector';

/** Queries whose scores are held at once. */
const QUERY_BLOCK: u32 = 64;

/** Bytes of panels of `groups` × 8 columns, of `inner` rows each. */
// @ts-ignore: decorator
@inline
function panelBytes(inner: u32, groups: u32): usize {
  return (<usize>inner * <usize>groups) << 5;
}

// @ts-ignore: decorator
@inline
function eighths(count: u32): u32 {
  return (count + 7) >> 3;
}

/** The rows x[t, 0…count) of one head as panels: the rows become columns; [⌈rows/8⌉, count, 8]. */
function packTransposed(x: usize, line: usize, rows: u32, count: u32, out: usize): void {
  for (let t: u32 = 0; t < rows; t += 8) {
    packRows(x, line, count, min<u32>(8, rows - t), out);
    x += line << 3;
    out += <usize>count << 5;
  }
}

/** The rows x[t, 0…count) of one head as panels of 8 columns: [⌈count/8⌉, rows, 8]. */
function packHead(x: usize, line: usize, rows: u32, count: u32, out: usize): void {
  for (let c: u32 = 0; c < count; c += 8) {
    packColumns(x, line, rows, min<u32>(8, count - c), out);
    x += 32;
    out += <usize>rows << 5;
  }
}

/**
 * Scores of a block of queries against the keys they see: out [rows, keys] = a [rows, inner] · panels. Lines of out have
 * room for whole panels. Scores of keys that a whole group of 4 queries does not see are left out.
 */
// @ts-ignore: decorator
@inline
function scoresBlock(
  a: usize, aLine: usize, rows: u32, inner: u32, panels: usize, keys: u32, out: usize, outLine: usize, tile: usize,
): void {
  const whole = rows & ~3;
  const bytes = <usize>inner << 5;
  for (let s: u32 = 0; s < keys; s += 8) {
    const first = firstQuery(s, keys, rows);
    const to = out + (<usize>s << 2);
    if (first < whole) {
      panel(a + <usize>first * aLine, aLine, panels, inner, whole - first, to + <usize>first * outLine, outLine, 0, 0);
    }
    if (whole < rows) {
      const last = to + <usize>whole * outLine;
      edge(a + <usize>whole * aLine, aLine, 4, panels, inner, rows - whole, 8, last, outLine, 0, 0, tile);
    }
    panels += bytes;
  }
}

/** The first group of 4 queries of a block, of which the last sees `keys` keys, that sees key `key`. */
// @ts-ignore: decorator
@inline
function firstQuery(key: u32, keys: u32, rows: u32): u32 {
  const before = keys - rows;
  return key > before ? (key - before) & ~3 : 0;
}

/**
 * out[s, c] = Σ over `inner` rows t of weights[t, s]·b[t, c] (+ addend) for `present` (1 to 4) adjacent columns s of the
 * weights and `columns` (1 to 8) columns of a panel b.
 */
// @ts-ignore: decorator
@inline
function transposedTile(
  weights: usize, weightsLine: usize, b: usize, inner: u32, present: u32, columns: u32, out: usize, outLine: usize, addend: usize,
  tile: usize,
): void {
  if (present == 4 && columns == 8) panelTransposed(weights, weightsLine, b, inner, 4, out, outLine, 0, addend);
  else edge(weights, 4, weightsLine, b, inner, present, columns, out, outLine, 0, addend, tile);
}

/**
 * Attention of one sequence.
 * @param qkv [context, 3·width], width = heads·headWidth
 * @param out [context, width]
 * @param logSumExp [heads, context]
 * @param scratch 4·(8·⌈context/8⌉·headWidth + 8·⌈headWidth/8⌉·context + 64·(8·⌈context/8⌉) + 32) bytes
 */
export function attention(qkv: usize, out: usize, logSumExp: usize, context: u32, heads: u32, headWidth: u32, scratch: usize): void {
  const outLine = <usize>(heads * headWidth) << 2;
  const line = outLine * 3;
  const scoreLine = <usize>eighths(context) << 5;
  const keys = scratch;
  const values = keys + panelBytes(headWidth, eighths(context));
  const scores = values + panelBytes(context, eighths(headWidth));
  const tile = scores + <usize>QUERY_BLOCK * scoreLine;
  const scale = <f32>(1 / sqrt<f64>(<f64>headWidth));
  for (let head: u32 = 0; head < heads; head++) {
    packTransposed(qkv + outLine, line, context, headWidth, keys);
    packHead(qkv + outLine * 2, line, context, headWidth, values);
    for (let from: u32 = 0; from < context; from += QUERY_BLOCK) {
      const queries = min(QUERY_BLOCK, context - from);
      scoresBlock(qkv + <usize>from * line, line, queries, headWidth, keys, from + queries, scores, scoreLine, tile);
      for (let t: u32 = 0; t < queries; t++)
        store<f32>(logSumExp + (<usize>(from + t) << 2), softmaxRow(scores + <usize>t * scoreLine, from + t + 1, scale));
      for (let t: u32 = 0; t < queries; t += 4) {
        const present = min<u32>(4, queries - t);
        const seen = from + t + present;
        const row = scores + <usize>t * scoreLine;
        const to = out + <usize>(from + t) * outLine;
        for (let c: u32 = 0; c < headWidth; c += 8) {
          const columns = min<u32>(8, headWidth - c);
          const b = values + ((<usize>c >> 3) * <usize>context << 5);
          if (present == 4 && columns == 8) panel(row, scoreLine, b, seen, 4, to + (<usize>c << 2), outLine, 0, 0);
          else edge(row, scoreLine, 4, b, seen, present, columns, to + (<usize>c << 2), outLine, 0, 0, tile);
        }
      }
    }
    qkv += <usize>headWidth << 2;
    out += <usize>headWidth << 2;
    logSumExp += <usize>context << 2;
  }
}

/**
 * The first `seen` scores, times `scale`, become their softmax; up to three more (the rest of a group of 4 queries)
 * become 0. Returns the logarithm of the sum of exponentials.
 */
function softmaxRow(row: usize, seen: u32, scale: f32): f32 {
  const whole = (<usize>seen << 2) & ~15;
  const tail: i32 = seen & 3;
  const mask = firstLanes(tail);
  const scale4 = f32x4.splat(scale);
  let most4 = f32x4.splat(-Infinity);
  for (let c: usize = 0; c < whole; c += 16) most4 = f32x4.pmax(most4, v128.load(row + c));
  if (tail) most4 = f32x4.pmax(most4, v128.bitselect(v128.load(row + whole), f32x4.splat(-Infinity), mask));
  const most = max4(most4) * scale;
  const shift = f32x4.splat(most);
  let sum4th = f32x4.splat(0);
  for (let c: usize = 0; c < whole; c += 16) {
    const e = exponentialBelow(f32x4.sub(f32x4.mul(v128.load(row + c), scale4), shift));
    v128.store(row + c, e);
    sum4th = f32x4.add(sum4th, e);
  }
  if (tail) {
    const e = v128.and(mask, exponentialBelow(f32x4.sub(f32x4.mul(v128.load(row + whole), scale4), shift)));
    v128.store(row + whole, e);
    sum4th = f32x4.add(sum4th, e);
  }
  const sum = sum4(sum4th);
  const inverse = f32x4.splat(<f32>1 / sum);
  const end = tail ? whole + 16 : whole;
  for (let c: usize = 0; c < end; c += 16) v128.store(row + c, f32x4.mul(v128.load(row + c), inverse));
  return <f32>(<f64>most + Math.log(<f64>sum));
}

/**
 * The gradient of {@link attention} for one sequence.
 * @param dQkv laid out as qkv
 * @param scratch 4·(16·⌈context/8⌉·headWidth + 24·⌈headWidth/8⌉·context + 128·(8·⌈context/8⌉) + 32) bytes
 */
export function attentionGradient(
  dOut: usize, qkv: usize, out: usize, logSumExp: usize, dQkv: usize, context: u32, heads: u32, headWidth: u32, scratch: usize,
): void {
  const outLine = <usize>(heads * headWidth) << 2;
  const line = outLine * 3;
  const scoreLine = <usize>eighths(context) << 5;
  const across = panelBytes(headWidth, eighths(context));
  const down = panelBytes(context, eighths(headWidth));
  const keysAcross = scratch;
  const valuesAcross = keysAcross + across;
  const queriesDown = valuesAcross + across;
  const keysDown = queriesDown + down;
  const dOutDown = keysDown + down;
  const weights = dOutDown + down;
  const errors = weights + <usize>QUERY_BLOCK * scoreLine;
  const tile = errors + <usize>QUERY_BLOCK * scoreLine;
  const scale = <f32>(1 / sqrt<f64>(<f64>headWidth));
  for (let head: u32 = 0; head < heads; head++) {
    packTransposed(qkv + outLine, line, context, headWidth, keysAcross);
    packTransposed(qkv + outLine * 2, line, context, headWidth, valuesAcross);
    packHead(qkv, line, context, headWidth, queriesDown);
    packHead(qkv + outLine, line, context, headWidth, keysDown);
    packHead(dOut, outLine, context, headWidth, dOutDown);
    for (let from: u32 = 0; from < context; from += QUERY_BLOCK) {
      const queries = min(QUERY_BLOCK, context - from);
      const seen = from + queries;
      const start = <usize>from * outLine;
      scoresBlock(qkv + <usize>from * line, line, queries, headWidth, keysAcross, seen, weights, scoreLine, tile);
      scoresBlock(dOut + start, outLine, queries, headWidth, valuesAcross, seen, errors, scoreLine, tile);
      for (let t: u32 = 0; t < queries; t++) {
        const place = start + <usize>t * outLine;
        const row = <usize>t * scoreLine;
        const own = dot(dOut + place, out + place, headWidth);
        errorRow(weights + row, errors + row, from + t + 1, load<f32>(logSumExp + (<usize>(from + t) << 2)), own, scale);
      }
      for (let t: u32 = 0; t < queries; t += 4) {
        const present = min<u32>(4, queries - t);
        const to = dQkv + <usize>(from + t) * line;
        const row = errors + <usize>t * scoreLine;
        for (let c: u32 = 0; c < headWidth; c += 8) {
          const columns = min<u32>(8, headWidth - c);
          const b = keysDown + ((<usize>c >> 3) * <usize>context << 5);
          const inner = from + t + present;
          if (present == 4 && columns == 8) panel(row, scoreLine, b, inner, 4, to + (<usize>c << 2), line, 0, 0);
          else edge(row, scoreLine, 4, b, inner, present, columns, to + (<usize>c << 2), line, 0, 0, tile);
        }
      }
      for (let s: u32 = 0; s < seen; s += 4) {
        const present = min<u32>(4, seen - s);
        const first = firstQuery(s, seen, queries);
        const inner = queries - first;
        const place = <usize>first * scoreLine + (<usize>s << 2);
        for (let c: u32 = 0; c < headWidth; c += 8) {
          const columns = min<u32>(8, headWidth - c);
          const b = (<usize>c >> 3) * <usize>context + <usize>(from + first) << 5;
          const dKey = dQkv + <usize>s * line + outLine + (<usize>c << 2);
          const dValue = dKey + outLine;
          // The block that a key lies in is the first to write its gradient.
          const earlier = s < from;
          transposedTile(errors + place, scoreLine, queriesDown + b, inner, present, columns, dKey, line, earlier ? dKey : 0, tile);
          transposedTile(weights + place, scoreLine, dOutDown + b, inner, present, columns, dValue, line, earlier ? dValue : 0, tile);
        }
      }
    }
    const step = <usize>headWidth << 2;
    qkv += step;
    dQkv += step;
    out += step;
    dOut += step;
    logSumExp += <usize>context << 2;
  }
}

/** Σ a[i]·b[i]. */
function dot(a: usize, b: usize, size: u32): f32 {
  let sum = f32x4.splat(0);
  const whole = (<usize>size << 2) & ~15;
  for (let c: usize = 0; c < whole; c += 16) sum = madd(v128.load(a + c), v128.load(b + c), sum);
  const tail: i32 = size & 3;
  if (tail) {
    const mask = firstLanes(tail);
    sum = madd(v128.and(mask, v128.load(a + whole)), v128.and(mask, v128.load(b + whole)), sum);
  }
  return sum4(sum);
}

/**
 * The first `seen` weights (scores before) become probabilities p, and the errors (gradients of the probabilities
 * before) p·(error − own)·scale; up to three more of each become 0.
 */
function errorRow(weights: usize, errors: usize, seen: u32, logSumExp: f32, own: f32, scale: f32): void {
  const scale4 = f32x4.splat(scale);
  const shift = f32x4.splat(logSumExp);
  const own4 = f32x4.splat(own);
  const end = <usize>seen << 2;
  for (let c: usize = 0; c < end; c += 16) {
    let p = exponentialBelow(f32x4.sub(f32x4.mul(v128.load(weights + c), scale4), shift));
    let e = f32x4.mul(f32x4.mul(p, f32x4.sub(v128.load(errors + c), own4)), scale4);
    if (c + 16 > end) {
      const mask = firstLanes(<i32>((end - c) >> 2));
      p = v128.and(p, mask);
      e = v128.and(e, mask);
    }
    v128.store(weights + c, p);
    v128.store(errors + c, e);
  }
}
