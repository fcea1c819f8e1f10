// What the host spends on a step, on a GPU that does nothing: Dawn's null backend takes every call, checks it and drops it.
import { openNullDevice } from '../unit/plan/null-device.ts';
import { createWebGpuExecutor } from '../../src/plan/webgpu/executor.ts';
import { startPopulation } from './engine.ts';
import { atMost, type BenchRow } from './rows.ts';
import { shapes, type BenchShape } from './shapes.ts';
import { median } from './timing.ts';

/** L4, small enough for the null backend's memory at 32 lanes. */
const SHAPE: BenchShape = {
  name: 'L4 d32 B4 T32 V64',
  model: { ...shapes.small.model, shape: { ...shapes.small.model.shape, layers: 4 }, context: 32 },
  sequences: 4,
};

const STEPS = 300;
const ROUNDS = 7;

/** Milliseconds of the host for one step of `lanes` lanes: the median over rounds, and text with all of them. */
async function hostTime(lanes: number): Promise<{ readonly milliseconds: number; readonly text: string }> {
  const nothing = await openNullDevice(lanes);
  const { device, calls } = nothing;
  try {
    const create = (...[plans, settings, tokens]: Parameters<Parameters<typeof startPopulation>[4]>) =>
      createWebGpuExecutor(plans, settings, tokens, device);
    const engine = await startPopulation('engine', SHAPE, lanes, STEPS, create);
    await engine.run(STEPS);
    const times: number[] = [];
    const submitsBefore = calls.submits;
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now();
      await engine.run(STEPS);
      times.push((performance.now() - began) / STEPS);
    }
    const perSubmit = (ROUNDS * STEPS) / (calls.submits - submitsBefore);
    engine.executor.dispose();
    return {
      milliseconds: median(times),
      text: `${times.map((time) => time.toFixed(3)).join(', ')} ms; ${perSubmit.toFixed(0)} steps a submission`,
    };
  } finally {
    nothing.close();
  }
}

/** The host budget of a step, and of a model's step among 32. */
export async function hostBudget(): Promise<BenchRow[]> {
  const [one, many] = [await hostTime(1), await hostTime(32)];
  return [
    atMost(`host time a step on Dawn’s null device, 1 lane, ${SHAPE.name}`, one.milliseconds, 'milliseconds', 0.3, one.text),
    atMost(
      `host time a model-step on Dawn’s null device, 32 lanes, ${SHAPE.name}`,
      (1000 * many.milliseconds) / 32,
      'microseconds',
      20,
      many.text,
    ),
  ];
}
