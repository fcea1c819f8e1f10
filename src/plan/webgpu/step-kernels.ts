// The kernels at the ends of a step: tokens in, optimizer, losses out. They alone know of micro-steps and updates.
//
// Lanes in flight are at the same micro-step s, so all that distinguishes them follows from s and their m: a lane is due
// when m divides s + 1, and starts a new sum of gradients and losses when m divides s.
import { CONTROL, MOST_GROUPS, type Kernel } from '../../ops/wgsl/kernel.ts';
import { ORDER_FUNCTIONS } from '../../ops/wgsl/order.wgsl.ts';
import { NOT_NUMBER } from '../../ops/generic/functions.wgsl.ts';
import type { Sample } from '../launches.ts';
import type { BindingKind } from './pipelines.ts';

/** What a lane in flight has in the settings of a submission, f32, and how the schedule follows. */
export const SETTINGS = {
  beta1: 0,
  restOfBeta1: 1,
  beta2: 2,
  restOfBeta2: 3,
  epsilon: 4,
  weightDecay: 5,
  clipNorm: 6,
  microBatches: 7,
  /** Words of a lane. */
  perLane: 8,
  /** Words for each lane of each micro-step behind them: η, 1 − β₁ᵗ, 1 − β₂ᵗ, nothing. */
  perStep: 4,
} as const;

/** What a lane has in the scratch memory, f32: the sum of losses since its last update, and whether it is frozen. */
export const SCRATCH = { lossSum: 0, frozen: 1, perLane: 2 } as const;

/**
 * Words before the losses in the results of a submission: which submission it was, and how many micro-steps it has done.
 * Where gradients are measured, two rows of squared norms for each micro-step stand in the place of losses: of its
 * gradients, and of their sums so far.
 */
export const RESULTS = { ticket: 0, steps: 1, losses: 2 } as const;

const THREADS = 64;

/** Words whose squares one workgroup adds up. */
const SQUARES = 4096;

/** vec4f that an invocation of AdamW updates. */
const UPDATED = 4;

/** A kernel that binds other memories than those of the model. */
interface StepKernel extends Kernel {
  readonly bindings: BindingKind;
}

interface StepParts {
  readonly groups: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly declarations: string;
  readonly body: string;
}

const ENDS = `@group(0) @binding(0) var<storage, read> text: array<u32>;
@group(0) @binding(1) var<storage, read_write> tokens: array<i32>;
@group(0) @binding(2) var<storage, read> activations: array<f32>;
@group(0) @binding(3) var<storage, read_write> control: array<u32>;
@group(0) @binding(4) var<storage, read_write> scratch: array<f32>;
@group(0) @binding(5) var<storage, read_write> results: array<u32>;`;

const OPTIMIZER = `@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> square: array<vec4f>;
@group(0) @binding(4) var<storage, read> control: array<u32>;
@group(0) @binding(5) var<storage, read> settings: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<f32>;
fn setting(z: u32, which: u32) -> f32 { return settings[z * ${SETTINGS.perLane}u + which]; }`;

const MEASURE = `@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(2) var<storage, read> control: array<u32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<f32>;`;

const MEMORIES = { ends: ENDS, optimizer: OPTIMIZER, measure: MEASURE } as const;

function stepKernel(bindings: keyof typeof MEMORIES, { groups, sizes, declarations, body }: StepParts): StepKernel {
  const fields = new Map(Object.entries({ groups, ...sizes }).map(([name, value]) => [name, { type: 'u32' as const, value }]));
  const code = `${MEMORIES[bindings]}
struct Launch { ${[...fields.keys()].map((name) => `${name}: u32`).join(', ')} }
@group(1) @binding(0) var<uniform> launch: Launch;
${declarations}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let group = wg.y * ${MOST_GROUPS}u + wg.x;
  if (group >= launch.groups) { return; }
  let z = wg.z;
  ${body}
}
`;
  return { bindings, code, fields, groups };
}

const lane = `let lane = control[${CONTROL.lanes}u + ${CONTROL.perLane}u * z]; let microBatches = control[${CONTROL.lanes + 1}u + ${CONTROL.perLane}u * z];`;

/** Where a sample's text lies among the tokens on the device. */
export interface TextPlace {
  /** Token at which the text begins. */
  readonly start: number;
  readonly windows: number;
  readonly dataSeed: number;
}

/** Tokens of the micro-step to come, which thereby is under way. Once for all lanes. */
export function sampleKernel({ writes, source, sequences, context }: Sample, { start, windows, dataSeed }: TextPlace): StepKernel {
  const rows = sequences * context;
  const begin =
    source === 'training'
      ? 'windowInStream(step * launch.sequences + sequence, launch.windows, launch.dataSeed) * launch.context'
      : 'min(step * launch.sequences + sequence, launch.windows - 1u) * (launch.context + 1u)';
  return stepKernel('ends', {
    groups: Math.ceil(rows / THREADS),
    sizes: {
      rows,
      sequences,
      context,
      start,
      windows,
      dataSeed: dataSeed >>> 0,
      tokensAt: writes.tokens.offset,
      targetsAt: writes.targets.offset,
    },
    declarations: `${source === 'training' ? ORDER_FUNCTIONS : ''}
fn textAt(i: u32) -> i32 { return i32((text[i >> 1u] >> (16u * (i & 1u))) & 0xffffu); }`,
    body: `let step = control[${CONTROL.next}u];
  let row = group * ${THREADS}u + li;
  if (row == 0u) { control[${CONTROL.present}u] = step; }
  if (row < launch.rows) {
    let sequence = row / launch.context;
    let i = launch.start + ${begin} + row % launch.context;
    tokens[launch.tokensAt + row] = textAt(i);
    tokens[launch.targetsAt + row] = textAt(i + 1u);
  }`,
  });
}

/** Partial sums of squares that {@link accumulateKernel} leaves, for each lane in flight. */
export function squareSums(words: number): number {
  return Math.ceil(words / SQUARES);
}

/** Sums of squares of the gradients of lanes that are due and clip. The gradients have been added up where they were written. */
export function accumulateKernel(words: number, lanes: number): StepKernel {
  return stepKernel('optimizer', {
    groups: squareSums(words),
    sizes: { words, partials: SCRATCH.perLane * lanes },
    declarations: `var<workgroup> found: array<f32, ${THREADS}>;`,
    body: `${lane}
  if ((control[${CONTROL.present}u] + 1u) % microBatches != 0u || setting(z, ${SETTINGS.clipNorm}u) == 0.0) { return; }
  let base = lane * launch.words / 4u; let first = group * ${SQUARES / 4}u;
  var sum = vec4f();
  for (var i = first + li; i < min(first + ${SQUARES / 4}u, launch.words / 4u); i += ${THREADS}u) { let g = gradients[base + i]; sum += g * g; }
  found[li] = dot(sum, vec4f(1.0));
  workgroupBarrier();
  if (li == 0u) {
    var total = 0.0;
    for (var n = 0u; n < ${THREADS}u; n++) { total += found[n]; }
    scratch[launch.partials + z * launch.groups + group] = total;
  }`,
  });
}

/** AdamW for lanes that are due and not frozen. `maskAt`: control word at which one bit for each parameter says whether it decays. */
export function adamwKernel(words: number, lanes: number, maskAt: number): StepKernel {
  const perGroup = THREADS * UPDATED;
  return stepKernel('optimizer', {
    groups: Math.ceil(words / 4 / perGroup),
    sizes: { words, lanes, sums: squareSums(words), partials: SCRATCH.perLane * lanes, maskAt },
    declarations: `var<workgroup> found: array<f32, ${THREADS}>;`,
    body: `${lane}
  let step = control[${CONTROL.present}u];
  if ((step + 1u) % microBatches != 0u) { return; }
  let clipNorm = setting(z, ${SETTINGS.clipNorm}u);
  var scale = 1.0 / setting(z, ${SETTINGS.microBatches}u);
  if (clipNorm > 0.0) {
    var sum = 0.0;
    for (var n = li; n < launch.sums; n += ${THREADS}u) { sum += scratch[launch.partials + z * launch.sums + n]; }
    found[li] = sum;
    workgroupBarrier();
    var total = 0.0;
    for (var n = 0u; n < ${THREADS}u; n++) { total += found[n]; }
    scale *= clipNorm / max(sqrt(total) * scale, clipNorm);
  }
  if (scratch[${SCRATCH.perLane}u * lane + ${SCRATCH.frozen}u] != 0.0) { return; }
  let row = launch.lanes * ${SETTINGS.perLane}u + ((step - control[${CONTROL.first}u]) * launch.lanes + z) * ${SETTINGS.perStep}u;
  let learningRate = settings[row];
  let restOfMean = settings[row + 1u]; let restOfSquare = settings[row + 2u];
  let beta1 = setting(z, ${SETTINGS.beta1}u); let restOfBeta1 = setting(z, ${SETTINGS.restOfBeta1}u);
  let beta2 = setting(z, ${SETTINGS.beta2}u); let restOfBeta2 = setting(z, ${SETTINGS.restOfBeta2}u);
  let epsilon = setting(z, ${SETTINGS.epsilon}u); let weightDecay = setting(z, ${SETTINGS.weightDecay}u);
  let base = lane * launch.words / 4u;
  for (var n = 0u; n < ${UPDATED}u; n++) {
    let word = group * ${perGroup}u + n * ${THREADS}u + li;
    if (word >= launch.words / 4u) { break; }
    let i = base + word;
    let g = gradients[i] * scale;
    let m = beta1 * mean[i] + restOfBeta1 * g;
    let v = beta2 * square[i] + restOfBeta2 * g * g;
    let bits = control[launch.maskAt + (word >> 3u)] >> (4u * (word & 7u));
    let decay = select(vec4f(), vec4f(weightDecay), (vec4u(bits) & vec4u(1u, 2u, 4u, 8u)) != vec4u());
    let old = parameters[i];
    mean[i] = m;
    square[i] = v;
    parameters[i] = old - learningRate * ((m / restOfMean) / (sqrt(v / restOfSquare) + epsilon) + decay * old);
  }`,
  });
}

/**
 * The first of two kernels of `gradientNorm`: adds the gradients of the lanes in flight to their sums, and leaves partial
 * sums of squares of both, side by side.
 */
export function measureKernel(words: number, lanes: number): StepKernel {
  return stepKernel('measure', {
    groups: squareSums(words),
    sizes: { words, partials: SCRATCH.perLane * lanes },
    declarations: `var<workgroup> found: array<vec2f, ${THREADS}>;`,
    body: `let lane = control[${CONTROL.lanes}u + ${CONTROL.perLane}u * z];
  let base = lane * launch.words / 4u; let first = group * ${SQUARES / 4}u;
  var own = vec4f(); var all = vec4f();
  for (var i = first + li; i < min(first + ${SQUARES / 4}u, launch.words / 4u); i += ${THREADS}u) {
    let g = gradients[base + i];
    let s = sums[base + i] + g;
    sums[base + i] = s;
    own += g * g;
    all += s * s;
  }
  found[li] = vec2f(dot(own, vec4f(1.0)), dot(all, vec4f(1.0)));
  workgroupBarrier();
  if (li == 0u) {
    var total = vec2f();
    for (var n = 0u; n < ${THREADS}u; n++) { total += found[n]; }
    let at = launch.partials + 2u * (z * launch.groups + group);
    scratch[at] = total.x;
    scratch[at + 1u] = total.y;
  }`,
  });
}

/** The second: both squared norms to the results. The next micro-batch begins. */
export function normsKernel(words: number, lanes: number): StepKernel {
  return stepKernel('ends', {
    groups: 1,
    sizes: { lanes, sums: squareSums(words), partials: SCRATCH.perLane * lanes },
    declarations: `var<workgroup> found: array<vec2f, ${THREADS}>;`,
    body: `var part = vec2f();
  for (var n = li; n < launch.sums; n += ${THREADS}u) {
    let at = launch.partials + 2u * (z * launch.sums + n);
    part += vec2f(scratch[at], scratch[at + 1u]);
  }
  found[li] = part;
  workgroupBarrier();
  if (li == 0u) {
    var total = vec2f();
    for (var n = 0u; n < ${THREADS}u; n++) { total += found[n]; }
    let step = control[${CONTROL.present}u];
    let done = step - control[${CONTROL.first}u];
    let place = ${RESULTS.losses}u + 2u * done * launch.lanes + z;
    results[place] = bitcast<u32>(total.x);
    results[place + launch.lanes] = bitcast<u32>(total.y);
    if (z == 0u) {
      results[${RESULTS.ticket}u] = control[${CONTROL.ticket}u];
      results[${RESULTS.steps}u] = done + 1u;
      control[${CONTROL.next}u] = step + 1u;
    }
  }`,
  });
}

/** What a micro-step's losses are, and what becomes of them. */
export interface LossPlace {
  /** Word at which they begin in a lane's activations, and words from lane to lane. */
  readonly offset: number;
  readonly activationStride: number;
  readonly size: number;
  readonly rowsPerSequence: number;
  readonly sequences: number;
  /** Held-out windows, where an evaluation may leave rows out; else 0. */
  readonly windows: number;
  readonly kind: 'training' | 'evaluation';
}

/** Mean losses to the results; lanes whose loss is not finite are frozen. The next micro-step begins. */
export function finishKernel(place: LossPlace, lanes: number): StepKernel {
  const { offset, activationStride, size, rowsPerSequence, sequences, windows, kind } = place;
  const present = `let before = step * launch.sequences;
  if (before < launch.windows) { count = min(count, (launch.windows - before) * launch.rowsPerSequence); }`;
  const training = `${lane}
    let at = ${SCRATCH.perLane}u * lane;
    let sum = mean + select(scratch[at + ${SCRATCH.lossSum}u], 0.0, step % microBatches == 0u);
    scratch[at + ${SCRATCH.lossSum}u] = sum;
    if ((step + 1u) % microBatches == 0u) {
      let loss = sum / f32(microBatches);
      results[place] = bitcast<u32>(loss);
      if (!isFiniteNumber(loss)) { scratch[at + ${SCRATCH.frozen}u] = 1.0; }
    }`;
  return stepKernel('ends', {
    groups: 1,
    sizes: { offset, activationStride, size, rowsPerSequence, sequences, windows, lanes },
    declarations: `${NOT_NUMBER}\nvar<workgroup> found: array<f32, ${THREADS}>;`,
    body: `let step = control[${CONTROL.present}u];
  let begin = launch.offset + z * launch.activationStride;
  var count = launch.size;
  ${kind === 'evaluation' ? present : ''}
  var part = 0.0;
  for (var i = li; i < count; i += ${THREADS}u) { part += activations[begin + i]; }
  found[li] = part;
  workgroupBarrier();
  if (li == 0u) {
    var total = 0.0;
    for (var n = 0u; n < ${THREADS}u; n++) { total += found[n]; }
    let mean = total / f32(count);
    let done = step - control[${CONTROL.first}u];
    let place = ${RESULTS.losses}u + done * launch.lanes + z;
    ${kind === 'training' ? training : 'results[place] = bitcast<u32>(mean);'}
    if (z == 0u) {
      results[${RESULTS.ticket}u] = control[${CONTROL.ticket}u];
      results[${RESULTS.steps}u] = done + 1u;
      control[${CONTROL.next}u] = step + 1u;
    }
  }`,
  });
}
