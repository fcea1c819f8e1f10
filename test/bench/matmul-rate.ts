// The best rate of matrix products that a backend's own kernels reach, measured with a plan of nothing else.
import { countFlops } from '../../src/model/counts.ts';
import type { Linear } from '../../src/plan/launches.ts';
import type { Operand, Plan, Region } from '../../src/plan/plan.ts';
import { modelPlans } from '../../src/plan/model-plans.ts';
import { lanesOf, startPopulation, tokenSource, type ExecutorFactory } from './engine.ts';
import { atLeast, type BenchRow } from './rows.ts';
import { shapes, type BenchShape } from './shapes.ts';
import { sideBySide, type Timed } from './timing.ts';

/** The model that lends its lanes; its evaluation plan is replaced. */
const CARRIER = shapes.small;

/** Rows, inputs, outputs of the products: the largest that the long shape has. */
const PRODUCT = { rows: 4096, inputs: 128, outputs: 512 } as const;
const PRODUCTS = 4;

/** FLOPs of one turn. */
export const PRODUCT_FLOPS = 2 * PRODUCT.rows * PRODUCT.inputs * PRODUCT.outputs * PRODUCTS;

/** Training FLOPs of one step of `shape`, exact. */
export function stepFlops({ model, sequences }: BenchShape): number {
  return countFlops(model).training * sequences * model.context;
}

/** A plan of products alone, over memory of its own beside what evaluation needs. */
function productPlan(): Plan {
  const { evaluation } = modelPlans(CARRIER.model, CARRIER.sequences);
  const base = evaluation.words.activations;
  const at = (offset: number, size: number): Operand => ({ region: 'activations', offset: base + offset, size });
  const { rows, inputs, outputs } = PRODUCT;
  const x = at(0, rows * inputs);
  const weight = at(rows * inputs, inputs * outputs);
  const out = at(rows * inputs + inputs * outputs, rows * outputs);
  const product: Linear = { kind: 'linear', reads: { x, weight }, writes: { out }, rows, inputs, outputs, transposed: false, gelu: false };
  const first = evaluation.launches[0];
  const last = evaluation.launches[evaluation.launches.length - 1];
  const words: Record<Region, number> = { ...evaluation.words, activations: base + rows * inputs + inputs * outputs + rows * outputs };
  return { ...evaluation, words, launches: [first, ...Array.from({ length: PRODUCTS }, () => product), last] };
}

/** The products as something that can be timed. */
export async function startProducts(name: string, create: ExecutorFactory): Promise<Timed & { dispose(): void }> {
  const { training } = modelPlans(CARRIER.model, CARRIER.sequences);
  const executor = await create({ training, evaluation: productPlan() }, lanesOf(CARRIER, 1), tokenSource(CARRIER));
  return {
    name,
    steps: 20,
    async run(steps) {
      for (let i = 0; i < steps; i++) await executor.evaluate([0]);
    },
    dispose: () => executor.dispose(),
  };
}

/** FLOPs a second of a whole training step of the long shape over those of products alone, in the same rounds. */
export async function matmulShare(backend: 'webgpu' | 'wasm', create: ExecutorFactory): Promise<BenchRow> {
  const products = await startProducts('products', create);
  const engine = await startPopulation('engine', shapes.long, 1, 1, create);
  const times = await sideBySide([engine, products], 3);
  engine.executor.dispose();
  products.dispose();
  const rate = (flops: number, name: string): number => flops / times.milliseconds.get(name)! / 1e6;
  const [whole, best] = [rate(stepFlops(shapes.long), 'engine'), rate(PRODUCT_FLOPS, 'products')];
  const share = (stepFlops(shapes.long) / PRODUCT_FLOPS) * times.ratio('products', 'engine');
  return atLeast(
    `${backend}: share of the best matrix-product rate, step of ${shapes.long.name}`,
    share,
    'share',
    0.6,
    `${whole.toPrecision(3)} of ${best.toPrecision(3)} GFLOP/s`,
  );
}
