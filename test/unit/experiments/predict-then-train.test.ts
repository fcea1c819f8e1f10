// Predict, then train, on a trainer that follows a known law: what was planted is foretold, and what departs from it is a miss.
import { describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { expandSweep, parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { predictThenTrain } from '../../../src/experiments/predict-then-train.ts';
import { TIMES_LARGER } from '../../../src/experiments/foretelling.ts';
import { trajectoryLoss, type TrajectoryConstants } from '../../../src/laws/trajectory-forms.ts';
import { freezePrediction, judge, outcomeOf } from '../../../src/sweep/prediction.ts';
import type { RunRecord } from '../../../src/sweep/record.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const best = (N: number, B: number): number => 2 ** -7 * (N / 6600) ** -0.3 * (B / 128) ** 0.3;

/** Three terms: a floor, size, steps and batch. */
const terms =
  (wrong = 1): FakeLaw =>
  ({ N, B, lr }, step) =>
    (1.3 + 12 * N ** -0.4 + 6 * step ** -0.5 + 0.8 * B ** -0.5) * (N > 3e4 ? wrong : 1) * detuned(lr, best(N, B), 0.02);

const constants: TrajectoryConstants = { alphaN: 0.08, Nc: 4e7, alphaS: 0.7, Sc: 60, critical: { batch: 3000, alpha: 0.3 } };
const trajectory: FakeLaw = ({ N, B, lr }, step) => trajectoryLoss(constants, { N, B, S: step }) * detuned(lr, best(N, B), 0.02);

const sweep = predictThenTrain.sizes.minutes;

/** Trains both stages, as the command line does. */
function play(law: FakeLaw, noise = 0.002, from: SweepConfig = sweep) {
  let records = fakeTraining(from, law, { run: noise });
  let current = from;
  for (let stage = 0; stage < 6; stage++) {
    const analysis = predictThenTrain.analyse(records);
    const next = predictThenTrain.next!(analysis, current);
    if (next === undefined) return { analysis, records, current, verdict: predictThenTrain.verdict(analysis) };
    if (next.predictions) {
      const [draft] = next.predictions;
      const frozen = freezePrediction(draft, '2026-01-01T00:00:00.000Z');
      const grown = parseSweep({ ...current, grids: [...current.grids, ...next.grids] });
      records = [...records, ...fakeTraining({ ...grown, grids: [...next.grids] }, law, { run: noise, seed: 2 })];
      const after = predictThenTrain.analyse(records);
      return {
        before: analysis,
        frozen,
        analysis: after,
        records,
        current: grown,
        verdict: predictThenTrain.verdict(after),
        sentence: next.sentence,
      };
    }
    const known = new Set(records.map(({ id }) => id));
    current = parseSweep({ ...current, grids: [...current.grids, ...next.grids] });
    records = [...records, ...fakeTraining(current, law, { run: noise }).filter(({ id }) => !known.has(id))];
  }
  throw new Error('more stages than expected');
}

const targetOf = (records: readonly RunRecord[]): RunRecord =>
  records.reduce((most, record) => (record.N.nonEmbedding > most.N.nonEmbedding ? record : most));

describe('predict, then train', () => {
  it('foretells a planted law of three terms, for a model eight times larger at a new batch', () => {
    const { before, frozen, analysis, records, verdict, current, sentence } = play(terms());
    const draft = before!.draft!;
    expect(before!.trained).toEqual([]);
    expect(predictThenTrain.verdict(before!).sentence.en).toContain('not trained yet');
    expect(draft.N).toBeGreaterThanOrEqual(TIMES_LARGER * draft.largestN);
    expect(draft.batchesSeen).not.toContain(draft.B);
    expect(sentence!.en).toContain(`N = ${draft.N}`);
    const truth = best(draft.N, draft.B);
    expect(Math.abs(Math.log2(draft.config.learningRate / truth))).toBeLessThan(0.5);
    const target = targetOf(records);
    expect(target.id).toBe(frozen!.run);
    expect(target.id).toBe(runId(draft.config));
    expect(analysis.chosen).toBe('three-term');
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain(target.finalLoss!.toFixed(3));
    expect(verdict.sentence.en).toContain('a hit');
    expect(Math.abs(target.finalLoss! / draft.final.loss - 1)).toBeLessThan(0.02);
    // What the analysis says after the training is what was frozen before it.
    expect(analysis.trained[0].predicted).toEqual(draft.final);
    expect(judge(frozen!, outcomeOf(frozen!, target, '2026-01-02T00:00:00.000Z')).status).toBe('hit');
    expect(predictThenTrain.next!(analysis, current)).toBeUndefined();
  });

  it('foretells a planted trajectory, by whichever law', () => {
    const { verdict, before } = play(trajectory, 0.001);
    expect(before!.draft).toBeDefined();
    expect(['shown', 'not shown here']).toContain(verdict.status);
  });

  it('misses, and says so, when the large model departs from the law', () => {
    const high = play(terms(1.2));
    expect(high.verdict.status).toBe('contradicted');
    expect(high.verdict.sentence.en).toMatch(/above the prediction.*a miss/);
    expect(high.verdict.sentence.zh).toContain('未命中');
  });

  it('claims nothing where size changes nothing', () => {
    const flat: FakeLaw = ({ B, lr, N }, step) => (1.3 + 6 * step ** -0.5 + 0.8 * B ** -0.5) * detuned(lr, best(N, B), 0.02);
    const { verdict } = play(flat, 0.003);
    expect(['not shown here', 'not enough points']).toContain(verdict.status);
  });

  it('keeps its 95 % over many sweeps', () => {
    let hits = 0;
    const rounds = 6;
    for (let seed = 0; seed < rounds; seed++) {
      const records = fakeTraining(sweep, terms(), { run: 0.004, seed });
      const { draft } = predictThenTrain.analyse(records);
      const loss = fakeTraining({ name: 'target', grids: [{ set: draft!.config }] }, terms(), { run: 0.004, seed: seed + 100 })[0]
        .finalLoss!;
      if (loss >= draft!.final.low && loss <= draft!.final.high) hits++;
    }
    expect(hits).toBeGreaterThanOrEqual(rounds - 1);
  });

  it('says what is missing in no runs, one run, one size, and when the large run diverges', () => {
    const records = fakeTraining(sweep, terms(), { run: 0.002 });
    const one = records[0].N.nonEmbedding;
    for (const some of [[], records.slice(0, 1), records.filter(({ N }) => N.nonEmbedding === one)]) {
      const analysis = predictThenTrain.analyse(some);
      const verdict = predictThenTrain.verdict(analysis);
      expect(verdict.status).toBe('not enough points');
      expect(verdict.sentence.en.length).toBeGreaterThan(20);
      expect(verdict.sentence.zh.length).toBeGreaterThan(10);
      for (const figure of predictThenTrain.figures(analysis)) expect(figure.title.en.length).toBeGreaterThan(0);
    }
    const diverging: FakeLaw = (run, step) => (run.N > 3e4 ? NaN : terms()(run, step));
    const { verdict, analysis } = play(diverging);
    expect(analysis.trained[0].status).toBe('diverged');
    expect(verdict.status).toBe('not shown here');
    expect(verdict.sentence.en).toContain('diverged');
  });

  it('asks for learning rates beyond those tried before it foretells anything', () => {
    const high: FakeLaw = ({ N, B, lr }, step) =>
      (1.3 + 12 * N ** -0.4 + 6 * step ** -0.5 + 0.8 * B ** -0.5) * detuned(lr, 4 * best(N, B), 0.02);
    const records = fakeTraining(sweep, high, { run: 0.001 });
    const analysis = predictThenTrain.analyse(records);
    const next = predictThenTrain.next!(analysis, sweep)!;
    expect(next.predictions).toBeUndefined();
    const rates = next.grids.flatMap(({ axes }) => axes?.learningRate ?? []);
    expect(Math.min(...rates)).toBeGreaterThan(2 ** -6);
    // One run for each rate that is added: the seeds of the rates before are not repeated at each.
    for (const { axes } of next.grids) expect(axes?.seed).toHaveLength(1);
    expect(play(high).verdict.status).toBe('shown');
  });

  it('is plain data, and has four sizes whose sweeps are sound', () => {
    const analysis = predictThenTrain.analyse(fakeTraining(sweep, terms(), { run: 0.002 }));
    expect(structuredClone(analysis)).toEqual(analysis);
    for (const figure of predictThenTrain.figures(analysis)) expect(structuredClone(figure)).toEqual(figure);
    for (const size of experimentSizes) {
      const runs = expandSweep(predictThenTrain.sizes[size]);
      for (const { config } of runs) expect(parseRun(config)).toEqual(config);
      expect(new Set(runs.map(({ config }) => config.shape.width)).size).toBeGreaterThan(3);
      for (const { config } of runs) expect(config.tokens % (config.batchSequences * config.context)).toBe(0);
    }
  });
});
