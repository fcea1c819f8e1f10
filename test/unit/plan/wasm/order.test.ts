// The kernels' order of windows is that of src/data/order.ts, window for window.
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { windowInStream } from '../../../../src/data/order.ts';
import { compileKernels, instantiateKernels, type Kernels } from '../../../../src/plan/wasm/kernels.ts';

let kernels: Kernels;

beforeAll(async () => {
  kernels = await instantiateKernels(await compileKernels('plain'), new WebAssembly.Memory({ initial: 1 }));
});

const anyU32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

it('any place, any number of windows, any seed', () => {
  const counts = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 2 ** 30 }));
  fc.assert(
    fc.property(
      counts,
      anyU32,
      fc.integer({ min: 0, max: 5000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (count, seed, epoch, place) => {
        const index = Math.floor(place * count);
        expect(kernels.windowInEpoch(index, epoch, count, seed) >>> 0).toBe(windowInStream(epoch * count + index, count, seed));
      },
    ),
    { numRuns: 500 },
  );
});
