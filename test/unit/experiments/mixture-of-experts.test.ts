// The experiment on sparsity, on landscapes whose minima are known: it sees a shift that is there, claims none where there
// is none, and keeps still where noise could hide one.
import { describe, expect, it } from 'vitest';
import { expandSweep } from '../../../src/config/sweep.ts';
import type { RunConfig } from '../../../src/config/run.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { mixtureOfExperts } from '../../../src/experiments/mixture-of-experts.ts';
import { shiftVerdict, simultaneous } from '../../../src/experiments/shift-verdict.ts';
import { countParameters } from '../../../src/model/counts.ts';
import { modelConfig } from '../../../src/model/parameters.ts';
import type { RunRecord } from '../../../src/sweep/record.ts';
import type { PlantedBowl } from '../laws/planted.ts';
import { plantedRecords } from './planted-records.ts';

const sweep = mixtureOfExperts.sizes.minutes;
const truth: PlantedBowl = { lr: 2 ** -6.3, B: 70, loss: 2.1, hessian: [0.03, -0.01, 0.02] };

/** Minima of models with this many experts per token lie so many octaves from those of the others. */
function shifted(perToken: number, learningRate: number, batch: number) {
  return (_size: unknown, _lr: number, _B: number, { experts, expertsPerToken }: RunConfig): PlantedBowl =>
    experts > 1 && expertsPerToken === perToken ? { ...truth, lr: truth.lr * 2 ** learningRate, B: truth.B * 2 ** batch } : truth;
}

const analysed = (records: readonly RunRecord[], resamples = 200) => mixtureOfExperts.analyse(records, { resamples });

describe('the sweeps', () => {
  it.each(experimentSizes)('%s: sparsities of one size and one set of tokens, over one grid', (size) => {
    const runs = expandSweep(mixtureOfExperts.sizes[size]).map(({ config }) => config);
    const groupOf = (config: RunConfig) => mixtureOfExperts.groupOf!(config).id;
    const groups = [...new Set(runs.map(groupOf))].map((group) => runs.filter((config) => groupOf(config) === group));
    expect(groups.length).toBeGreaterThanOrEqual(3);
    const grids = groups.map((configs) =>
      configs.map(({ learningRate, batchSequences, seed, tokens, shape: { layers, width } }) =>
        JSON.stringify([layers, width, learningRate, batchSequences, seed, tokens]),
      ),
    );
    for (const grid of grids) expect(grid).toEqual(grids[0]);
    const widths = new Set(runs.map(({ shape }) => shape.width));
    for (const width of widths) {
      const counts = runs.filter(({ shape }) => shape.width === width).map((config) => countParameters(modelConfig(config, 60)));
      const totals = counts.map(({ nonEmbedding }) => nonEmbedding);
      expect(Math.max(...totals) / Math.min(...totals)).toBeLessThan(1.075);
      const shares = counts.map(({ active, nonEmbedding }) => active / nonEmbedding);
      expect(Math.max(...shares)).toBe(1);
      expect(Math.min(...shares)).toBeLessThan(size === 'smoke' ? 0.8 : 0.35);
    }
    // Else D would differ from column to column.
    for (const { tokens, context, batchSequences } of runs) expect(tokens % (context * batchSequences)).toBe(0);
  });
});

describe('the verdict', () => {
  it('is that nothing moves by an octave, where nothing moves and the noise is small', () => {
    const analysis = analysed(plantedRecords(sweep, shifted(2, 0, 0), 0.002));
    expect(analysis.groups.map(({ id }) => id)).toEqual(['dense', '4/8', '2/8', '2/16']);
    const verdict = mixtureOfExperts.verdict(analysis);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('Between 4 sparsities');
    expect(analysis.shifts).toHaveLength(3);
    for (const { learningRate, batch } of analysis.shifts)
      for (const one of [learningRate!, batch!]) expect(Math.abs(one.value)).toBeLessThan(0.4);
  });

  it('is contradicted by minima that move, and names those that do', () => {
    for (const [rate, batch, word] of [
      [0, 1.8, 'batch'],
      [-1.6, 0, 'learning rate'],
    ] as const) {
      const analysis = analysed(plantedRecords(sweep, shifted(4, rate, batch), 0.002));
      const verdict = mixtureOfExperts.verdict(analysis);
      expect(verdict.status).toBe('contradicted');
      const [named] = verdict.sentence.en.split('. All shifts');
      expect(named).toContain(`4 of 8 experts: ${word}`);
      expect(named).not.toContain('2 of 8');
      const shift = analysis.shifts.find(({ group }) => group === '4/8')!;
      expect(shift.learningRate!.value).toBeCloseTo(rate, 0);
      expect(shift.batch!.value).toBeCloseTo(batch, 0);
      // Half the second derivative along the shift, over the lowest loss.
      const excess = (0.03 * rate * rate + 0.02 * batch * batch) / 2 / truth.loss;
      const found = analysis.minima.find(({ group }) => group === '4/8')!.excess!;
      expect(found / excess).toBeGreaterThan(0.7);
      expect(found / excess).toBeLessThan(1.4);
    }
  });

  it('is not that nothing moves, where noise could hide a shift', () => {
    for (let seed = 0; seed < 4; seed++)
      expect(mixtureOfExperts.verdict(analysed(plantedRecords(sweep, shifted(2, 0, 0), 0.12, seed))).status).not.toBe('shown');
  });

  it('seldom sees a shift that is not there', () => {
    let contradicted = 0;
    for (let seed = 0; seed < 12; seed++)
      if (mixtureOfExperts.verdict(analysed(plantedRecords(sweep, shifted(2, 0, 0), 0.01, seed))).status === 'contradicted') contradicted++;
    expect(contradicted).toBeLessThanOrEqual(2);
  });

  it('needs the dense model and two sparsities, each with a minimum', () => {
    const records = plantedRecords(sweep, shifted(2, 0, 0), 0.002);
    const only = (...experts: number[]) => records.filter(({ config }) => experts.includes(config.experts));
    for (const some of [[], records.slice(0, 1), only(1), only(16), only(1, 16)]) {
      const verdict = mixtureOfExperts.verdict(analysed(some));
      expect(verdict.status).toBe('not enough points');
      expect(verdict.sentence.zh.length).toBeGreaterThan(5);
    }
    expect(mixtureOfExperts.verdict(analysed(only(1, 8))).status).toBe('shown');
  });

  it('is never that nothing moves while a minimum is beyond its grid: it may be the one that moved', () => {
    const verdict = mixtureOfExperts.verdict(analysed(plantedRecords(sweep, shifted(4, 0, 5), 0.002)));
    expect(verdict.status).toBe('not shown here');
    expect(verdict.sentence.en).toContain('Of 4 of 8 experts a minimum could not be placed');
  });

  it('asks for more of the grid where an optimum lies at its edge', () => {
    const far = { ...truth, B: 2 };
    const verdict = mixtureOfExperts.verdict(analysed(plantedRecords(sweep, () => far, 0.002)));
    expect(verdict).toMatchObject({ status: 'not enough points' });
    expect(verdict.sentence.en).toContain('extend the grids');
  });
});

describe('the analysis', () => {
  const records = plantedRecords(sweep, shifted(2, 0, 0), 0.002);

  it('does not depend on the order of the runs', () => {
    const [there, back] = [analysed(records, 50), analysed([...records].reverse(), 50)];
    expect(back.groups.map(({ id }) => id)).toEqual(there.groups.map(({ id }) => id));
    back.shifts.forEach((shift, i) => expect(shift.learningRate!.value).toBeCloseTo(there.shifts[i].learningRate!.value, 9));
  });

  it('compares at one total N whatever count is asked for, and says what is active', () => {
    const active = mixtureOfExperts.analyse(records, { count: 'active', resamples: 50 });
    expect(active.options.count).toBe('nonEmbedding');
    expect(active.shifts.every(({ missing }) => missing === undefined)).toBe(true);
    expect(active.minima.map((one) => (one.active / one.N).toFixed(2))).toEqual(['1.00', '0.57', '0.35', '0.26']);
    expect(mixtureOfExperts.analyse(records, { count: 'total', resamples: 50 }).options.count).toBe('total');
  });

  it('has figures that are plain data, in both languages', () => {
    const figures = mixtureOfExperts.figures(analysed(records, 50));
    expect(figures.map(({ id }) => id)).toEqual(['minima', 'shift-learningRate', 'shift-batch', 'sparsities']);
    expect(JSON.parse(JSON.stringify(figures))).toEqual(JSON.parse(JSON.stringify(figures)));
    expect(mixtureOfExperts.figures(analysed([]))).toHaveLength(4);
  });
});

describe('intervals that hold together', () => {
  it('are as wide as Bonferroni has them', () => {
    const estimate = { value: 1, low: 0, high: 3 };
    expect(simultaneous(estimate, 1)).toEqual(estimate);
    // The normal's 99.5 % point is 2.5758, its 97.5 % point 1.95996.
    const five = simultaneous(estimate, 5);
    expect(five.low).toBeCloseTo(1 - 2.5758 / 1.96, 3);
    expect(five.high).toBeCloseTo(1 + (2 * 2.5758) / 1.96, 3);
  });

  it('decide: a shift that is sure but small is none, a large one that is not sure is open', () => {
    const groups = analysed(plantedRecords(sweep, shifted(2, 0, 0), 0.002), 50).groups;
    const of = (value: number, half: number) =>
      shiftVerdict(
        {
          groups,
          shifts: groups.slice(1).map(({ id }) => ({
            group: id,
            N: 5508,
            D: 199_680,
            learningRate: { value, low: value - half, high: value + half },
            batch: { value: 0, low: -0.1, high: 0.1 },
            missing: undefined,
          })),
        },
        { tolerance: 1, leastGroups: 3, groups: { en: 'sparsities', zh: '稀疏度' } },
      );
    expect(of(0, 0.2).status).toBe('shown');
    expect(of(0.5, 0.2)).toMatchObject({ status: 'shown' });
    expect(of(0.5, 0.2).sentence.en).toContain('3 of which differ from zero');
    expect(of(0.5, 0.9).status).toBe('not shown here');
    expect(of(1.5, 0.9).status).toBe('contradicted');
    expect(of(1.5, 1.4).status).toBe('not shown here');
    expect(of(0, NaN).status).toBe('not enough points');
  });
});
