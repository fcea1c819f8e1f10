// The command line's workers: threads of Node that run the same training service as the page's workers.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { proxy, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter';
import type { PoolWorker, WorkerPool } from '../sweep/pool.ts';
import { chooseDevice } from '../training/devices.ts';
import type { Sentence } from '../messages/sentence.ts';
import { nodeGpu } from '../../workers/node-device.ts';
import type { OpenOptions, SampleAnswer, SampleRequest, TrainingWorker } from '../../workers/protocol.ts';

/** The bundled worker, beside the bundle that this file becomes a part of (scripts/lab-bundle.mjs). */
const WORKER = join(import.meta.dirname, 'training.node.js');

/** A pool's worker that also writes text. */
export interface NodeWorker extends PoolWorker {
  sample(request: SampleRequest): Promise<SampleAnswer>;
}

/** A pool whose backend is decided. */
export interface NodePool extends WorkerPool {
  start(): Promise<NodeWorker>;
}

/**
 * A pool of threads: one for a GPU, else one per CPU core.
 * @param options what every worker is asked to be; `auto` is decided here, once for all
 * @param size workers at once; by default what the backend can use
 * @param worker the bundled worker's file
 * @throws InputError when WebGPU was asked for and there is no adapter
 */
export async function createNodePool(options: OpenOptions, size?: number, worker = WORKER): Promise<NodePool> {
  const asksGpu = options.backend === 'auto' || options.backend === 'webgpu';
  const { backend, notice } = await chooseDevice(options.backend, asksGpu ? await nodeGpu() : undefined);
  return {
    size: size ?? (backend === 'webgpu' ? 1 : availableParallelism()),
    start: () => startWorker({ ...options, backend }, notice, worker),
  };
}

async function startWorker(options: OpenOptions, notice: Sentence | undefined, file: string): Promise<NodeWorker> {
  // Standard output belongs to the command; whatever a library prints there is dropped.
  const thread = new Worker(file, { stdout: true });
  thread.stdout.resume();
  const remote = wrap<TrainingWorker>(nodeEndpoint(thread));
  let terminated = false;
  const died = new Promise<string>((resolve) => {
    thread.on('error', (error) => resolve(error.message));
    thread.on('exit', (code) => {
      if (!terminated) resolve(`The training worker stopped unexpectedly (exit code ${code}).`);
    });
  });
  const terminate = (): void => {
    terminated = true;
    void thread.terminate();
  };
  try {
    const report = await Promise.race([
      remote.open(options),
      died.then((reason) => {
        throw new Error(reason);
      }),
    ]);
    return {
      report: notice ? { notice, ...report } : report,
      died,
      describeData: (config) => remote.describeData(config),
      lanesFor: (config) => remote.lanesFor(config),
      train: (runs, sink) => remote.train(runs, proxy(sink)),
      announce: (config) => remote.announce(config),
      pause: () => remote.pause(),
      resume: () => remote.resume(),
      stop: () => remote.stop(),
      skip: (id) => remote.skip(id),
      measure: (config, milliseconds) => remote.measure(config, milliseconds),
      sample: (request) => remote.sample(request),
      terminate,
    };
  } catch (error) {
    terminate();
    throw error;
  }
}
