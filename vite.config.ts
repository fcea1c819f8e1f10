// One configuration for the page, the workers and the three kinds of test (unit in Node, browser in real
// Chromium with WebGPU, e2e against the built page).
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumArguments, chromiumPath } from './scripts/chromium.mjs';

const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const tfjs = [
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-core/dist/register_all_gradients',
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-backend-webgpu',
];

export default defineConfig({
  plugins: [svelte()],
  build: { target: 'es2023', chunkSizeWarningLimit: 1500 },
  worker: { format: 'es' },
  server: { headers },
  preview: { headers, port: 4173 },
  // tfjs named here, else the first browser test run re-optimises and reloads half-way.
  optimizeDeps: { include: ['comlink', 'valibot', 'idb', 'uplot', 'd3-contour', 'axe-core', '@noble/hashes/sha2.js', '@noble/hashes/utils.js', ...tfjs] },
  test: {
    reporters: ['default', './scripts/tally-reporter.ts'],
    // One kind after another: what a browser is waited for does not compete with everything else.
    projects: [
      { extends: true, test: { name: 'unit', environment: 'node', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000, sequence: { groupOrder: 0 }, server: { deps: { inline: [/@tensorflow/] } } } },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: [{ browser: 'chromium' }],
            provider: playwright({ launchOptions: { executablePath: chromiumPath(), args: chromiumArguments } }),
          },
        },
      },
      { extends: true, test: { name: 'e2e', environment: 'node', include: ['test/e2e/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 120_000, sequence: { groupOrder: 2 } } },
    ],
  },
});
