// Text from trained models, written by a worker of its own so that it does not wait for the queue's workers. The
// worker starts with the first request and ends when nobody has asked for a while.
import type { SampleRequest } from '../../../workers/protocol.ts';
import { startWorker, type DeviceChoice, type PageWorker } from './training-pool.ts';

const IDLE = 60_000;

let current: { readonly key: string; readonly worker: Promise<PageWorker> } | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

function end(): void {
  void current?.worker.then((worker) => worker.terminate()).catch(() => undefined);
  current = undefined;
}

/**
 * What a model writes after a prompt.
 * @throws Error one sentence, from the worker
 */
export async function sampleText(choice: DeviceChoice, request: SampleRequest): Promise<string> {
  const key = JSON.stringify(choice);
  clearTimeout(timer);
  if (current?.key !== key) {
    end();
    const started = { key, worker: startWorker(choice) };
    current = started;
    const forget = () => {
      if (current === started) current = undefined;
    };
    started.worker.then((worker) => worker.died.then(forget), forget);
  }
  try {
    const worker = await current.worker;
    const died = worker.died.then((reason) => {
      throw new Error(reason);
    });
    return (await Promise.race([worker.sample(request), died])).text;
  } finally {
    timer = setTimeout(end, IDLE);
  }
}
