// Training workers for the queue: module workers spoken to through comlink, as many as this device can use.
import { proxy, releaseProxy, wrap, type Remote } from 'comlink';
import type { RunConfig } from '../../config/run.ts';
import type { PoolWorker, WorkerPool } from '../../sweep/pool.ts';
import type { OpenOptions, SampleAnswer, SampleRequest, TrainingWorker } from '../../../workers/protocol.ts';
import { ownTexts } from './own-texts.svelte.ts';

/** Backend and engine, as the person chose them. */
export type DeviceChoice = Pick<OpenOptions, 'backend' | 'engine'>;

/** A pool's worker that also writes text. */
export interface PageWorker extends PoolWorker {
  sample(request: SampleRequest): Promise<SampleAnswer>;
}

/** Where the corpora are served, as an absolute address: a worker's own is another. */
function corporaAddress(): string {
  return new URL(`${import.meta.env.BASE_URL}corpora/`, location.href).href;
}

/** Starts one worker and opens its device. Rejects with an Error whose message is one sentence. */
export async function startWorker(choice: DeviceChoice): Promise<PageWorker> {
  const worker = new Worker(new URL('../../../workers/training.worker.ts', import.meta.url), { type: 'module', name: 'training' });
  const remote: Remote<TrainingWorker> = wrap<TrainingWorker>(worker);
  const died = new Promise<string>((resolve) => {
    const fail = (event: Event) => resolve((event instanceof ErrorEvent && event.message) || 'The training worker stopped unexpectedly.');
    worker.addEventListener('error', fail);
    worker.addEventListener('messageerror', fail);
  });
  const terminate = () => {
    worker.terminate();
    remote[releaseProxy]();
  };
  const provided = new Set<string>();
  /** Hands over a text of the person's own before the first run that reads it. */
  const provide = async (config: RunConfig): Promise<void> => {
    const { corpus } = config;
    if (!corpus.startsWith('own:') || provided.has(corpus)) return;
    const text = await ownTexts.text(corpus);
    if (text !== undefined) await remote.provideText(corpus, text);
    provided.add(corpus);
  };
  try {
    const report = await Promise.race([
      remote.open({ ...choice, corpora: corporaAddress() }),
      died.then((reason) => {
        throw new Error(reason);
      }),
    ]);
    return {
      report,
      died,
      describeData: async (config) => {
        await provide(config);
        return remote.describeData(config);
      },
      lanesFor: async (config) => {
        await provide(config);
        return remote.lanesFor(config);
      },
      train: async (runs, sink) => {
        for (const { config } of runs) await provide(config);
        await remote.train(runs, proxy(sink));
      },
      announce: (config) => remote.announce(config),
      pause: () => remote.pause(),
      resume: () => remote.resume(),
      stop: () => remote.stop(),
      skip: (id) => remote.skip(id),
      measure: async (config, milliseconds) => {
        await provide(config);
        return remote.measure(config, milliseconds);
      },
      sample: async (request) => {
        await provide(request.config);
        return remote.sample(request);
      },
      terminate,
    };
  } catch (error) {
    terminate();
    throw error;
  }
}

/** CPU workers that make sense: every core but one, which stays free for the page and the system, when there are more than two. */
export function cpuWorkers(cores = navigator.hardwareConcurrency): number {
  const known = Number.isFinite(cores) && cores >= 1 ? Math.floor(cores) : 2;
  return known > 2 ? known - 1 : known;
}

/** A pool for a device that was chosen; one worker for a GPU. */
export function createPool(choice: DeviceChoice, backend: 'webgpu' | 'wasm' | 'cpu'): WorkerPool {
  return { size: backend === 'webgpu' ? 1 : cpuWorkers(), start: () => startWorker(choice) };
}
