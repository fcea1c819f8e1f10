// What comes next is made ready while an executor trains, whom it does not hold up; counted on the fake device and on a
// GPU that does nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { modelPlans } from '../../../src/plan/model-plans.ts';
import { Controls } from '../../../src/training/controls.ts';
import type { CompileAhead, Expected } from '../../../src/training/engine/ahead.ts';
import { EngineTrainer, type EngineParts } from '../../../src/training/engine/engine-trainer.ts';
import { webGpuParts } from '../../../src/training/engine/on-webgpu.ts';
import type { LaneEvent } from '../../../src/training/trainer.ts';
import { openNullDevice } from '../plan/null-device.ts';
import { bench, cpuLike, data, run, train } from './engine-bench.ts';

/** A promise and what resolves it. */
function gate() {
  let pass: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (pass = resolve));
  return { pass, passed };
}

/** Executors that do not begin to train before `passed`. */
const holding = (create: EngineParts['createExecutor'], passed: Promise<void>): EngineParts['createExecutor'] => {
  return async (...given) => {
    const executor = await create(...given);
    const advance = executor.advance.bind(executor);
    executor.advance = async (...slice) => {
      await passed;
      return advance(...slice);
    };
    return executor;
  };
};

describe('while a group of runs trains', () => {
  // Batches of 8 and of 4: two groups, the larger micro-batch first.
  const runs = [4, 8].map((batchSequences) => run({ batchSequences }));

  it('the next one is compiled, from when the first is at work; compiling for ever holds nobody up', async () => {
    const told: string[] = [];
    const { pass, passed } = gate();
    let signal: AbortSignal | undefined;
    const base = bench();
    const compileAhead: CompileAhead = async ({ plans, lanes }, until) => {
      told.push(`ahead ${plans.training.sequences} × ${lanes}`);
      signal = until;
      pass();
      await new Promise(() => undefined);
    };
    const create = holding(base.device.create, passed);
    const createExecutor: EngineParts['createExecutor'] = (plans, ...rest) => {
      told.push(`set up ${plans.training.sequences}${signal?.aborted ? ', compiling left off' : ''}`);
      return create(plans, ...rest);
    };
    const set = bench({}, { microBatches: cpuLike, compileAhead, createExecutor });
    const { told: ends } = await train(set, runs);
    for (const { id } of runs) expect(ends.get(id)!.outcome!.status).toBe('finished');
    expect(told).toEqual(['set up 8', 'ahead 4 × 1', 'set up 4, compiling left off']);
  });

  it('what was announced comes after the groups that are left, and only while there is something to train', async () => {
    const seen: Expected[] = [];
    const { pass, passed } = gate();
    const compileAhead: CompileAhead = async (expected) => {
      seen.push(expected);
      if (seen.length === 2) pass();
      await Promise.resolve();
      if (seen.length === 1) throw new Error('A kernel that does not compile is no matter here.');
    };
    const base = bench();
    const set = bench({}, { microBatches: cpuLike, compileAhead, createExecutor: holding(base.device.create, passed) });
    const wide = run({ batchSequences: 2, shape: { layers: 1, width: 16, heads: 2, mlpRatio: 2 } });
    set.trainer.announce(wide.config, data);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).toEqual([]);
    await train(set, runs);
    expect(seen.map(({ plans }) => plans.training.sequences)).toEqual([4, 2]);
    expect(seen[1].plans.training.parameters).toBeGreaterThan(seen[0].plans.training.parameters);
  });
});

describe('on a GPU', () => {
  let open: Awaited<ReturnType<typeof openNullDevice>> | undefined;
  afterEach(() => open?.close());

  it('a population that was announced finds its pipelines compiled', async () => {
    open = await openNullDevice(1);
    const { calls, gpu } = open;
    const parts = await webGpuParts(gpu, true);
    const { pass, passed } = gate();
    /** Pipelines made while an executor was set up, and while one trained. */
    const [inSetUp, meanwhile]: number[][] = [[], []];
    const create = holding(parts.createExecutor, passed);
    const trainer = new EngineTrainer({
      ...parts,
      report: { backend: 'webgpu', engine: 'plan', device: 'null', emulated: true, features: [] },
      plansOf: modelPlans,
      microBatches: cpuLike,
      createExecutor: async (...given) => {
        const before = calls.pipelines;
        const executor = await create(...given);
        inSetUp.push(calls.pipelines - before);
        return executor;
      },
      compileAhead: async (...given) => {
        const before = calls.pipelines;
        await parts.compileAhead!(...given);
        meanwhile.push(calls.pipelines - before);
        pass();
      },
    });
    const first = run({});
    const config = parseRun({ ...first.config, shape: { layers: 1, width: 30, heads: 3, mlpRatio: 1 }, positions: 'rotary', qkNorm: true });
    const second = { id: runId(config), config };
    trainer.announce(config, data);
    for (const one of [first, second]) {
      const events: LaneEvent[] = [];
      await trainer.train([one], data, new Controls(), (event) => events.push(event));
      expect(events.at(-1)).toMatchObject({ kind: 'ended', id: one.id, outcome: { status: 'finished' } });
    }
    expect(inSetUp).toHaveLength(2);
    expect(inSetUp[0]).toBeGreaterThan(15);
    expect(meanwhile).toHaveLength(1);
    expect(meanwhile[0]).toBeGreaterThan(5);
    expect(inSetUp[1]).toBe(0);
    trainer.dispose();
  });
});
