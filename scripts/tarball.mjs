// Reads a gzipped tar archive as a stream, file by file, keeping only what is asked for in memory. Plain Node.
// Format: POSIX.1-2017, "pax Interchange Format" (ustar headers, pax 'x' records), plus GNU long names ('L').
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

const BLOCK = 512;

/**
 * The wanted files of a .tgz archive, in archive order.
 * @param {string} path the archive
 * @param {(name: string) => boolean} wanted which files to yield, by their path in the archive without the first folder (`package/`)
 * @returns {AsyncGenerator<{ name: string, data: Buffer }>}
 * @throws {Error} when the archive is damaged or cut short
 */
export async function* readTarball(path, wanted) {
  const source = createReadStream(path);
  const stream = createGunzip();
  source.on('error', (error) => stream.destroy(error));
  source.pipe(stream);
  try {
    const reader = new BlockReader(stream[Symbol.asyncIterator]());
    let longName;
    for (;;) {
      const header = await reader.read(BLOCK);
      if (header === null || header.every((byte) => byte === 0)) return;
      checkHeader(header);
      const size = number(header.subarray(124, 136));
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      const type = String.fromCharCode(header[156] || 0x30);
      if (type === 'x' || type === 'L') {
        const data = await reader.mustRead(padded);
        longName = type === 'x' ? (paxPath(data.subarray(0, size)) ?? longName) : field(data.subarray(0, size));
        continue;
      }
      const prefix = header.toString('latin1', 257, 262) === 'ustar' ? field(header.subarray(345, 500)) : '';
      const name = (longName ?? (prefix ? `${prefix}/` : '') + field(header.subarray(0, 100))).replace(/^[^/]*\//, '');
      longName = undefined;
      if (type === '0' && wanted(name)) yield { name, data: (await reader.mustRead(padded)).subarray(0, size) };
      else await reader.skip(padded);
    }
  } finally {
    source.destroy();
    stream.destroy();
  }
}

class BlockReader {
  /** @param {AsyncIterator<Buffer>} chunks */
  constructor(chunks) {
    this.chunks = chunks;
    this.pending = [];
    this.available = 0;
  }

  /** Exactly `count` bytes, or null at the clean end of the stream. */
  async read(count) {
    while (this.available < count) {
      const { value, done } = await this.chunks.next();
      if (done) {
        if (this.available === 0) return null;
        throw new Error('the archive is cut short');
      }
      this.pending.push(value);
      this.available += value.length;
    }
    const all = this.pending.length === 1 ? this.pending[0] : Buffer.concat(this.pending, this.available);
    this.available -= count;
    this.pending = this.available > 0 ? [all.subarray(count)] : [];
    return all.subarray(0, count);
  }

  async mustRead(count) {
    if (count === 0) return Buffer.alloc(0);
    const data = await this.read(count);
    if (data === null) throw new Error('the archive is cut short');
    return data;
  }

  async skip(count) {
    for (let rest = count; rest > 0; rest -= 1 << 16) await this.mustRead(Math.min(rest, 1 << 16));
  }
}

/** The sum of all header bytes, with the checksum field itself read as spaces. */
function checkHeader(header) {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i];
  if (sum !== number(header.subarray(148, 156))) throw new Error('the archive is damaged');
}

/** A number in a header: octal text, or base 256 when the first bit is set. */
function number(bytes) {
  if (bytes[0] & 0x80) return bytes.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
  const text = bytes.toString('latin1').replace(/[\0 ]/g, '');
  const value = text === '' ? 0 : parseInt(text, 8);
  if (!Number.isSafeInteger(value)) throw new Error('the archive is damaged');
  return value;
}

/** Text up to the first NUL. */
function field(bytes) {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** The `path` record of a pax header: lines of "LENGTH key=value\n", the length counting the whole line. */
function paxPath(bytes) {
  let path;
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = parseInt(bytes.toString('latin1', at, space), 10);
    if (space < 0 || !(length > 0)) throw new Error('the archive is damaged');
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    if (record.startsWith('path=')) path = record.slice(5);
    at += length;
  }
  return path;
}
