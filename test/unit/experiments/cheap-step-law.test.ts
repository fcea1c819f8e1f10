// Step Law by branches on planted landscapes: shifts, powers of D and savings are those planted, and each verdict comes
// from data that deserve it.
import { describe, expect, it } from 'vitest';
import { tokensRead, type RunConfig } from '../../../src/config/run.ts';
import { expandSweep, parseSweep } from '../../../src/config/sweep.ts';
import { cheapStepLaw, costShare, difference, type BranchAnalysis } from '../../../src/experiments/cheap-step-law.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { figureTable } from '../../../src/experiments/figure-table.ts';
import { stepLaw } from '../../../src/experiments/step-law.ts';
import { hasTrunkForAnyTokens, sharedUpdates } from '../../../src/training/trunk.ts';
import type { PlantedBowl } from '../laws/planted.ts';
import { plantedRecords, type PlantedSize } from './planted-records.ts';

const minutes = cheapStepLaw.sizes.minutes;
/** The cells of `minutes` over more octaves of learning rates, two seeds. */
const sweep = parseSweep({
  ...minutes,
  grids: minutes.grids.map(({ set, axes }) => ({
    set,
    axes: { ...axes, seed: [0, 1], learningRate: [-11, -10, -9, -8, -7, -6, -5, -4].map((power) => 2 ** power) },
  })),
});
const branch = ({ schedule }: RunConfig): boolean => schedule === 'constant and cooldown';

/** Shift of the branches in octaves at the shortest D, and how it grows over each factor of two in D. */
interface Planted {
  readonly rate?: number;
  readonly batch?: number;
  readonly grows?: number;
}

const law =
  ({ rate = 0, batch = 0, grows = 0 }: Planted) =>
  ({ D }: PlantedSize, _lr: number, _B: number, config: RunConfig): PlantedBowl => {
    const doublings = Math.log2(D / 49_920);
    const shifted = branch(config) ? 1 : 0;
    return {
      lr: 2 ** (-7.3 + 0.25 * doublings + shifted * (rate + grows * doublings)),
      B: 40 * 2 ** (0.5 * doublings + shifted * batch),
      loss: 2.3 - 0.05 * doublings,
      hessian: [0.04, -0.01, 0.03],
    };
  };

const analysed = (planted: Planted, noise = 0.002, keep: (config: RunConfig) => boolean = () => true): BranchAnalysis =>
  cheapStepLaw.analyse(
    plantedRecords(sweep, law(planted), noise).filter(({ config }) => keep(config)),
    { resamples: 100 },
  );

describe('Step Law by branches', () => {
  it('is shown where branches have the optima of full runs, with their shift, their powers of D and their savings', () => {
    const analysis = analysed({ rate: -0.4, batch: 0.1 });
    const verdict = cheapStepLaw.verdict(analysis);
    expect(verdict.status).toBe('shown');
    expect(analysis.shifts.map(({ D }) => D)).toEqual([49_920, 99_840, 199_680, 399_360]);
    for (const { learningRate, batch } of analysis.shifts) {
      expect(Math.abs(learningRate!.value + 0.4)).toBeLessThan(0.3);
      expect(Math.abs(batch!.value - 0.1)).toBeLessThan(0.4);
    }
    for (const [pair, truth] of [
      [analysis.powers.learningRate, 0.25],
      [analysis.powers.batch, 0.5],
    ] as const) {
      expect(Math.abs(pair.full!.value - truth)).toBeLessThan(0.1);
      expect(Math.abs(pair.branches!.value - truth)).toBeLessThan(0.1);
      expect(pair.difference!.low).toBeLessThan(0);
      expect(pair.difference!.high).toBeGreaterThan(0);
    }
    // ½·0.04·0.4² nats and what the cross term adds, of about 2.2.
    for (const { pays } of analysis.cells) expect(pays!).toBeLessThan(0.006);
    // A fifth of the three shorter lengths, the longest whole: 469 of 749 thousand tokens, and a warm-up's rounding.
    expect(Math.abs(costShare(analysis.cells)! - (399_360 + 0.2 * 349_440) / 748_800)).toBeLessThan(0.01);
    expect(verdict.sentence.en).toContain('37 % fewer FLOPs');
    expect(verdict.sentence.zh).toContain('37 %');
  });

  it('is contradicted by a shift of more than an octave, and by one that grows with D; only the latter moves the power of D', () => {
    const moved = analysed({ rate: -1.6 });
    expect(cheapStepLaw.verdict(moved).status).toBe('contradicted');
    const { difference: none } = moved.powers.learningRate;
    expect(Math.max(-none!.low, none!.high)).toBeLessThan(0.2);
    expect(none!.low * none!.high).toBeLessThan(0);
    const growing = analysed({ grows: -0.6 });
    expect(cheapStepLaw.verdict(growing).status).toBe('contradicted');
    expect(growing.powers.learningRate.difference!.high).toBeLessThan(-0.3);
    // What full runs pay at the branches' optimum grows with the shift: ½·0.04·1.8² nats of 2.15 at the longest.
    const pays = growing.cells.map((cell) => cell.pays!);
    expect(Math.abs(pays[3] - (0.5 * 0.04 * 1.8 ** 2) / 2.15)).toBeLessThan(0.008);
    expect(pays[3]).toBeGreaterThan(pays[0]);
  });

  it('is not shown by noise that leaves a shift of an octave open', () => {
    expect(cheapStepLaw.verdict(analysed({ rate: -1.6 }, 0.12)).status).not.toBe('shown');
    expect(cheapStepLaw.verdict(analysed({}, 0.12)).status).not.toBe('shown');
  });

  it('has not enough points without both designs, and charges only what both have', () => {
    expect(cheapStepLaw.verdict(cheapStepLaw.analyse([])).status).toBe('not enough points');
    for (const keep of [branch, (config: RunConfig): boolean => !branch(config)]) {
      const one = analysed({}, 0.002, keep);
      expect(cheapStepLaw.verdict(one).status).toBe('not enough points');
      expect(one.cells).toEqual([]);
      expect(costShare(one.cells)).toBeUndefined();
    }
    // Without the longest, the next longest is trained whole.
    const shorter = analysed({}, 0.002, (config) => config.tokens < 300_000 && (branch(config) || config.learningRate > 2 ** -8.5));
    expect(shorter.cells).toHaveLength(3);
    expect(shorter.cells[2].trained / shorter.cells[2].full).toBeCloseTo(1, 9);
    expect(shorter.cells[0].full).toBeCloseTo((analysed({}).cells[0].full * 5) / 8, -3);
  });

  it('draws both designs against D, their powers and their costs, also where nothing was found', () => {
    const figures = cheapStepLaw.figures(analysed({ rate: -0.5 }));
    expect(figures.map(({ id }) => id)).toEqual([
      'minima', 'shift-learningRate', 'shift-batch', 'optima-learningRate', 'optima-batch', 'powers', 'costs',
    ]); // prettier-ignore
    const optima = figures[3];
    if (optima.kind !== 'plot') throw new Error('another figure');
    expect(optima.series.map(({ points }) => points.length)).toEqual([4, 4]);
    expect(optima.lines).toHaveLength(2);
    // The line of the branches lies half an octave below that of the full runs.
    const middle = optima.lines.map(({ points }) => points[10].y);
    expect(Math.abs(Math.log2(middle[1] / middle[0]) + 0.5)).toBeLessThan(0.2);
    const shifts = figures[1];
    if (shifts.kind !== 'ladder') throw new Error('another figure');
    expect(new Set(shifts.rungs.map(({ label }) => label.en)).size).toBe(4);
    for (const figure of [...figures, ...cheapStepLaw.figures(cheapStepLaw.analyse([]))])
      expect(figureTable(figure, 'zh').head.length).toBeGreaterThan(1);
  });

  it('takes differences with both errors', () => {
    const { value, low, high } = difference({ value: 1, low: -2, high: 5 }, { value: 3, low: -1, high: 6 });
    expect([value, low, high]).toEqual([2, 2 - Math.hypot(4, 4), 2 + Math.hypot(3, 3)]);
  });

  it('has, at every size, one trunk for all D of a setting, whole batches, and both designs of every cell', () => {
    for (const size of experimentSizes) {
      const runs = expandSweep(cheapStepLaw.sizes[size]);
      const [full, branches] = [runs.filter(({ config }) => !branch(config)), runs.filter(({ config }) => branch(config))];
      expect(full.length).toBe(branches.length);
      for (const { config } of runs) expect(tokensRead(config)).toBe(config.tokens);
      for (const { config } of branches) expect(hasTrunkForAnyTokens(config)).toBe(true);
      expect(sharedUpdates(full).every((updates) => updates === 0)).toBe(true);
      const lengths = new Set(branches.map(({ config }) => config.tokens)).size;
      expect(sharedUpdates(branches).filter((updates) => updates === 0)).toHaveLength(branches.length / lengths);
    }
  });

  it('trains full runs that Step Law has too only once', () => {
    // Equal settings are equal runs: where the grids meet, a store that has one has the other.
    const ids = new Set(expandSweep(stepLaw.sizes.minutes).map(({ id }) => id));
    expect(expandSweep(minutes).some(({ id }) => ids.has(id))).toBe(true);
  });
});
