// What a choice of backend will come to on this device, asked before any worker runs: it decides how many to start.
import { chooseDevice } from '../src/training/devices.ts';
import type { OpenOptions } from './protocol.ts';

/** The backend that a worker opened with this choice will report; `wasm` where it will refuse to open. */
export async function likelyBackend(choice: OpenOptions['backend']): Promise<'webgpu' | 'wasm' | 'cpu'> {
  try {
    // Absent where the page is not served over a secure connection, whatever its type says.
    return (await chooseDevice(choice, (navigator as Partial<Navigator>).gpu)).backend;
  } catch {
    return 'wasm';
  }
}
