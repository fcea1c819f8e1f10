// What is measured in Node: launches of a step, by the plan, and what the host spends on them.
import { modelPlans } from '../../src/plan/model-plans.ts';
import { hostBudget } from './host-budget.ts';
import { atMost, type BenchRow } from './rows.ts';
import { shapes } from './shapes.ts';

/** Rows of the host: launches a step for each shape, then the time that submitting them takes. */
export async function hostRows(): Promise<BenchRow[]> {
  const launches = Object.values(shapes).map(({ name, model, sequences }) =>
    atMost(`launches a step, ${name}`, modelPlans(model, sequences).training.launches.length, 'launches', 14 * model.shape.layers + 12),
  );
  return [...launches, ...(await hostBudget())];
}
