// The engine beside plain tfjs and jax-js on one backend, every shape in rounds that all peers share.
import * as tf from '@tensorflow/tfjs-core';
import { startPopulation, type ExecutorFactory } from './engine.ts';
import { plainTfjs } from './peers/plain-tfjs.ts';
import { atLeast, shown, type BenchRow } from './rows.ts';
import { shapes, type BenchShape, type Peer } from './shapes.ts';
import { sideBySide, type Timed } from './timing.ts';

/** One shape of a comparison, and how many times as fast the engine should be. */
export interface Comparison {
  readonly shape: BenchShape;
  readonly plainTarget: number;
  /** Undefined: jax-js is not run on this shape. */
  readonly jaxTarget: number | undefined;
  /** Steps in a turn of the engine, of plain tfjs and of jax-js. */
  readonly steps: readonly [engine: number, plain: number, jax: number];
}

/** What is compared on each backend. */
const comparisons: Readonly<Record<'webgpu' | 'wasm', readonly Comparison[]>> = {
  webgpu: [
    { shape: shapes.small, plainTarget: 25, jaxTarget: 6, steps: [10, 1, 2] },
    { shape: shapes.middle, plainTarget: 18, jaxTarget: undefined, steps: [4, 1, 1] },
  ],
  wasm: [
    { shape: shapes.small, plainTarget: 12, jaxTarget: 6, steps: [60, 6, 10] },
    { shape: shapes.wide, plainTarget: 14, jaxTarget: undefined, steps: [4, 1, 1] },
  ],
};

const timed = (name: string, peer: Peer, steps: number): Timed & { dispose(): void } => ({
  name,
  steps,
  async run(count) {
    for (let i = 0; i < count; i++) await peer.step();
  },
  dispose: () => peer.dispose(),
});

/** Rows of one backend. jax-js needs a browser, or a later Node than others do. */
export async function peerTimes(
  backend: 'webgpu' | 'wasm',
  create: ExecutorFactory,
  rounds: number,
  { withJax = true }: { readonly withJax?: boolean } = {},
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const { shape, plainTarget, steps, ...targets } of comparisons[backend]) {
    const jaxTarget = withJax ? targets.jaxTarget : undefined;
    await tf.setBackend(backend);
    const engine = await startPopulation('engine', shape, 1, steps[0], create);
    const plain = timed('plain tfjs', plainTfjs(shape), steps[1]);
    const others = [plain];
    if (jaxTarget !== undefined) {
      const { jax } = await import('./peers/jax.ts');
      others.push(timed('jax-js', await jax(shape, backend), steps[2]));
    }
    const times = await sideBySide([engine, ...others], rounds);
    rows.push(
      atLeast(
        `${backend}: step of plain tfjs ÷ step of the engine, ${shape.name}`,
        times.ratio('plain tfjs', 'engine'),
        '×',
        plainTarget,
        times.text,
      ),
    );
    if (jaxTarget !== undefined)
      rows.push(
        atLeast(
          `${backend}: step of jax-js ÷ step of the engine, ${shape.name}`,
          times.ratio('jax-js', 'engine'),
          '×',
          jaxTarget,
          times.text,
        ),
      );
    engine.executor.dispose();
    for (const other of others) other.dispose();
  }
  return rows;
}

/** Model-steps a second of `many` lanes over those of one lane. */
export async function laneGain(
  backend: 'webgpu' | 'wasm',
  shape: BenchShape,
  many: number,
  target: number,
  create: ExecutorFactory,
  rounds: number,
): Promise<BenchRow> {
  const one = await startPopulation('1 lane', shape, 1, many, create);
  const all = await startPopulation(`${many} lanes`, shape, many, 1, create);
  const times = await sideBySide([one, all], rounds);
  one.executor.dispose();
  all.executor.dispose();
  return atLeast(
    `${backend}: model-steps a second, lanes 1 → ${many}, ${shape.name}`,
    many * times.ratio('1 lane', `${many} lanes`),
    '×',
    target,
    times.text,
  );
}

/** Step times of the shapes without a peer, as they are. */
export async function longStep(backend: 'webgpu' | 'wasm', create: ExecutorFactory): Promise<BenchRow> {
  const engine = await startPopulation('engine', shapes.long, 1, 1, create);
  const times = await sideBySide([engine], 3);
  engine.executor.dispose();
  return shown(`${backend}: step of the engine, ${shapes.long.name}`, times.milliseconds.get('engine')!, 'milliseconds', times.text);
}
