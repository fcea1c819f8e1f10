// A GPU device for executors, opened anew when the last one is beyond use.
import { requestLabDevice } from '../../plan/webgpu/device.ts';

/** Hands out one device as long as it works. */
export class GpuSource {
  readonly #gpu: GPU | undefined;
  #current: Promise<GPUDevice> | undefined;

  /** @param gpu `navigator.gpu`, or what stands for it outside browsers */
  constructor(gpu: GPU | undefined) {
    this.#gpu = gpu;
  }

  /**
   * The device; another one, of a fresh adapter, after the last was lost or rejected work.
   * @throws Error one sentence, when there is none to be had now
   */
  async device(): Promise<GPUDevice> {
    const opening = (this.#current ??= requestLabDevice(this.#gpu));
    const forget = (): void => {
      if (this.#current === opening) this.#current = undefined;
    };
    try {
      const device = await opening;
      void device.lost.then(forget);
      device.addEventListener('uncapturederror', forget, { once: true });
      return device;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Gives the device up, and all that is on it. */
  dispose(): void {
    const opening = this.#current;
    this.#current = undefined;
    void opening?.then(
      (device) => device.destroy(),
      () => undefined,
    );
  }
}
