// The laws worker as the page sees it: started at the first fit, replaced when it dies.
import { wrap, type Remote } from 'comlink';
import type { LawsWorker } from '../../../workers/laws.worker.ts';

let current: { readonly remote: Remote<LawsWorker>; readonly died: Promise<never> } | undefined;

function start() {
  const worker = new Worker(new URL('../../../workers/laws.worker.ts', import.meta.url), { type: 'module', name: 'laws' });
  const died = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      worker.terminate();
      current = undefined;
      reject(new Error(event.message || 'The worker that fits laws stopped unexpectedly.'));
    });
  });
  died.catch(() => undefined);
  return { remote: wrap<LawsWorker>(worker), died };
}

/** Asks the laws worker; rejects with what it threw, or when it dies. */
export function askLaws<Result>(question: (laws: Remote<LawsWorker>) => Promise<Result>): Promise<Result> {
  current ??= start();
  return Promise.race([question(current.remote), current.died]);
}
