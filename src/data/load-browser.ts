// Prepared corpora over the network, for the page and its workers.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { CorpusReader } from './corpus.ts';

/**
 * Fetches from a folder of the site. A worker's own address is not the page's, so the folder is an absolute URL.
 * @param folder by default `corpora/` beside the page that this script was built for
 */
export function browserReader(folder: string | URL = new URL(`${import.meta.env.BASE_URL}corpora/`, self.location.origin)): CorpusReader {
  return {
    read: async (name) => {
      const response = await fetch(new URL(name, folder));
      // A server for single-page apps answers a missing file with its start page.
      if (!response.ok || response.headers.get('content-type')?.startsWith('text/html')) return undefined;
      return new Uint8Array(await response.arrayBuffer());
    },
    sha256: async (data) => {
      // Absent where the page is not served over a secure connection.
      const subtle = (globalThis.crypto as Partial<Crypto> | undefined)?.subtle;
      return bytesToHex(subtle ? new Uint8Array(await subtle.digest('SHA-256', data as BufferSource)) : sha256(data));
    },
  };
}
