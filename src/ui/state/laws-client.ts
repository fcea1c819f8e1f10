// The laws worker as the page sees it: started at the first fit, replaced when it dies; and workers of their own for fits
// that a person asked for and may stop.
import { proxy, wrap, type Remote } from 'comlink';
import type { TableLawAnswer } from '../../experiments/table-laws.ts';
import type { LawQuestion, LawsWorker } from '../../../workers/laws.worker.ts';

let current: { readonly remote: Remote<LawsWorker>; readonly died: Promise<never> } | undefined;

/** A worker that rejects `died` when it stops by itself. */
function start(onDeath: () => void) {
  const worker = new Worker(new URL('../../../workers/laws.worker.ts', import.meta.url), { type: 'module', name: 'laws' });
  const died = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      worker.terminate();
      onDeath();
      reject(new Error(event.message || 'The worker that fits laws stopped unexpectedly.'));
    });
  });
  died.catch(() => undefined);
  return { remote: wrap<LawsWorker>(worker), died, stop: () => worker.terminate() };
}

/** Asks the laws worker; rejects with what it threw, or when it dies. */
export function askLaws<Result>(question: (laws: Remote<LawsWorker>) => Promise<Result>): Promise<Result> {
  current ??= start(() => (current = undefined));
  return Promise.race([question(current.remote), current.died]);
}

/** A fit under way. */
export interface RunningFit {
  /** Resolves with the answer, or with undefined after `stop`. */
  readonly answer: Promise<TableLawAnswer | undefined>;
  stop(): void;
}

/** Fits a law to tables in a worker of its own, so that it can be stopped and holds up no other fit. */
export function fitLaw(question: LawQuestion, onProgress: (share: number) => void): RunningFit {
  const { remote, died, stop } = start(() => undefined);
  let end: () => void = () => undefined;
  const stopped = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
  });
  const fitted = remote.fitLaw(question, proxy(onProgress));
  // After a stop nobody hears the worker's end.
  fitted.catch(() => undefined);
  return { answer: Promise.race([fitted, died, stopped]).finally(stop), stop: end };
}
