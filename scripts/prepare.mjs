// Makes the files that the page, the command line and the tests need and that git does not hold: the default corpora,
// and the kernels. What is there already is left alone. A corpus that cannot be fetched is said and does not stop
// anything: the lab works with the corpora it has. Everything it says goes to standard error.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { prepareCorpora } from './corpora.mjs';

for (const problem of await prepareCorpora()) console.error(problem);
const kernels = fileURLToPath(new URL('./kernels.mjs', import.meta.url));
if (existsSync(kernels)) {
  const { status } = spawnSync(process.execPath, [kernels], { stdio: ['ignore', 2, 2] });
  process.exitCode = status ?? 1;
}
