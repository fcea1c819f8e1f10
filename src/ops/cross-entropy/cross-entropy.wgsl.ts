// WGSL of cross-entropy: losses, and in the same pass the logits' gradient.
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { ROW_THREADS, rowAccess, rowGroups, rowReduction, sharers } from '../wgsl/rows.ts';

/** As in src/plan/launches.ts. */
export interface CrossEntropyParts {
  readonly reads: { readonly logits: Place; readonly targets: Place };
  readonly writes: { readonly losses: Place; readonly dLogits?: Place | undefined };
  readonly rows: number;
  readonly vocabulary: number;
}

/** Logits that an invocation takes, at least. */
const EACH = 32;
/** Below every logit that a finite loss can have. */
const LOWEST = 'vec4f(-3.0e38)';

/** A few invocations share a row, unless each is to have rows `alone`. */
export function crossEntropyKernel({ reads, writes, rows, vocabulary }: CrossEntropyParts, strides: Strides, alone: boolean): Kernel {
  const vectors = vocabulary % 4 === 0;
  const { load, store, keep } = rowAccess(vectors, 'launch.vocabulary');
  const share = sharers(vocabulary, EACH, alone);
  const [largest, sums] = [rowReduction('rowLargest', share), rowReduction('rowSums', share)];
  const columns = (body: string): string =>
    `if (live) { for (var c = 4u * (li % ${share}u); c < launch.vocabulary; c += ${4 * share}u) { ${body} } }`;
  const logits = load('logits', 'logitsAt + begin + c', 'c');
  // The target's logit is read before the gradients take the logits' place.
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads: ROW_THREADS,
      groups: rowGroups(rows, share),
      sizes: { rows, vocabulary },
      declarations: `${largest.memory}\n${sums.memory}`,
      body: `let row = group * ${ROW_THREADS / share}u + li / ${share}u; let live = row < launch.rows; let begin = row * launch.vocabulary;
var highest = ${LOWEST};
${columns(`highest = max(highest, ${keep(logits, 'c', LOWEST)});`)}
${largest.combine('max(max(highest.x, highest.y), max(highest.z, highest.w))', 'top', (a, b) => `max(${a}, ${b})`)}
var exponentials = vec4f();
${columns(`exponentials += ${keep(`exp(${logits} - top)`, 'c')};`)}
var goal = 0u;
if (live) { goal = u32(targets1(targetsAt + row)); }
var chosen = 0.0;
if (live && li % ${share}u == 0u) { chosen = logits1(logitsAt + begin + goal); }
${sums.combine('dot(exponentials, vec4f(1.0))', 'sum')}
if (live && li % ${share}u == 0u) { setLosses1(lossesAt + row, log(sum) - (chosen - top)); }
${
  writes.dLogits
    ? columns(`let hit = select(vec4f(), vec4f(1.0), vec4u(c, c + 1u, c + 2u, c + 3u) == vec4u(goal));
let v = (exp(${logits} - top) / sum - hit) / f32(launch.rows);
${store('dLogits', 'dLogitsAt + begin + c', 'c', 'v')}`)
    : ''
}`,
    },
    strides,
  );
}
