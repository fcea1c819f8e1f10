// Prepared corpora from the file system, for the command line and the tests.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CorpusReader } from './corpus.ts';

/** Reads from a folder: the repository's public/corpora unless another is given. */
export function nodeReader(folder = join(import.meta.dirname, '../../public/corpora')): CorpusReader {
  return {
    read: async (name) => {
      try {
        return await readFile(join(folder, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    sha256: (data) => createHash('sha256').update(data).digest('hex'),
  };
}
