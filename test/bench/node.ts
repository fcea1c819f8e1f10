// What is measured in Node: launches of a step, by the plan.
import { modelPlans } from '../../src/plan/model-plans.ts';
import { atMost, type BenchRow } from './rows.ts';
import { shapes } from './shapes.ts';

/** Rows of the host: launches a step for each shape. */
export function hostRows(): BenchRow[] {
  return Object.values(shapes).map(({ name, model, sequences }) =>
    atMost(`launches a step, ${name}`, modelPlans(model, sequences).training.launches.length, 'launches', 14 * model.shape.layers + 12),
  );
}
