// Gradients measured by the executor for GPUs.
import { createWebGpuExecutor } from '../../src/plan/webgpu/executor.ts';
import { describeGradientNorms } from '../unit/plan/gradient-norms.ts';
import { testDevice } from './one-launch.ts';

describeGradientNorms(async (plans, lanes, tokens) => createWebGpuExecutor(plans, lanes, tokens, await testDevice()), 1000);
