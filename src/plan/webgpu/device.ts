// A GPU device of the lab's own: all that the adapter allows, and a loss that cannot pass unnoticed.

/** Limits that are asked for as high as the adapter goes: memory, and how much work one launch may be. */
const WANTED = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupsPerDimension',
] as const;

/**
 * Opens a device with the adapter's real limits. An adapter serves one device: a second call needs a new adapter.
 * @param gpu `navigator.gpu`, or what stands for it outside browsers
 * @throws Error one sentence, when there is no WebGPU or no adapter
 */
export async function requestLabDevice(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<GPUDevice> {
  if (!gpu) throw new Error('There is no WebGPU here.');
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('WebGPU finds no GPU here.');
  return openDevice(adapter);
}

/** Opens a device of an adapter that has not served one yet, with the adapter's real limits. */
export function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(WANTED.map((name) => [name, adapter.limits[name]]));
  return adapter.requestDevice({ requiredLimits });
}

/** Milliseconds to wait for the reason of a loss that is already certain. */
const REASON = 5000;

/** Milliseconds after which work that has not come back never will: systems end work that hangs after ten seconds at most, if they do. */
export const PATIENCE = 60_000;

/** What went wrong on a device since it was watched: its loss, its silence, or the first error that nobody else caught. */
export class DeviceWatch {
  #fault: Error | undefined;
  #silent = false;
  readonly #lost: Promise<void>;
  readonly #device: GPUDevice;
  readonly #patience: number;
  readonly #onError: (event: GPUUncapturedErrorEvent) => void;

  /** @param patience milliseconds for which the device may be silent */
  constructor(device: GPUDevice, patience = PATIENCE) {
    this.#device = device;
    this.#patience = patience;
    this.#onError = (event) => {
      this.#fault ??= new Error(`The GPU rejected the work: ${event.error.message}`);
    };
    device.addEventListener('uncapturederror', this.#onError);
    this.#lost = device.lost.then(({ reason, message }) => {
      // A device given up for its silence is lost for that reason alone.
      if (!this.#silent) this.#fault = new Error(`The GPU was lost (${reason || 'unknown'})${message ? `: ${message}` : '.'}`);
    });
  }

  /** @throws Error when something went wrong */
  check(): void {
    if (this.#fault) throw this.#fault;
  }

  /**
   * Waits for a buffer to be mapped, of work that should take `expected` milliseconds. A device that does not answer is
   * destroyed, so that whoever comes next opens another.
   * @throws Error when something went wrong
   */
  async answer(mapped: Promise<void>, expected: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<'silence'>((resolve) => {
      timer = setTimeout(resolve, Math.max(this.#patience, 20 * expected), 'silence');
    });
    try {
      if ((await Promise.race([mapped, silence])) === 'silence') this.#giveUp();
    } catch (error) {
      await this.#hearOfLoss();
      this.check();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    this.check();
  }

  /** Stops listening. */
  end(): void {
    this.#device.removeEventListener('uncapturederror', this.#onError);
  }

  #giveUp(): void {
    this.#silent = true;
    this.#fault = new Error('The GPU has not answered and was given up.');
    this.#device.destroy();
  }

  /** When a device is lost, whatever is read from it fails first; the reason comes a moment later. */
  async #hearOfLoss(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([this.#lost, new Promise((resolve) => (timer = setTimeout(resolve, REASON)))]);
    clearTimeout(timer);
  }
}
