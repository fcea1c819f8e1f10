// Every experiment's smallest size, cut down further, run on the page: it trains to its end, and its verdict and its
// figures are there, drawn without an error, in both languages and on a narrow screen.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expandSweep, type Axes, type SweepConfig } from '../../src/config/sweep.ts';
import { experiments } from '../../src/experiments/index.ts';
import { openLab, useSweep, type Lab } from './open-page.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab.close());

/** Values of each axis that are kept, spread over it. */
const KEPT = 2;

function cutDown(sweep: SweepConfig): SweepConfig {
  const few = <Value>(values: readonly Value[]): Value[] =>
    values.length <= KEPT
      ? [...values]
      : Array.from({ length: KEPT }, (_, i) => values[Math.round((i * (values.length - 1)) / (KEPT - 1))]);
  const axesOf = (axes: Axes = {}): Axes =>
    Object.fromEntries(
      Object.entries(axes).map(([field, values]) => [field, field === 'seed' ? values.slice(0, 1) : few<unknown>(values)]),
    );
  return {
    ...sweep,
    name: `${sweep.name}, cut down`,
    grids: sweep.grids.map(({ set, axes }) => ({ ...(set && { set }), axes: axesOf(axes) })),
  };
}

it.each(experiments.map(({ id }) => id))('%s', async (id) => {
  const experiment = experiments.find((one) => one.id === id)!;
  const sweep = cutDown(experiment.sizes.smoke);
  const runs = expandSweep(sweep).length;
  const { page, context, errors } = await lab.visit();
  await useSweep(page, sweep);
  await page.locator('[data-testid=plan]', { hasText: runs === 1 ? '1 run' : `${runs} runs` }).waitFor();
  await page.getByTestId('start').click();
  await page.locator('[data-testid=progress][data-state=finished]').waitFor({ timeout: 120_000 });
  const verdict = page.getByTestId('verdict');
  await page.locator('[data-testid=verdict][data-status]').waitFor({ timeout: 60_000 });
  expect(['shown', 'contradicted', 'not shown here', 'not enough points']).toContain(await verdict.getAttribute('data-status'));
  const claim = experiment.claim;
  expect(await verdict.innerText()).toContain(claim.en);
  const figures = page.getByTestId('figure');
  await figures.first().waitFor();
  expect(await page.getByTestId('figures').innerText()).not.toMatch(/NaN|undefined|\[object/);
  expect(await figures.locator('svg[viewBox*=NaN], path[d*=NaN], circle[cx*=NaN]').count()).toBe(0);
  await page.setViewportSize({ width: 360, height: 800 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  expect(errors).toEqual([]);
  await context.close();
});
