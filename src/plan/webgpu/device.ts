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

/** What went wrong on a device since it was watched: its loss, or the first error that nobody else caught. */
export class DeviceWatch {
  #fault: Error | undefined;
  /** Resolves when the device is lost. */
  readonly lost: Promise<void>;
  readonly #device: GPUDevice;
  readonly #onError: (event: GPUUncapturedErrorEvent) => void;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#onError = (event) => {
      this.#fault ??= new Error(`The GPU rejected the work: ${event.error.message}`);
    };
    device.addEventListener('uncapturederror', this.#onError);
    this.lost = device.lost.then(({ reason, message }) => {
      this.#fault = new Error(`The GPU was lost (${reason || 'unknown'})${message ? `: ${message}` : '.'}`);
    });
  }

  /** @throws Error when something went wrong */
  check(): void {
    if (this.#fault) throw this.#fault;
  }

  /** Stops listening. */
  end(): void {
    this.#device.removeEventListener('uncapturederror', this.#onError);
  }
}
