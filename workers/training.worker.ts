// The page's training worker.
import { expose } from 'comlink';
import plainBinary from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdBinary from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { browserReader } from '../src/data/load-browser.ts';
import { sendSentences } from './errors.ts';
import { TrainingService } from './service.ts';

sendSentences();
expose(
  new TrainingService({
    wasmBinaries: {
      'tfjs-backend-wasm.wasm': plainBinary,
      'tfjs-backend-wasm-simd.wasm': simdBinary,
      // Named because tfjs wants it named; threads are off, so it is never loaded.
      'tfjs-backend-wasm-threaded-simd.wasm': simdBinary,
    },
    reader: browserReader,
    // Absent where the page is not served over a secure connection, whatever its type says.
    gpu: () => Promise.resolve((navigator as Partial<Navigator>).gpu),
  }),
);
