// What people do wrong: each mistake gets one sentence, and the runs already made stay as they were.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright';
import { openLab, runsDone, useSweep, type Lab } from './open-page.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab.close());

/** Two runs of a second. */
const tiny = {
  name: 'Two runs',
  base: {
    corpus: 'synthetic:symbols=8,order=1,exponent=1,tokens=8192',
    context: 4,
    tokens: 256,
    validationTokens: 256,
    shape: { layers: 1, width: 4, heads: 1 },
  },
  grids: [{ axes: { learningRate: [0.01, 0.02] } }],
};

async function alert(page: Page): Promise<string> {
  const last = page.getByTestId('alert').last();
  await last.waitFor();
  const text = await last.innerText();
  while ((await page.getByTestId('alert').count()) > 0) await page.getByTestId('alert').first().getByRole('button').last().click();
  return text;
}

it('refuses bad sweeps and files in one sentence each, and keeps the runs', async () => {
  const { page, errors } = await lab.visit();
  await useSweep(page, tiny);
  await page.locator('[data-testid=plan]', { hasText: '2 runs' }).waitFor();
  await page.getByTestId('start').click();
  await page.locator('[data-testid=progress][data-state=finished]').waitFor({ timeout: 60_000 });
  expect(await runsDone(page)).toBe(2);

  const refused = async (sweep: unknown, pattern: RegExp) => {
    await useSweep(page, sweep);
    expect(await alert(page)).toMatch(pattern);
    expect(await runsDone(page)).toBe(2);
  };
  await refused({ ...tiny, base: { ...tiny.base, learnigRate: 1 } }, /learnigRate/);
  await refused({ ...tiny, base: JSON.parse('{"__proto__": {"tokens": 1}, "toString": 2}') as object }, /toString|__proto__/);
  await refused({ ...tiny, grids: [{ axes: { learningRate: [-1] } }] }, /learningRate|[Ll]earning rate/);
  await refused({ ...tiny, base: { ...tiny.base, vocabulary: 4096 } }, /vocabulary|Vocabulary/);
  await refused('{"name": ', /JSON/);

  await refused({ ...tiny, grids: [{ axes: { batchSequences: [4096] } }] }, /One batch holds 16384 tokens, but the run has only 256/);

  // Larger than the text itself: known only once the data is read.
  await useSweep(page, { ...tiny, base: { ...tiny.base, tokens: 65_536 }, grids: [{ axes: { batchSequences: [4096] } }] });
  expect(await alert(page)).toMatch(/One batch holds 16384 tokens, but the corpus .* has only 8188/);

  // Files: empty, binary, huge (a text of one's own), and what is no table.
  await page.getByTestId('data-panel').locator('> summary').click();
  const own = page.getByTestId('own-file');
  const give = async (name: string, buffer: Buffer) => own.setInputFiles({ name, mimeType: 'text/plain', buffer });
  await give('empty.txt', Buffer.alloc(0));
  expect(await alert(page)).toMatch(/empty/);
  await give('image.txt', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]));
  expect(await alert(page)).toMatch(/not a text file/);
  // The size alone counts, so the file is made in the page.
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(200_000_000).fill(97)], 'huge.txt'));
    dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  expect(await alert(page)).toMatch(/200 MB/);
  await page.getByTestId('tables-panel').locator('> summary').click();
  await page.getByTestId('table-file').setInputFiles({ name: 'note.csv', mimeType: 'text/csv', buffer: Buffer.from('dear diary,\n') });
  expect((await alert(page)).length).toBeGreaterThan(20);

  // The first sweep is still there, whole.
  await page.getByText('Earlier sweeps').click();
  await useSweep(page, tiny);
  await page.locator('[data-testid=progress][data-done="2"]').waitFor();
  expect(errors).toEqual([]);
});

it('draws a table from elsewhere: its optima, its law, the published ones', async () => {
  const { page, errors } = await lab.visit();
  const rows = ['N,D,lr,B,loss'];
  for (const [index, N] of [1e6, 4e6, 16e6].entries())
    for (let lr = -11; lr <= -6; lr++)
      for (let batch = 12; batch <= 16; batch++)
        rows.push(
          [N, 1e9, 2 ** lr, 2 ** batch, 3 - 0.3 * index + 0.02 * (lr + 7.5 + 0.5 * index) ** 2 + 0.01 * (batch - 14) ** 2].join(','),
        );
  await page.getByTestId('tables-panel').locator('> summary').click();
  await page.getByTestId('table-file').setInputFiles({ name: 'planted.csv', mimeType: 'text/csv', buffer: Buffer.from(rows.join('\n')) });
  await page.getByTestId('imported-table').waitFor();
  expect(await page.getByTestId('imported-table').innerText()).toMatch(/90 rows/);
  const chart = page.getByTestId('scaling-lr-N');
  await chart.waitFor({ timeout: 30_000 });
  // Half an octave down for each factor of four in N: an exponent of −0.25.
  expect((await page.getByTestId('law-sentence').allInnerTexts()).join(' ')).toMatch(/η ∝ N\^[−-]0\.25 \(/);
  expect(await chart.locator('[data-testid=band]').count()).toBe(1);
  expect(await chart.locator('g.point').count()).toBe(3);
  expect(errors).toEqual([]);
});

it('follows a link to a sweep, and refuses a damaged one', async () => {
  const first = await lab.visit();
  await useSweep(first.page, tiny);
  await first.page.locator('[data-testid=plan]', { hasText: '2 runs' }).waitFor();
  await first.page.getByTestId('copy-link').click();
  const link = await first.page.getByTestId('link').inputValue();
  const second = await lab.visit(link.slice(link.indexOf('#')));
  await second.page.locator('[data-testid=plan]', { hasText: '2 runs' }).waitFor();
  expect(second.errors).toEqual([]);
  const third = await lab.visit('#sweep=AAAA');
  expect(await alert(third.page)).toMatch(/link/);
  expect(await third.page.getByTestId('plan').innerText()).toMatch(/105 runs|runs/);
});
