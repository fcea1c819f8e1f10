// Makes every npm command work on a fresh clone: checks Node, installs dependencies when the lockfile changed,
// and with --browser finds a Chromium (or, as root on Debian, installs one). Plain Node, no dependencies.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromiumPath } from './chromium.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const quiet = process.argv.includes('--quiet');
// Standard output belongs to the command that follows, so everything said here goes to standard error.
const output = quiet ? ['ignore', 'ignore', 'inherit'] : ['ignore', 2, 2];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) fail(`Node ${process.versions.node} is too old; this project needs Node 20.19 or newer.`);

const stampFile = 'node_modules/.ensure-stamp';
const stamp = createHash('sha256')
  .update(readFileSync('package-lock.json'))
  .update(process.versions.modules + process.platform + process.arch)
  .digest('hex');
if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  console.error('Installing dependencies (npm ci) …');
  const npm = process.env.npm_execpath; // set by npm itself: works on Windows too
  const flags = ['ci', '--no-audit', '--no-fund', '--ignore-scripts'];
  const result = npm
    ? spawnSync(process.execPath, [npm, ...flags], { stdio: output })
    : spawnSync('npm', flags, { stdio: output, shell: process.platform === 'win32' });
  if (result.status !== 0) fail('npm ci failed; its messages are above.');
  writeFileSync(stampFile, stamp);
}

if (process.argv.includes('--browser') && !chromiumPath()) {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    fail('No Chromium or Chrome found; install one, or set CHROMIUM=/path/to/browser.');
  console.error('Installing Chromium for the browser tests …');
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { stdio: output, env: environment });
  const install = spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], { stdio: output, env: environment });
  if (install.status !== 0) fail('Chromium could not be installed; set CHROMIUM=/path/to/browser.');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
