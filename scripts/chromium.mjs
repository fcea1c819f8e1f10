// Where a Chromium is on this machine, and the flags under which it offers WebGPU without a display.
import { existsSync } from 'node:fs';

const places = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** Path of the first Chromium or Chrome found (`CHROMIUM` in the environment goes first), or undefined. */
export const chromiumPath = () => places.find((path) => path && existsSync(path));

/** Flags for headless tests: no sandbox (root), WebGPU on, nothing that calls home. */
export const chromiumArguments = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
