// The built page in a real Chromium, served as `npm start` serves it, for tests that use it as a person would.
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';
import { preview, type PreviewServer } from 'vite';
import { chromiumArguments, chromiumPath } from '../../scripts/chromium.mjs';

/** A browser with the page's address; every context is a person of their own, with their own store. */
export interface Lab {
  readonly address: string;
  /** A new visitor. Errors of the page land in `errors`. */
  visit(hash?: string): Promise<{ readonly page: Page; readonly context: BrowserContext; readonly errors: string[] }>;
  close(): Promise<void>;
}

/** Serves `dist/` and starts Chromium. */
export async function openLab(): Promise<Lab> {
  const server: PreviewServer = await preview({ preview: { port: 0, open: false }, logLevel: 'error' });
  const address = server.resolvedUrls?.local[0];
  if (address === undefined) throw new Error('the preview server has no address');
  const browser: Browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArguments });
  return {
    address,
    async visit(hash = '') {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, locale: 'en-GB' });
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      await page.goto(address + hash);
      await page.getByTestId('progress').waitFor();
      return { page, context, errors };
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** Pastes a sweep into the editor and uses it. */
export async function useSweep(page: Page, sweep: unknown): Promise<void> {
  const editor = page.getByTestId('editor');
  if ((await editor.getAttribute('open')) === null) await editor.locator('> summary').click();
  await page.getByTestId('editor-json').check({ force: true });
  await page.getByTestId('sweep-json').fill(typeof sweep === 'string' ? sweep : JSON.stringify(sweep));
  await page.getByTestId('use-sweep').click();
}

/** Runs that have ended, by the progress bar. */
export async function runsDone(page: Page): Promise<number> {
  return Number(await page.getByTestId('progress').getAttribute('data-done'));
}
