// What a launch computes, exactly. Both executors and all kernels keep to this page.
//
// Tensors are f32, row-major, dense; `tokens` are i32. Where a docstring says `[rows, width]`, element (r, c) is word
// r·width + c of the operand. No width, row count or offset has to be a multiple of anything.
//
// An output overlaps no input, save where it says "in place": there the output may be the very same operand.
//
// Operands in `gradients`: every word is written exactly once in a micro-step. A lane that accumulates m micro-batches
// needs, before its update, the sum over the m micro-steps; an executor may add at once (store in the first, add in
// the others) or store always and let `accumulate` add. Only `linearGradient`, `normGradient`, `embeddingGradient` and
// `copy` write there, and none but `accumulate` and `gradientNorm` read there.
import type { Operand } from './plan.ts';

/** Reads tokens: inputs and targets of the micro-batch, into the region `tokens`. Shared by all lanes. */
export interface Sample<P = Operand> {
  readonly kind: 'sample';
  readonly reads: Record<never, P>;
  /**
   * `tokens` and `targets`, each [sequences, context], i32.
   *
   * Training: sequence i of micro-step s is the window at place s·sequences + i of the endless stream of windows
   * (`windowInStream` in src/data/order.ts, on u32, epoch by epoch); window w's inputs are training tokens
   * w·context … w·context + context − 1, its targets one later.
   * Evaluation: sequence i is held-out window `first + i` (past the last: the last again), which starts at
   * (first + i)·(context + 1).
   */
  readonly writes: { readonly tokens: P; readonly targets: P };
  readonly source: 'training' | 'validation';
  readonly sequences: number;
  readonly context: number;
}

/** out[r, c] = table[tokens[r], c] (+ positions[r mod context, c]). */
export interface Embedding<P = Operand> {
  readonly kind: 'embedding';
  readonly reads: { readonly tokens: P; readonly table: P; readonly positions?: P };
  readonly writes: { readonly out: P };
  readonly rows: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
}

/** dTable[v, c] = Σ over r with tokens[r] = v of dOut[r, c] (0 for tokens that do not occur); dPositions[t, c] = Σ over r ≡ t mod context. */
export interface EmbeddingGradient<P = Operand> {
  readonly kind: 'embeddingGradient';
  readonly reads: { readonly tokens: P; readonly dOut: P };
  readonly writes: { readonly dTable: P; readonly dPositions?: P };
  readonly rows: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
}

/**
 * Per row: mean = Σx/width, inverse = 1/√(Σ(x − mean)²/width + 1e-5), out = (x − mean)·inverse·gain + bias.
 * `statistics` [rows, 2] keeps (mean, inverse).
 */
export interface Norm<P = Operand> {
  readonly kind: 'norm';
  readonly reads: { readonly x: P; readonly gain: P; readonly bias: P };
  readonly writes: { readonly out: P; readonly statistics: P };
  readonly rows: number;
  readonly width: number;
}

/**
 * With x̂ = (x − mean)·inverse and g = dOut·gain, per row:
 * dx = inverse·(g − Σg/width − x̂·Σ(g·x̂)/width) (+ residual). dx and residual: in place.
 * dGain[c] = Σ over rows of dOut·x̂; dBias[c] = Σ over rows of dOut.
 */
export interface NormGradient<P = Operand> {
  readonly kind: 'normGradient';
  readonly reads: { readonly dOut: P; readonly x: P; readonly statistics: P; readonly gain: P; readonly residual?: P };
  readonly writes: { readonly dx: P; readonly dGain: P; readonly dBias: P };
  readonly rows: number;
  readonly width: number;
}

/**
 * u = x [rows, inputs] · weight [inputs, outputs] (`transposed`: weight is [outputs, inputs]) (+ bias [outputs]);
 * `gelu`: u becomes gelu(u) = u·σ(1.5957691216057308·(u + 0.044715·u³)), and `preactivation`, if any, keeps what it was;
 * out = u (+ residual [rows, outputs]).
 */
export interface Linear<P = Operand> {
  readonly kind: 'linear';
  readonly reads: { readonly x: P; readonly weight: P; readonly bias?: P; readonly residual?: P };
  readonly writes: { readonly out: P; readonly preactivation?: P };
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly transposed: boolean;
  readonly gelu: boolean;
}

/**
 * dx = dOut · weightᵀ, times gelu′(preactivation [rows, inputs]) elementwise when that is read (the backward pass of
 * the GELU that made x: x = gelu(preactivation), and an executor may take the derivative from either); dWeight = xᵀ · dOut (`transposed`: weight and dWeight are [outputs, inputs],
 * dx = dOut · weight, dWeight = dOutᵀ · x); dBias[c] = Σ over rows of dOut.
 * gelu′(u) = s + u·s·(1 − s)·1.5957691216057308·(1 + 3·0.044715·u²), s = σ(1.5957691216057308·(u + 0.044715·u³)).
 */
export interface LinearGradient<P = Operand> {
  readonly kind: 'linearGradient';
  readonly reads: { readonly dOut: P; readonly x: P; readonly weight: P; readonly preactivation?: P };
  readonly writes: { readonly dx: P; readonly dWeight: P; readonly dBias?: P };
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly transposed: boolean;
}

/**
 * Causal attention. qkv [sequences·context, 3·width]: queries, keys, values side by side, width = heads·headWidth, head
 * h in columns h·headWidth … of each third. Per sequence, head and query t:
 * a(s) = q_t·k_s/√headWidth for s ≤ t; out_t = Σ softmax(a)(s)·v_s, in columns h·headWidth … of out [rows, width].
 * logSumExp[(sequence·heads + h)·context + t] = ln Σ exp a(s).
 */
export interface Attention<P = Operand> {
  readonly kind: 'attention';
  readonly reads: { readonly qkv: P };
  readonly writes: { readonly out: P; readonly logSumExp: P };
  readonly sequences: number;
  readonly context: number;
  readonly heads: number;
  readonly headWidth: number;
}

/**
 * With p(t, s) = exp(a(t, s) − logSumExp(t)), D(t) = Σ_c dOut_t·out_t over the head's columns and
 * e(t, s) = p(t, s)·(dOut_t·v_s − D(t))/√headWidth, s ≤ t:
 * dq_t = Σ_s e(t, s)·k_s; dk_s = Σ_t e(t, s)·q_t; dv_s = Σ_t p(t, s)·dOut_t. dQkv is laid out as qkv.
 */
export interface AttentionGradient<P = Operand> {
  readonly kind: 'attentionGradient';
  readonly reads: { readonly dOut: P; readonly qkv: P; readonly out: P; readonly logSumExp: P };
  readonly writes: { readonly dQkv: P };
  readonly sequences: number;
  readonly context: number;
  readonly heads: number;
  readonly headWidth: number;
}

/**
 * losses[r] = ln Σ_v exp logits[r, v] − logits[r, targets[r]];
 * dLogits[r, v] = (softmax(logits[r])(v) − [v = targets[r]])/rows. dLogits and logits: in place. No dLogits when evaluating.
 */
export interface CrossEntropy<P = Operand> {
  readonly kind: 'crossEntropy';
  readonly reads: { readonly logits: P; readonly targets: P };
  readonly writes: { readonly losses: P; readonly dLogits?: P };
  readonly rows: number;
  readonly vocabulary: number;
}

/** Operations of one number. Truth is 1, falsehood 0. `round` is half to even; `step` is 1 above 0, else 0 (NaN stays). */
// prettier-ignore
export const unaryOperations = [
  'copy', 'negate', 'absolute', 'sign', 'floor', 'ceil', 'round', 'square', 'squareRoot', 'reciprocalSquareRoot', 'reciprocal',
  'exponential', 'exponentialMinusOne', 'logarithm', 'logarithmOnePlus', 'sine', 'cosine', 'tangentHyperbolic', 'sigmoid', 'softplus',
  'errorFunction', 'relu', 'elu', 'step', 'not',
] as const;
export type UnaryOperation = (typeof unaryOperations)[number];

/** Operations of two numbers. `modulo` takes the divisor's sign; `geluGradient` is gelu′(a)·b. */
// prettier-ignore
export const binaryOperations = [
  'add', 'subtract', 'multiply', 'divide', 'floorDivide', 'modulo', 'power', 'maximum', 'minimum', 'squaredDifference',
  'equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual', 'and', 'or', 'geluGradient',
] as const;
export type BinaryOperation = (typeof binaryOperations)[number];

/** out[i] = operation(x[i]), `size` of them. In place. An x in `tokens` is an integer and becomes a float (`copy`). */
export interface Unary<P = Operand> {
  readonly kind: 'unary';
  readonly reads: { readonly x: P };
  readonly writes: { readonly out: P };
  readonly operation: UnaryOperation;
  readonly size: number;
}

/**
 * out[i₀, i₁, …] = operation(a[Σ i·aStrides], b[Σ i·bStrides]) over `shape` (1 to 6 axes, at least one); out is dense.
 * A stride of 0 repeats an operand along an axis.
 */
export interface Binary<P = Operand> {
  readonly kind: 'binary';
  readonly reads: { readonly a: P; readonly b: P };
  readonly writes: { readonly out: P };
  readonly operation: BinaryOperation;
  readonly shape: readonly number[];
  readonly aStrides: readonly number[];
  readonly bStrides: readonly number[];
}

/** out = condition ≠ 0 ? a : b, over `shape` with strides as in {@link Binary}. */
export interface Select<P = Operand> {
  readonly kind: 'select';
  readonly reads: { readonly condition: P; readonly a: P; readonly b: P };
  readonly writes: { readonly out: P };
  readonly shape: readonly number[];
  readonly conditionStrides: readonly number[];
  readonly aStrides: readonly number[];
  readonly bStrides: readonly number[];
}

/**
 * out[outStart + Σ i·outStrides] = x[xStart + Σ i·xStrides] over `shape` (1 to 6 axes); strides may be 0 (x) or
 * negative. Transposes, slices, repeats, reverses, and places parts in a whole: `rest: 'keep'` leaves the other words
 * of out as they are (another launch writes them), `rest: 'zero'` makes them 0.
 */
export interface Copy<P = Operand> {
  readonly kind: 'copy';
  readonly reads: { readonly x: P };
  readonly writes: { readonly out: P };
  readonly shape: readonly number[];
  readonly xStart: number;
  readonly xStrides: readonly number[];
  readonly outStart: number;
  readonly outStrides: readonly number[];
  readonly rest: 'keep' | 'zero';
}

/** out[o, i] = Σ, max, min or Π over n of x[o, n, i]; x is [outer, length, inner]. */
export interface Reduce<P = Operand> {
  readonly kind: 'reduce';
  readonly reads: { readonly x: P };
  readonly writes: { readonly out: P };
  readonly operation: 'sum' | 'mean' | 'maximum' | 'minimum' | 'product';
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/**
 * out[n] = a[n mod aBatches] · b[n mod bBatches] for n < batches; a [m, k] (or [k, m] when aTransposed), b [k, n] (or
 * [n, k] when bTransposed), out [m, n] with m = `rows`, k = `inner`, n = `columns`.
 */
export interface MatrixProduct<P = Operand> {
  readonly kind: 'matrixProduct';
  readonly reads: { readonly a: P; readonly b: P };
  readonly writes: { readonly out: P };
  readonly batches: number;
  readonly aBatches: number;
  readonly bBatches: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly aTransposed: boolean;
  readonly bTransposed: boolean;
}

/** out[o, j, i] = x[o, indices[j], i]; x is [outer, length, inner], indices [count] (f32, or i32 in `tokens`). */
export interface Gather<P = Operand> {
  readonly kind: 'gather';
  readonly reads: { readonly x: P; readonly indices: P };
  readonly writes: { readonly out: P };
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly count: number;
}

/** out[v, i] = Σ over j with indices[j] = v of x[j, i]; x is [count, inner], out [length, inner], indices as in {@link Gather}. */
export interface SegmentSum<P = Operand> {
  readonly kind: 'segmentSum';
  readonly reads: { readonly x: P; readonly indices: P };
  readonly writes: { readonly out: P };
  readonly count: number;
  readonly length: number;
  readonly inner: number;
}

/** out[j, v] = indices[j] = v ? on : off; indices [count] as in {@link Gather}, out [count, depth]. */
export interface OneHot<P = Operand> {
  readonly kind: 'oneHot';
  readonly reads: { readonly indices: P };
  readonly writes: { readonly out: P };
  readonly count: number;
  readonly depth: number;
  readonly on: number;
  readonly off: number;
}

/**
 * After the last gradient. For each lane, S = the sum of its gradients over the micro-steps since its last update
 * (this one included), in `accumulated`, or in `gradients` where the executor keeps it there. A lane is due when its
 * micro-step is its m-th. For lanes that are due, also what AdamW needs of ‖S‖₂ (partial sums of squares).
 */
export interface Accumulate<P = Operand> {
  readonly kind: 'accumulate';
  readonly reads: { readonly gradients: P };
  readonly writes: { readonly accumulated: P };
  readonly size: number;
}

/**
 * For lanes that are due, unless frozen, with update number t (1 for the first), its learning rate η, and the lane's
 * β₁, β₂, ε, weight decay λ, clip norm c:
 *
 *     ∇ = S/m;  g = ∇·c/max(‖∇‖₂, c), or ∇ when c = 0
 *     mean ← β₁·mean + (1 − β₁)·g;  square ← β₂·square + (1 − β₂)·g²
 *     θ ← θ − η·((mean/(1 − β₁ᵗ))/(√(square/(1 − β₂ᵗ)) + ε) + λ·[θ decays]·θ)
 *
 * 1 − βᵗ is computed in double precision on the host. An executor may take |g| < 1e-18, |mean| < 1e-30 and
 * square < 1e-36 as 0: they are too small to move a parameter, and processors are slow with subnormal numbers. `decayed` lists the ranges of words to which λ applies,
 * increasing and disjoint.
 */
export interface AdamW<P = Operand> {
  readonly kind: 'adamw';
  readonly reads: { readonly accumulated: P };
  readonly writes: { readonly parameters: P; readonly mean: P; readonly square: P };
  readonly size: number;
  readonly decayed: readonly { readonly offset: number; readonly size: number }[];
}

/**
 * Adds the micro-batch's mean loss to the lane's sum; when due, the sum/m is the loss of the update and goes to the
 * host. A lane whose update's loss is not finite is frozen: its parameters are no longer changed (the check comes
 * before its AdamW or after; a frozen lane's parameters are never read). Evaluation: the mean loss goes to the host.
 */
export interface Finish<P = Operand> {
  readonly kind: 'finish';
  readonly reads: { readonly losses: P };
  readonly writes: Record<never, P>;
  readonly size: number;
}

/**
 * After the last gradient of a step that measures gradients. Each lane's gradient of the micro-batch, g, gives ‖g‖₂² to
 * the host and is added to a sum S over the micro-batches of the measurement, of which ‖S‖₂² goes to the host.
 */
export interface GradientNorm<P = Operand> {
  readonly kind: 'gradientNorm';
  readonly reads: { readonly gradients: P };
  readonly writes: Record<never, P>;
  readonly size: number;
}

/** Launches that stand for a transformer's ops. */
export type FusedLaunch<P = Operand> =
  | Embedding<P>
  | EmbeddingGradient<P>
  | Norm<P>
  | NormGradient<P>
  | Linear<P>
  | LinearGradient<P>
  | Attention<P>
  | AttentionGradient<P>
  | CrossEntropy<P>;

/** Launches that cover everything else a model may be written in. */
export type GenericLaunch<P = Operand> =
  Unary<P> | Binary<P> | Select<P> | Copy<P> | Reduce<P> | MatrixProduct<P> | Gather<P> | SegmentSum<P> | OneHot<P>;

/** Launches at the ends of a step: data, optimizer, norms of gradients, losses. */
export type StepLaunch<P = Operand> = Sample<P> | Accumulate<P> | AdamW<P> | GradientNorm<P> | Finish<P>;

/** One launch; `P` is what stands for a tensor (an operand, or a value of the traced graph). */
export type Launch<P = Operand> = FusedLaunch<P> | GenericLaunch<P> | StepLaunch<P>;
