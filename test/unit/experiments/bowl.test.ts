// The bowl on planted landscapes: it finds what was planted, and claims nothing that was not.
import { describe, expect, it } from 'vitest';
import { expandSweep, parseSweep, sweepId } from '../../../src/config/sweep.ts';
import { bowl } from '../../../src/experiments/bowl.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { countParameters } from '../../../src/model/counts.ts';
import { modelConfig } from '../../../src/model/parameters.ts';
import { figureTable } from '../../../src/experiments/figure-table.ts';
import { extensionOf } from '../../../src/experiments/extension.ts';
import { experimentOf, experiments } from '../../../src/experiments/index.ts';
import { bestAt } from '../../../src/experiments/landscapes.ts';
import type { PlantedBowl } from '../laws/planted.ts';
import { plantedRecords, plantedSweep, type PlantedSize } from './planted-records.ts';

/** Best learning rate 2^-6 at N = 6,600, falling as N^-0.4; best batch 110 tokens; a valley along higher lr and higher B. */
const planted =
  (exponent: number, B = 110) =>
  ({ N, D }: PlantedSize): PlantedBowl => ({
    lr: 2 ** -6 * (N / 6600) ** exponent * (D / 409_600) ** 0.25,
    B: B * (D / 409_600) ** 0.5,
    loss: 1.5 + 3 * N ** -0.15,
    hessian: [0.03, -0.012, 0.02],
  });

const options = { resamples: 300 };
const analysed = (records: Parameters<typeof bowl.analyse>[0]) => bowl.analyse(records, options);

describe('the bowl', () => {
  it('finds planted optima and the fall of the learning rate, and says so', () => {
    const sweep = plantedSweep();
    const analysis = analysed(plantedRecords(sweep, planted(-0.4), 0.004));
    expect(analysis.landscapes.map(({ bowl: one }) => one.status)).toEqual(['converged', 'converged', 'converged', 'converged']);
    for (const { bowl: one, N, D } of analysis.landscapes) {
      const truth = planted(-0.4)({ N, D });
      expect(Math.abs(Math.log2(one.parameters.lr!.value / truth.lr))).toBeLessThan(0.5);
      expect(Math.abs(Math.log2(one.parameters.B!.value / truth.B))).toBeLessThan(0.8);
    }
    const exponent = analysis.vertexLaw.parameters['lr.N']!;
    expect(exponent.low).toBeLessThan(-0.4);
    expect(exponent.high).toBeGreaterThan(-0.4);
    expect(exponent.high).toBeLessThan(0);
    expect(analysis.batchLine!.N!.low).toBeLessThan(0);
    expect(analysis.batchLine!.N!.high).toBeGreaterThan(0);
    const verdict = bowl.verdict(analysis);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('4 of 4 fitted landscapes are convex');
    expect(verdict.sentence.en).toContain(exponent.value.toFixed(2));
    const middle = bestAt(analysis, 20_000, 409_600);
    const truth = planted(-0.4)({ N: 20_000, D: 409_600 });
    expect(middle.lr!.low).toBeLessThan(truth.lr);
    expect(middle.lr!.high).toBeGreaterThan(truth.lr);
    expect(middle.B!.low).toBeLessThan(truth.B);
    expect(middle.B!.high).toBeGreaterThan(truth.B);
  });

  it('shows minima of every D side by side, and the share of convex landscapes with its interval', () => {
    const sweep = plantedSweep({ widths: [8, 16, 32], tokens: [102_400, 409_600], batches: [1, 2, 4, 8, 16, 32] });
    // At the longer D the smallest size is a saddle: it bends down along the batch.
    const saddle = ({ N, D }: PlantedSize): PlantedBowl => {
      const truth = planted(-0.4)({ N, D });
      return N < 3000 && D > 200_000 ? { ...truth, hessian: [0.03, 0, -0.03] } : truth;
    };
    const analysis = analysed(plantedRecords(sweep, saddle, 0.002));
    const verdict = bowl.verdict(analysis);
    expect(verdict.sentence.en).toContain('5 of 6 fitted landscapes are convex');
    // Clopper and Pearson, 5 of 6: 0.3588 to 0.9958.
    expect(verdict.sentence.en).toContain('a share of 35.9 % … 99.6 % (95 %)');
    expect(verdict.sentence.zh).toContain('35.9 % … 99.6 %');
    const [minima, share] = bowl.figures(analysis);
    if (minima.kind !== 'plot' || share.kind !== 'ladder') throw new Error('other figures');
    expect(minima.series.map(({ label, points }) => [label.en, points.length])).toEqual([
      ['D = 102400', 3],
      ['D = 409600', 3],
    ]);
    expect(minima.series[1].points.filter(({ leftOut }) => leftOut !== undefined)).toHaveLength(1);
    expect(share.rungs.map(({ label }) => label.en)).toEqual([
      'all landscapes: 5 of 6', 'D = 102400: 3 of 3', 'D = 409600: 2 of 3', 'all landscapes, resampled',
    ]); // prettier-ignore
    const [all, , , resampled] = share.rungs;
    expect(all.estimate!.low).toBeCloseTo(35.88, 1);
    expect(resampled.estimate!.value).toBeCloseTo(100 * (5 / 6), 0);
    expect(resampled.estimate!.high - resampled.estimate!.low).toBeLessThan(20);
    for (const figure of bowl.figures(analysed([]))) expect(figureTable(figure, 'zh').head.length).toBeGreaterThan(0);
  });

  it('finds exponents of N and D where both vary', () => {
    const sweep = plantedSweep({
      widths: [8, 16, 32],
      tokens: [102_400, 409_600, 1_638_400],
      batches: [1, 2, 4, 8, 16, 32],
      seeds: [0, 1, 2],
    });
    const analysis = analysed(plantedRecords(sweep, planted(-0.4), 0.002));
    expect(analysis.landscapes).toHaveLength(9);
    const { 'lr.D': lrD, 'batch.D': batchD } = analysis.vertexLaw.parameters;
    expect(lrD!.low).toBeLessThan(0.25);
    expect(lrD!.high).toBeGreaterThan(0.25);
    expect(batchD!.low).toBeLessThan(0.5);
    expect(batchD!.high).toBeGreaterThan(0.5);
    expect(analysis.batchLine!.D!.value).toBeCloseTo(0.5, 0);
  });

  it('is contradicted by learning rates that rise, and by landscapes that curve down', () => {
    const rising = bowl.verdict(analysed(plantedRecords(plantedSweep(), planted(0.25), 0.003)));
    expect(rising.status).toBe('contradicted');
    const saddle = (size: PlantedSize): PlantedBowl => ({ ...planted(-0.4)(size), hessian: [0.03, 0, -0.03] });
    expect(bowl.verdict(analysed(plantedRecords(plantedSweep(), saddle, 0.002))).status).not.toBe('shown');
  });

  it('claims nothing where nothing is: the same optimum for all sizes, or noise alone', () => {
    const shown = { level: 0, noise: 0 };
    for (let seed = 0; seed < 8; seed++) {
      const sweep = plantedSweep({ seeds: [0] });
      if (bowl.verdict(bowl.analyse(plantedRecords(sweep, planted(0), 0.005, seed), { resamples: 200 })).status === 'shown') shown.level++;
      const flat = (size: PlantedSize): PlantedBowl => ({ ...planted(-0.4)(size), hessian: [0, 0, 0] });
      if (bowl.verdict(bowl.analyse(plantedRecords(sweep, flat, 0.02, seed), { resamples: 200 })).status === 'shown') shown.noise++;
    }
    // An interval of 95 % errs in either direction one time in twenty, in this one in forty.
    expect(shown.level).toBeLessThanOrEqual(1);
    expect(shown.noise).toBe(0);
  });

  it('has not enough points in no runs, one run, one size', () => {
    const records = plantedRecords(plantedSweep(), planted(-0.4), 0.003);
    for (const some of [[], records.slice(0, 1), records.filter((record) => record.config.shape.width === 8)]) {
      const verdict = bowl.verdict(analysed(some));
      expect(verdict.status).toBe('not enough points');
      expect(verdict.sentence.zh.length).toBeGreaterThan(5);
    }
  });

  it('keeps diverged corners out, whatever the order of the runs', () => {
    const records = plantedRecords(plantedSweep(), (size, lr, B) => (lr > 0.06 && B < 100 ? undefined : planted(-0.4)(size)), 0.003);
    const first = analysed(records);
    expect(bowl.verdict(first).status).toBe('shown');
    expect(first.rows.filter((row) => row.status === 'diverged').length).toBeGreaterThan(0);
    const second = analysed([...records].reverse());
    expect(second.vertexLaw.parameters['lr.N']!.value).toBeCloseTo(first.vertexLaw.parameters['lr.N']!.value, 9);
  });

  it('compares only runs of one recipe', () => {
    const records = plantedRecords(plantedSweep({ widths: [8, 16, 32] }), planted(-0.4), 0.003);
    const foreign = records
      .slice(0, 10)
      .map((record) => ({ ...record, id: `${record.id}x`, config: { ...record.config, beta2: 0.9 }, finalLoss: 0.1 }));
    const skipped = { ...records[0], id: 'skipped', status: 'skipped' as const, finalLoss: null };
    const analysis = analysed([...foreign, ...records, skipped]);
    expect(analysis.left).toHaveLength(11);
    expect(analysis.ids).toEqual(records.map((record) => record.id));
  });

  it('counts N as it is told to', () => {
    const records = plantedRecords(plantedSweep(), planted(-0.4), 0.003);
    const of = (count: 'nonEmbedding' | 'total' | 'flops') => bowl.analyse(records, { count, resamples: 100 });
    expect(of('total').landscapes.map(({ N }) => N)).toEqual([...new Set(records.map((record) => record.N.total))]);
    // The same rates over counts that grow more slowly: a steeper exponent.
    expect(of('total').vertexLaw.parameters['lr.N']!.value).toBeLessThan(of('nonEmbedding').vertexLaw.parameters['lr.N']!.value);
    const stepLaw = of('total').references.find((line) => line.id === 'step-law')!.points[0];
    expect(stepLaw.N).toBe(records[0].N.total);
    expect(stepLaw.lr).toBeCloseTo(1.79 * records[0].N.nonEmbedding ** -0.713 * records[0].D ** 0.307, 9);
  });

  it('says which rows and columns to add, and finds the optimum when they are there', () => {
    // The best batch is 12 tokens: below a grid that begins at four sequences of 32.
    const truth = ({ N, D }: PlantedSize): PlantedBowl => ({ ...planted(-0.4, 50)({ N, D }), hessian: [0.03, 0, 0.02] });
    const sweep = plantedSweep({ widths: [16, 32], rates: [-6, -5, -4, -3], batches: [4, 8, 16] });
    const records = plantedRecords(sweep, truth, 0.001);
    const analysis = analysed(records);
    expect(analysis.landscapes.map(({ bowl: one }) => one.status)).toEqual(['at the edge', 'at the edge']);
    expect(bowl.verdict(analysis).status).toBe('not enough points');
    const grids = extensionOf(analysis, records, sweep);
    const grown = parseSweep({ ...sweep, grids: [...sweep.grids, ...grids] });
    const added = expandSweep(grown).slice(records.length);
    expect(new Set(added.map((run) => run.config.batchSequences))).toEqual(new Set([1, 2, 4, 8, 16]));
    expect(Math.min(...added.map((run) => run.config.learningRate))).toBe(2 ** -8);
    expect(added.every((run) => run.config.tokens === 409_600 && run.config.context === 32)).toBe(true);
    // A full rectangle: no hole at the corner.
    const wide = added.filter((run) => run.config.shape.width === 32 && run.config.seed === 0);
    expect(wide.length + 12).toBe(6 * 5);
    const again = analysed(plantedRecords(grown, truth, 0.001));
    expect(again.landscapes.map(({ bowl: one }) => one.status)).toEqual(['converged', 'converged']);
    expect(extensionOf(again, plantedRecords(grown, truth, 0.001), grown)).toEqual([]);
  });

  it('adds no batch below one sequence', () => {
    const truth = (size: PlantedSize): PlantedBowl => ({ ...planted(-0.4, 1)(size), hessian: [0.03, 0, 0.02] });
    const sweep = plantedSweep({ widths: [16] });
    const records = plantedRecords(sweep, truth, 0.001);
    expect(analysed(records).landscapes[0].bowl.edges).toContain('small batch');
    expect(extensionOf(analysed(records), records, sweep)).toEqual([]);
  });
});

describe('experiments', () => {
  it('have valid sweeps of their own at all sizes, and text in both languages', () => {
    for (const experiment of experiments) {
      const found = experimentSizes.map((size) => parseSweep(JSON.parse(JSON.stringify(experiment.sizes[size]))));
      expect(new Set(found.map(sweepId)).size).toBe(experimentSizes.length);
      for (const sweep of found) expect(sweep.experiment).toBe(experiment.id);
      for (const { en, zh } of [experiment.title, experiment.summary, experiment.claim, ...experiment.text]) expect(en && zh).toBeTruthy();
      expect(experimentOf(experiment.id)).toBe(experiment);
    }
    expect(() => experimentOf('nope')).toThrow('There is no experiment "nope"');
    expect(() => experimentOf('constructor')).toThrow('no experiment');
  });

  it('vary at least three sizes, a factor of four apart, over enough rates and batches', () => {
    const runs = expandSweep(bowl.sizes.minutes);
    const counts = [...new Set(runs.map((run) => countParameters(modelConfig(run.config, 99)).nonEmbedding))];
    expect(counts.length).toBeGreaterThanOrEqual(3);
    counts.slice(1).forEach((count, index) => expect(count / counts[index]).toBeGreaterThanOrEqual(4));
    expect(new Set(runs.map((run) => run.config.learningRate)).size).toBeGreaterThanOrEqual(6);
    expect(new Set(runs.map((run) => run.config.batchSequences)).size).toBeGreaterThanOrEqual(5);
  });
});
