// tfjs's backends as a tutorial would open them: the peers must not profit from what the lab does about their traps.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgpu';

/** Makes `wasm` (one thread) and `webgpu` ready to be set. */
export function registerBackends(): void {
  tf.enableProdMode();
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  setWasmPaths('/node_modules/@tensorflow/tfjs-backend-wasm/dist/');
}
