// The command line's training worker, in a thread of Node.
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter';
import { nodeReader } from '../src/data/load-node.ts';
import { sendSentences } from './errors.ts';
import { nodeGpu, nodeWasmBinaries } from './node-device.ts';
import { TrainingService } from './service.ts';

if (!parentPort) throw new Error('This file is a worker; the pool of the command line starts it.');
// tfjs's wasm loader asks for Node's modules the old way.
Object.assign(globalThis, { require: createRequire(import.meta.url), __dirname: import.meta.dirname });

sendSentences();
expose(new TrainingService({ wasmBinaries: nodeWasmBinaries(), reader: nodeReader, gpu: nodeGpu }), nodeEndpoint(parentPort));
