// "Design for me" on the built page: from a law and minutes to a sweep in the editor, at both ends of the range of screens
// and in both languages.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseSweepText } from '../../src/config/sweep.ts';
import { openLab, type Lab } from './open-page.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab.close());

it('proposes a sweep, says what it cannot tell, and loads it into the editor', async () => {
  const { page, context, errors } = await lab.visit();
  await page.getByTestId('design-panel').locator('> summary').click();
  await page.getByTestId('design-goal').selectOption('loss');
  await page.getByTestId('design-minutes').fill('0.001');
  await page.getByTestId('design').click();
  await page.getByTestId('design-refused').waitFor({ timeout: 120_000 });
  expect(await page.getByTestId('design-refused').innerText()).toContain('would be needed');

  await page.getByTestId('design-minutes').fill('600');
  await page.getByTestId('design').click();
  const outcome = page.getByTestId('design-outcome');
  await outcome.waitFor({ timeout: 120_000 });
  expect(await page.getByTestId('design-row').count()).toBeGreaterThanOrEqual(3);
  expect(await page.getByTestId('design-estimate').allInnerTexts()).toHaveLength(3);
  expect(await outcome.innerText()).not.toMatch(/NaN|undefined|\[object/);
  const [, runs] = /^([\d,]+) runs/.exec(await outcome.innerText())!;

  await page.setViewportSize({ width: 360, height: 800 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);

  await page.getByTestId('design-load').click();
  await page.locator('[data-testid=plan]', { hasText: `${runs} runs` }).waitFor();
  expect(await page.getByTestId('editor').getAttribute('open')).not.toBeNull();
  await page.getByTestId('editor-json').check({ force: true });
  const sweep = parseSweepText(await page.getByTestId('sweep-json').inputValue());
  expect(sweep.experiment).toBe('loss-laws');
  expect(errors).toEqual([]);
  await context.close();
});

it('refuses minutes that are none in one sentence', async () => {
  const { page, context } = await lab.visit();
  await page.getByTestId('design-panel').locator('> summary').click();
  await page.getByTestId('design-minutes').fill('soon');
  await page.getByTestId('design').click();
  await page.getByText('"soon" is not a number').waitFor();
  await context.close();
});
