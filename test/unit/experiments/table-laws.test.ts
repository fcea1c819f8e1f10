// Laws on tables: each answers on planted runs, its picture agrees with the law that was planted, and what cannot be
// fitted says so in its place.
import { describe, expect, it } from 'vitest';
import type { PlotFigure } from '../../../src/experiments/figure.ts';
import { fitTableLaw, fitTableTexts, tableLaws, type TableSource } from '../../../src/experiments/table-laws.ts';
import { computeOptimal } from '../../../src/laws/chinchilla-allocation.ts';
import { criticalBatch } from '../../../src/laws/critical-batch-forms.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { ourTruth, plantedCurves, plantedTrajectory } from '../laws/planted-curves.ts';

const quick = { resamples: 20, seed: 1 };
const label = { en: 'planted', zh: '植入' };
const truth = { E: 1.7, A: 400, B: 410, alpha: 0.34, beta: 0.28 };

const lossOf = (N: number, D: number): number => truth.E + truth.A * N ** -truth.alpha + truth.B * D ** -truth.beta;

/** Runs on budgets: five sizes around the optimum of each, and D that spends it. */
function budgets(noise: number): RunRow[] {
  const random = createRandom(3);
  return [1e17, 1e18, 1e19, 1e20].flatMap((C) => {
    const { N: best } = computeOptimal(truth, C);
    return [-2, -1, 0, 1, 2].map((step): RunRow => {
      const N = best * 1.6 ** step;
      const D = C / (6 * N);
      return { N, D, C, loss: lossOf(N, D) * Math.exp(noise * random.normal()) };
    });
  });
}

const source = (rows: readonly RunRow[], id = 'a'): TableSource => ({ id, label, rows });
const plot = (figures: readonly { kind: string; id: string }[], id: string): PlotFigure =>
  figures.find((figure) => figure.kind === 'plot' && figure.id === id) as unknown as PlotFigure;

describe('pictures of laws', () => {
  it('a power law: points, the line through them, published lines, and a row that no fit can use', () => {
    const rows = [1e3, 1e4, 1e5, 1e6, 1e7].map((N, i): RunRow => ({ N, loss: 9 * N ** -0.08 * (1 + (i % 2 ? 1 : -1) * 0.002) }));
    const { says, figures } = fitTableLaw('power-N', [source([...rows, { N: 0, loss: 3 }])], quick);
    expect(says.map(({ status }) => status)).toEqual(['converged']);
    const figure = plot(figures, 'power-N');
    expect(figure.series[0].points).toHaveLength(5);
    const [line, ...others] = figure.lines;
    for (const { x, y, low, high } of line.points) {
      expect(y / (9 * x ** -0.08)).toBeCloseTo(1, 2);
      expect(low! <= y && y <= high!).toBe(true);
    }
    expect(others.every((one) => one.source === 'published' && one.citation !== undefined)).toBe(true);
  });

  it('Kaplan: L(N) and L(D) with bands that hold the law, and points at the limit of the other axis', () => {
    const random = createRandom(4);
    const law = { alphaN: 0.1, Nc: 1e6, alphaD: 0.12, Dc: 1e8 };
    const rows = [1e3, 3e3, 1e4, 3e4, 1e5, 3e5].flatMap((N) =>
      [1e5, 1e6, 1e7, 1e8, 1e9].map((D): RunRow => {
        const loss = ((law.Nc / N) ** (law.alphaN / law.alphaD) + law.Dc / D) ** law.alphaD;
        return { N, D, loss: loss * Math.exp(0.003 * random.normal()) };
      }),
    );
    const { says, figures } = fitTableLaw('kaplan', [source(rows)], { resamples: 200, seed: 1 });
    expect(says[0].status).toBe('converged');
    const truths = { 'kaplan-LN': (N: number) => (law.Nc / N) ** law.alphaN, 'kaplan-LD': (D: number) => (law.Dc / D) ** law.alphaD };
    for (const [id, at] of Object.entries(truths)) {
      const { series, lines } = plot(figures, id);
      expect(series[0].points.length).toBeGreaterThan(4);
      for (const { x, y } of series[0].points) expect(y / at(x)).toBeCloseTo(1, 1);
      const fitted = lines.find((one) => one.source === 'fitted')!;
      for (const { x, low, high } of fitted.points) {
        expect(low!).toBeLessThan(at(x) * 1.004);
        expect(high!).toBeGreaterThan(at(x) * 0.996);
        expect(high! / low!).toBeLessThan(1.1);
      }
      expect(lines.some((one) => one.source === 'published')).toBe(true);
    }
  });

  it('approach 3: the optimum over budgets, and residuals row by row', () => {
    const rows = budgets(0.002);
    const { says, figures } = fitTableLaw('chinchilla', [source(rows)], quick);
    expect(says[0].status).toBe('converged');
    const line = plot(figures, 'optimum').lines.find((one) => one.source === 'fitted')!;
    for (const { x, y } of line.points) expect(y / computeOptimal(truth, x).N).toBeCloseTo(1, 0);
    for (const { x, y, residual } of plot(figures, 'observed').series[0].points) expect(y / x - 1).toBeCloseTo(residual!, 9);
  });

  it('approach 2: parabolas go through their profiles, with the lowest point at the optimum', () => {
    const rows = budgets(0);
    const { says, figures } = fitTableLaw('isoflop', [source(rows)], quick);
    expect(says[0].status).toBe('converged');
    const profiles = plot(figures, 'profiles');
    expect(profiles.lines).toHaveLength(4);
    for (const line of profiles.lines) {
      const points = profiles.series.find(({ id }) => id === line.series)!.points;
      for (const { x, y } of points) {
        const nearest = line.points.reduce((a, b) => (Math.abs(Math.log(b.x / x)) < Math.abs(Math.log(a.x / x)) ? b : a));
        expect(nearest.y / y).toBeCloseTo(1, 2);
      }
    }
  });

  it('approach 1: the line through the passages and its band, which is finite and holds the planted optimum mostly', () => {
    const random = createRandom(4);
    const rows = [1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10].flatMap((N) => {
      const shift = 0.002 * random.normal();
      return Array.from({ length: 40 }, (_, k): RunRow => {
        const D = 2e8 * 5000 ** (k / 39);
        return { N, D, loss: lossOf(N, D) * Math.exp(shift), run: `${N}` };
      });
    });
    const { says, figures } = fitTableLaw('envelope', [source(rows)], { resamples: 200, seed: 1 });
    expect(says[0].status).toBe('converged');
    const { points } = plot(figures, 'envelope').lines.find((one) => one.source === 'fitted')!;
    expect(points).toHaveLength(25);
    for (const { y, low, high } of points) expect(0 < low! && low! < y && y < high! && high! < Infinity).toBe(true);
    const held = points.filter(({ x, low, high }) => low! <= computeOptimal(truth, x).N && computeOptimal(truth, x).N <= high!);
    expect(held.length).toBeGreaterThan(12);
  });

  it('the three-term law: valleys over the batch and the best batch over D, each with its band', () => {
    const law = { E: 1.2, A: 15, a: 0.3, Bs: 12, b: 0.45, Cb: 2.5, c: 0.5 };
    const at = (N: number, D: number, B: number): number => law.E + law.A / N ** law.a + law.Bs / (D / B) ** law.b + law.Cb / B ** law.c;
    const random = createRandom(6);
    const rows = [1e3, 1e4, 1e5, 1e6].flatMap((N) =>
      [1e5, 8e5, 6.4e6].flatMap((D) =>
        [16, 64, 256, 1024, 4096].map((B): RunRow => ({
          N,
          D,
          B,
          loss: at(N, D, B) * Math.exp(0.001 * random.normal()),
          run: `${N} ${D} ${B}`,
        })),
      ),
    );
    const { says, figures } = fitTableLaw('three-term', [source(rows)], { resamples: 100, seed: 1 });
    expect(says[0].status).toBe('converged');
    const valleys = plot(figures, 'batches');
    expect(valleys.lines).toHaveLength(6);
    for (const { id, points } of valleys.lines) {
      const [, N, D] = /(\d+) (\d+)$/.exec(id)!.map(Number);
      for (const { x, y, low, high } of points) {
        expect(y / at(N, D, x)).toBeCloseTo(1, 2);
        expect(0 < low! && low! < y && y < high! && high! < 1.03 * low!).toBe(true);
      }
    }
    expect(valleys.series[0].points).toHaveLength(5);
    expect(valleys.series[0].points[0].runs).toHaveLength(1);
    const factor = ((law.c * law.Cb) / (law.b * law.Bs)) ** (1 / (law.b + law.c));
    for (const { x, y, low, high } of plot(figures, 'best-batch').lines[0].points) {
      expect(y / (factor * x ** (law.b / (law.b + law.c)))).toBeCloseTo(1, 0);
      expect(low! < y && y < high!).toBe(true);
    }
  });

  it('the critical batch and the trajectory of planted curves', () => {
    const rows = plantedCurves(
      { truth: ourTruth, N: [2000, 8000, 32_000], B: [2048, 4096, 8192, 16_384, 32_768], D: 2e7, points: 30, stretch: 100 },
      { run: 0.001, white: 0.002, seed: 5 },
    );
    const critical = fitTableLaw('critical-batch', [source(rows)], quick);
    expect(critical.says[0].status).toBe('converged');
    const law = plot(critical.figures, 'critical-batch').lines.find((one) => one.source === 'fitted')!;
    for (const { x, y } of law.points)
      expect(Math.abs(Math.log(y / criticalBatch({ batch: ourTruth.Bstar, alpha: ourTruth.alphaB }, x)))).toBeLessThan(0.4);

    const { says, figures } = fitTableLaw('trajectory', [source(rows)], quick);
    expect(says[0].status).toBe('converged');
    const figure = plot(figures, 'trajectories');
    expect(figure.series.length).toBeGreaterThan(3);
    const [first] = figure.lines;
    const [N, B] = first.label.en.match(/\d+/g)!.map(Number);
    for (const { x, y } of first.points) expect(y / plantedTrajectory(ourTruth, N, B, x)).toBeCloseTo(1, 1);
  });

  it.each(tableLaws)('%s refuses a table of two rows in a sentence, without a picture of what is not there', (law) => {
    const rows: RunRow[] = [1, 2].map((i) => ({
      N: 1000 * i,
      D: 1e5 * i,
      C: 6e8 * i,
      S: 100 * i,
      B: 1000,
      lr: 0.01,
      loss: 3 / i,
      run: `${i}`,
    }));
    const { says, figures } = fitTableLaw(law, [source(rows)], quick);
    expect(says[0].status).not.toBe('converged');
    expect(says[0].message.en).toMatch(/\.$/);
    expect(
      figures.some((figure) => figure.kind === 'plot' && figure.lines.some((line) => line.source === 'fitted' && line.points.length > 0)),
    ).toBe(false);
  });
});

describe('tables as texts', () => {
  const text = ['N,D,loss', ...budgets(0.002).map(({ N, D, loss }) => `${N},${D},${loss}`)].join('\n');

  it('are fitted side by side, and one that lacks a column is refused in its place', () => {
    const { says, figures } = fitTableTexts(
      'chinchilla',
      [
        { id: 'good', label, text },
        { id: 'bad', label, text: 'x,loss\n1,2\n2,3' },
      ],
      'nonEmbedding',
      quick,
    );
    expect(says.map(({ status }) => status)).toEqual(['converged', 'not enough points']);
    expect(says[1].message.en).toMatch(/column/);
    expect(plot(figures, 'observed').series).toHaveLength(1);
  });

  it('all refused: sentences and no figure', () => {
    const { says, figures } = fitTableTexts('power-C', [{ id: 'bad', label, text: 'nonsense' }], 'nonEmbedding', quick);
    expect(says).toHaveLength(1);
    expect(figures).toEqual([]);
  });
});
