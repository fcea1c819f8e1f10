// The engine on a GPU: lanes side by side, as many as fill it, on a device that is opened anew when the last was lost.
import type { DeviceParts, ExecutorFactory } from './engine-trainer.ts';
import { gpuMicroBatches, lanesThatFill, measureGpu, type GpuSpeed } from './gpu-cost.ts';
import { GpuSource } from './gpu-source.ts';

/** Bytes that one executor may take: WebGPU does not tell how much there is, and the screen and other pages need some. */
const BUDGET = 2 ** 30;

/** Lanes of one executor. The fewest train side by side even where one fills the GPU: curves are seen to grow together. */
const FEWEST_LANES = 16;
const MOST_LANES = 256;

/** Lanes in a measurement of one run's step. */
const MEASURED_LANES = 16;

/** Lanes whose held-out loss is measured in one call; between calls the controls are heeded. */
const EVALUATED_TOGETHER = 64;

/**
 * Opens a device, which shows whether there is one.
 * @param gpu `navigator.gpu`, or what stands for it outside browsers; asked for a fresh adapter whenever a device is lost
 * @param emulated the adapter is a CPU in disguise
 * @throws Error one sentence, when there is no device to be had
 */
export async function webGpuParts(gpu: GPU | undefined, emulated: boolean): Promise<DeviceParts> {
  const { createWebGpuExecutor } = await import('../../plan/webgpu/executor.ts');
  const { gpuFootprint } = await import('../../plan/webgpu/memory.ts');
  const { Autotune, variantsOn } = await import('../../plan/webgpu/autotune.ts');
  const { compileAhead } = await import('../../plan/webgpu/ahead.ts');
  const source = new GpuSource(gpu);
  const { limits } = await source.device();
  const createExecutor: ExecutorFactory = async (plans, lanes, tokens) => {
    const device = await source.device();
    const choices = await Autotune.of(device, variantsOn(emulated)).choices(plans, lanes.length);
    return createWebGpuExecutor(plans, lanes, tokens, device, { choices });
  };
  let speed: Promise<GpuSpeed> | undefined;
  return {
    createExecutor,
    async compileAhead({ plans, lanes, tokens }, signal) {
      const device = await source.device();
      const autotune = Autotune.of(device, variantsOn(emulated));
      await compileAhead(plans, lanes, tokens, device, (launch) => autotune.candidates(launch, lanes), signal);
    },
    async microBatches(model) {
      speed ??= measureGpu(createExecutor);
      try {
        return gpuMicroBatches(model, await speed);
      } catch {
        // The device was lost meanwhile: training, which can wait for another, goes by a guess.
        speed = undefined;
        return gpuMicroBatches(model, GUESS);
      }
    },
    memory: {
      budget: BUDGET,
      largestBuffer: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
      footprint: gpuFootprint,
    },
    mostLanes: (cost, rows) => Math.min(MOST_LANES, Math.max(FEWEST_LANES, lanesThatFill(cost, rows))),
    measuredLanes: MEASURED_LANES,
    evaluatedTogether: EVALUATED_TOGETHER,
    dispose: () => source.dispose(),
  };
}

/** A small GPU: 8 µs a launch, 100 GB/s, 0.5 TFLOP/s. */
const GUESS: GpuSpeed = { perLaunch: 8e-6, perParameter: 4e-10, perFlop: 2e-12 };
