// Options that say what trains: backend, engine, workers, and where the corpora are.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OpenOptions } from '../../workers/protocol.ts';
import { oneOf, wholeNumber } from './arguments.ts';

/** For `readOptions`. */
export const deviceOptions = {
  backend: { type: 'string', default: 'auto' },
  engine: { type: 'string', default: 'plan' },
  workers: { type: 'string' },
  corpora: { type: 'string' },
} as const;

/** What they ask for; `workers` undefined: as many as the backend can use. @throws InputError */
export function readDeviceOptions(values: {
  readonly backend: string;
  readonly engine: string;
  readonly workers?: string | undefined;
  readonly corpora?: string | undefined;
}): { readonly open: OpenOptions; readonly workers: number | undefined } {
  const corpora = values.corpora ?? join(projectFolder(), 'public/corpora');
  return {
    open: {
      backend: oneOf('backend', values.backend, ['auto', 'webgpu', 'wasm', 'cpu']),
      engine: oneOf('engine', values.engine, ['plan', 'reference']),
      corpora: corpora.endsWith('/') ? corpora : `${corpora}/`,
    },
    workers: values.workers === undefined ? undefined : wholeNumber('workers', values.workers, 1, 64),
  };
}

/** The project's folder: the nearest one above this file that has a package.json. */
function projectFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
