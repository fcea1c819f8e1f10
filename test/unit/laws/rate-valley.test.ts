// The valley of learning rates: planted best rates come back, walls and far rates do not sway it, and no valley is said to be none.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/laws/random.ts';
import { fitRateValley, valleyExcess, valleyRate, type RateValley, type ValleyRun } from '../../../src/laws/rate-valley.ts';

const best = (N: number, B: number): number => 0.008 * (N / 6000) ** -0.25 * (B / 500) ** 0.5;

interface Planted {
  readonly noise: number;
  readonly seed?: number;
  readonly curvature?: number;
  readonly rates?: readonly number[];
  /** Added to the log loss at so many octaves above the best rate. */
  readonly wall?: (octaves: number) => number;
}

function runs({ noise, seed = 1, curvature = 0.02, rates = [-2.3, -1.3, -0.3, 0.7], wall = () => 0 }: Planted): ValleyRun[] {
  const random = createRandom(seed);
  return [1800, 3800, 6600, 14500].flatMap((N) =>
    [128, 512, 2048].flatMap((B) => {
      const cell = Math.exp(0.05 * random.normal());
      return rates.map((octaves) => {
        const lr = 2 ** octaves * 0.008 * (B / 500) ** 0.4;
        const off = Math.log(lr / best(N, B));
        const excess = curvature * off ** 2 + wall(off / Math.LN2);
        return { cell: `${N} ${B}`, N, B, lr, loss: 2 * N ** -0.05 * cell * Math.exp(excess + noise * random.normal()) };
      });
    }),
  );
}

const valleyOf = (planted: Planted): RateValley => {
  const valley = fitRateValley(runs(planted));
  if ('status' in valley) throw new Error(valley.message.en);
  return valley;
};

describe('the valley of learning rates', () => {
  it('is found exactly where losses are exact, whatever the level of each cell', () => {
    const valley = valleyOf({ noise: 0 });
    expect(valley.curvature).toBeCloseTo(0.02, 8);
    expect(valley.N.value).toBeCloseTo(-0.25, 7);
    expect(valley.B.value).toBeCloseTo(0.5, 7);
    expect(valleyRate(valley, 120_000, 700).value).toBeCloseTo(best(120_000, 700), 8);
    expect(valleyExcess(valley, { N: 5000, B: 300, lr: 2 * best(5000, 300) })).toBeCloseTo(0.02 * Math.LN2 ** 2, 8);
  });

  it('has intervals that hold the truth about as often as they say, and its spread is that of single runs', () => {
    const rounds = 100;
    let holds = 0;
    let spread = 0;
    for (let seed = 0; seed < rounds; seed++) {
      const valley = valleyOf({ noise: 0.006, seed });
      const { low, high } = valleyRate(valley, 120_000, 700);
      if (low <= best(120_000, 700) && best(120_000, 700) <= high) holds++;
      spread += valley.spread / rounds;
    }
    expect(holds).toBeGreaterThanOrEqual(87);
    expect(spread).toBeGreaterThan(0.005);
    expect(spread).toBeLessThan(0.007);
  });

  it('leaves out the wall at high rates and what is far off', () => {
    const rates = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3];
    const wall = (octaves: number): number => (octaves > 1.5 ? 0.3 * (octaves - 1.5) : 0);
    const valley = valleyOf({ noise: 0.001, rates, wall });
    expect(Math.abs(Math.log2(valleyRate(valley, 6000, 500).value / best(6000, 500)))).toBeLessThan(0.3);
    const all = runs({ noise: 0.001, rates, wall });
    for (const index of valley.used) expect(Math.abs(Math.log2(all[index].lr / best(all[index].N, all[index].B)))).toBeLessThan(2.5);
  });

  it('ignores runs without a loss', () => {
    const all = runs({ noise: 0 });
    const lost = { ...all[3], loss: NaN };
    const valley = fitRateValley([...all.slice(0, 3), lost, ...all.slice(4)]) as RateValley;
    expect(valley.used).not.toContain(3);
    expect(valley.N.value).toBeCloseTo(-0.25, 7);
  });

  it.each([
    ['no runs', []],
    ['one rate each', runs({ noise: 0, rates: [0] })],
    ['one size and batch', runs({ noise: 0 }).slice(0, 4)],
    ['rates that make no difference', runs({ noise: 0.02, curvature: 0 })],
    ['a ridge', runs({ noise: 0.0001, curvature: -0.02 })],
  ])('is not claimed for %s', (_, some) => {
    const valley = fitRateValley(some);
    expect('status' in valley && valley.message.en.length > 20 && valley.message.zh.length > 10).toBe(true);
  });
});
