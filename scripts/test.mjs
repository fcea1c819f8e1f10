// `npm test`: lint, types, then every test; stops at the first stage that fails, so that the last line is the tally.
import { spawnSync } from 'node:child_process';

const stages = [
  ['prepared files', ['scripts/prepare.mjs']],
  ['lint', ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0']],
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit']],
  ['components', ['node_modules/svelte-check/bin/svelte-check', '--fail-on-warnings', '--output', 'human']],
  ['page', ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn']],
  ['tests', ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)]],
];
for (const [name, command] of stages) {
  console.log(`— ${name}`);
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  if (status !== 0) {
    if (name !== 'tests') console.log(`\n${name} failed: 0 passed, 1 failed, 0 skipped`);
    process.exit(status ?? 1);
  }
}
