// Makes the files that the page, the command line and the tests need and that git does not hold: the default corpora,
// and the kernels. What is there already is left alone. A corpus that cannot be fetched is said and does not stop
// anything: the lab works with the corpora it has. Everything it says goes to standard error.
import { prepareCorpora } from './corpora.mjs';
import { prepareKernels } from './kernels.mjs';

for (const problem of await prepareCorpora()) console.error(problem);
await prepareKernels();
