// The comparison of laws on planted landscapes, and the gaps it rests on.
import { describe, expect, it } from 'vitest';
import { whichLaw, type WhichLawAnalysis } from '../../../src/experiments/which-law.ts';
import { figureTable } from '../../../src/experiments/figure-table.ts';
import { bowlLoss } from '../../../src/laws/bowl-surface.ts';
import { leftOutSettings, stepLawForm } from '../../../src/laws/left-out-law.ts';
import { publishedSettings } from '../../../src/laws/published-settings.ts';
import { settingsGap } from '../../../src/laws/settings-gap.ts';
import { signTest } from '../../../src/laws/sign-test.ts';
import { plantedLoss, type PlantedBowl } from '../laws/planted.ts';
import { plantedRecords, plantedSweep, type PlantedSize } from './planted-records.ts';

const law = ({ N, D }: PlantedSize): PlantedBowl => ({
  lr: 2 ** -6.5 * (N / 6600) ** -0.5 * (D / 409_600) ** 0.3,
  B: 150 * (D / 409_600) ** 0.5,
  loss: 1.5 + 3 * N ** -0.15,
  hessian: [0.03, -0.01, 0.02],
});
const sweep = plantedSweep({ widths: [8, 16, 36], tokens: [102_400, 409_600, 1_638_400], batches: [1, 2, 4, 8, 16, 32], seeds: [0] });
const analysed = (truth: (size: PlantedSize, lr: number, B: number) => PlantedBowl | undefined, noise = 0.001): WhichLawAnalysis =>
  whichLaw.analyse(plantedRecords(sweep, truth, noise), { resamples: 200 });

describe('which law', () => {
  it('is shown where landscapes follow a law of Step Law’s form', () => {
    const analysis = analysed(law);
    const verdict = whichLaw.verdict(analysis);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('On 9 landscapes');
    const [fitted] = analysis.laws;
    expect(fitted.id).toBe('fitted');
    expect(fitted.gaps).toHaveLength(9);
    // Settings within a fraction of an octave of the planted optimum: gaps of a quarter of a per mille.
    expect(fitted.mean!.value).toBeLessThan(1);
    expect(fitted.mean!.low).toBeLessThanOrEqual(fitted.mean!.value);
    for (const other of analysis.laws.filter(({ kind }) => kind === 'earlier'))
      expect(other.mean!.value).toBeGreaterThan(fitted.mean!.value);
    for (const figure of whichLaw.figures(analysis)) expect(figureTable(figure, 'zh').rows.length).toBeGreaterThan(0);
  });

  it('asks a fit that has not seen the landscape', () => {
    const { cells } = analysed(law).vertexLaw;
    const at = cells[4];
    const own = leftOutSettings(cells, stepLawForm, at)!;
    const moved = cells.map((cell) => (cell === at ? { ...cell, logRate: cell.logRate! + 3, logBatch: cell.logBatch! + 3 } : cell));
    expect(leftOutSettings(moved, stepLawForm, at)).toEqual(own);
    expect(leftOutSettings(moved, stepLawForm, cells[0])!.lr).not.toBeCloseTo(leftOutSettings(cells, stepLawForm, cells[0])!.lr!, 3);
    expect(Math.abs(Math.log2(own.lr! / law(at).lr))).toBeLessThan(0.1);
    expect(leftOutSettings(cells.slice(0, 4), stepLawForm, cells[0])).toBeUndefined();
  });

  it('is not shown by a tie, and contradicted by a loss, as the sign test has them', () => {
    const analysis = analysed(law);
    const withGaps = (change: (gap: number, index: number) => number): WhichLawAnalysis => ({
      ...analysis,
      laws: analysis.laws.map((one) =>
        one.id === 'porian' ? { ...one, gaps: analysis.laws[0].gaps.map((gap, i) => ({ ...gap, gap: change(gap.gap, i) })) } : one,
      ),
    });
    expect(whichLaw.verdict(withGaps((gap, i) => gap + (i % 2 === 0 ? 1 : -1))).status).toBe('not shown here');
    const lost = whichLaw.verdict(withGaps((gap) => gap - 0.001));
    expect(lost.status).toBe('contradicted');
    expect(lost.sentence.en).toContain('Porian et al. is nearer');
  });

  it('has not enough points in few landscapes', () => {
    const records = plantedRecords(sweep, law, 0.001);
    for (const some of [[], records.slice(0, 3), records.filter((record) => record.config.shape.width === 16)])
      expect(whichLaw.verdict(whichLaw.analyse(some, { resamples: 50 })).status).toBe('not enough points');
  });

  it('does not fall over diverged corners, and charges settings outside the grid at least its edge', () => {
    const analysis = analysed((size, lr) => (lr > 0.1 ? undefined : law(size)));
    const microsoft = analysis.laws.find(({ id }) => id === 'bjorck')!;
    expect(microsoft.gaps.some(({ atLeast }) => atLeast)).toBe(true);
    expect(microsoft.gaps.every(({ gap }) => Number.isFinite(gap) && gap > 0)).toBe(true);
    expect(whichLaw.verdict(analysis).status).toBe('shown');
  });
});

describe('the gap of settings', () => {
  const analysis = analysed(law, 0);
  const { rows, bowl, N, D } = analysis.landscapes[4];
  const truth = law({ N, D });

  it('is nothing at the minimum, and what the landscape says elsewhere', () => {
    expect(settingsGap(analysis.rows, rows, bowl, { lr: truth.lr, B: truth.B })!.gap).toBeLessThan(1e-6);
    const near = settingsGap(analysis.rows, rows, bowl, { lr: truth.lr * 1.5, B: truth.B })!;
    expect(near.from).toBe('surface');
    expect(near.gap).toBeCloseTo(plantedLoss(truth, truth.lr * 1.5, truth.B) / truth.loss - 1, 5);
    expect(near.gap).toBeCloseTo(bowlLoss(bowl.surface!, truth.lr * 1.5, truth.B) / truth.loss - 1, 5);
    const far = settingsGap(analysis.rows, rows, bowl, { lr: 2 ** -3.5, B: 32 })!;
    expect(far).toMatchObject({ from: 'grid', atLeast: false });
    const corner = (lr: number): number => plantedLoss(truth, lr, 32);
    expect(far.gap).toBeCloseTo((corner(2 ** -3) + corner(2 ** -4)) / 2 / truth.loss - 1, 5);
  });

  it('takes the best of an open axis, and marks what lies outside', () => {
    const open = settingsGap(analysis.rows, rows, bowl, { lr: truth.lr * 2, B: undefined })!;
    // Of a quadratic: ½·x²·(xx − xy²/yy).
    expect(open.gap * truth.loss).toBeCloseTo(0.5 * (0.03 - 0.01 ** 2 / 0.02), 3);
    const outside = settingsGap(analysis.rows, rows, bowl, { lr: 3, B: truth.B })!;
    expect(outside).toMatchObject({ atLeast: true, lr: 2 ** -3 });
    expect(settingsGap(analysis.rows, rows, { ...bowl, status: 'not identified' }, { lr: 1, B: 1 })).toBeUndefined();
  });
});

describe('published laws', () => {
  it('answer as printed', () => {
    const ask = (id: string) => publishedSettings.find((one) => one.id === id)!.settings({ nonEmbedding: 1e9, flops: 1.1e9, modelFlops: 7e9, D: 1e11 }); // prettier-ignore
    expect(ask('step-law').lr).toBeCloseTo(1.79 * 1e9 ** -0.713 * 1e11 ** 0.307, 12);
    // Equation 1 of DeepSeek LLM at 7·10^20 FLOPs.
    expect(ask('deepseek').lr! / 7.7e-4).toBeCloseTo(1, 1);
    expect(ask('deepseek').B! / 1.92e6).toBeCloseTo(1, 1);
    expect(ask('bjorck')).toEqual({ lr: 1.55e-3 * 100 ** -0.32, B: undefined });
    expect(ask('porian').B).toBeCloseTo(0.7576 * 1.1e9 ** 0.703, 3);
  });
});

describe('the sign test', () => {
  it('has the exact two-sided probabilities, ties left out', () => {
    expect(signTest([1, 1, 1, 1, 1], [2, 2, 2, 2, 2])).toEqual({ pairs: 5, smaller: 5, p: 0.0625 });
    expect(signTest([1, 1, 1, 3], [2, 2, 1, 2]).p).toBe(1);
    expect(signTest([], [])).toEqual({ pairs: 0, smaller: 0, p: 1 });
    expect(signTest([0, 0, 0, 0, 0, 0, 0, 9], [1, 1, 1, 1, 1, 1, 1, 1]).p).toBeCloseTo((2 * 9) / 256, 12);
  });
});
