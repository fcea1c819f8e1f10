// Intervals of a bowl's vertex, its loss and its curvatures, and of the region that is drawn around the vertex.
import { fitBowls } from '../../../../src/laws/bowl.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { octaves, plantedGrid, type PlantedBowl } from '../planted.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';

interface Grid {
  readonly bowl: PlantedBowl;
  readonly lr: readonly number[];
  readonly B: readonly number[];
  /** Nats. */
  readonly noise: number;
  readonly seeds?: number;
}

const design = (name: string, grid: Grid): CoverageDesign => {
  const [xx, xy, yy] = grid.bowl.hessian;
  const half = Math.hypot((xx - yy) / 2, xy);
  const { lr, B, loss } = grid.bowl;
  return {
    name,
    truth: { lr, B, loss, flat: (xx + yy) / 2 - half, steep: (xx + yy) / 2 + half, region: 1 },
    fit: (seed, resamples) => {
      const [bowl] = fitBowls(plantedGrid({ ...grid, random: createRandom(seed) }), { bootstrap: { resamples, seed } });
      // The region is one of 95 % as well, without a half: an interval that ends at 1 where it holds the true vertex.
      const inside = bowl.region !== undefined && isInside(bowl.region.outline, [Math.log2(lr), Math.log2(B)]);
      const region = { value: 2, low: inside ? 1 : 2, high: 2 };
      return {
        status: bowl.status,
        parameters: { ...bowl.parameters, flat: bowl.eigenvalues[0], steep: bowl.eigenvalues[1], region },
      };
    },
  };
};

/** Whether a point lies inside a closed outline (even-odd rule). */
function isInside(outline: readonly (readonly [number, number])[], [x, y]: readonly [number, number]): boolean {
  return outline.reduce((inside, [x1, y1], k) => {
    const [x2, y2] = outline[(k + 1) % outline.length];
    return y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1) ? !inside : inside;
  }, false);
}

// As measured at this scale: 0.01 to 0.06 nats per octave², the valley along higher learning rate and larger batch.
const ours: PlantedBowl = { lr: 2 ** -6.8, B: 2 ** 7.4, loss: 2.3, hessian: [0.04, -0.02, 0.03] };
const theirs: PlantedBowl = { lr: 2 ** -9.3, B: 2 ** 18.6, loss: 2.6, hessian: [0.02, -0.005, 0.012] };
describeCoverage('bowl', { seeds: 100, resamples: 200 }, [
  design('ours: 9 × 6 grid, 0.005 nats', { bowl: ours, lr: octaves(-9, -5, 0.5), B: octaves(5, 10), noise: 0.005 }),
  design('ours: 9 × 6 grid, 3 seeds, 0.01 nats', { bowl: ours, lr: octaves(-9, -5, 0.5), B: octaves(5, 10), noise: 0.01, seeds: 3 }),
  design('ours: 5 × 4 grid, 0.004 nats', { bowl: ours, lr: octaves(-9, -5), B: octaves(6, 9), noise: 0.004 }),
  design('theirs: 10 × 7 grid, 0.002 nats', { bowl: theirs, lr: octaves(-11.5, -7, 0.5), B: octaves(16, 20.5, 0.75), noise: 0.002 }),
]);
