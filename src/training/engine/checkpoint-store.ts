// Checkpoints in the browser's private file system (OPFS), where they outlive the worker and the page. Workers only:
// the page has no synchronous access to these files.
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-codec.ts';
import type { Checkpoint, CheckpointKey, CheckpointStore } from './checkpoint.ts';

/** What a worker has of a file at once (File System standard, `FileSystemSyncAccessHandle`; not among the types of the page). */
interface SyncAccessHandle {
  truncate(size: number): void;
  /** Returns the bytes written. */
  write(bytes: Uint8Array<ArrayBuffer>, options: { readonly at: number }): number;
  flush(): void;
  close(): void;
}

interface WorkerFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

const FOLDER = 'checkpoints';

/** Two files a run, written in turn: a worker that dies while it writes leaves the other whole. */
const SLOTS = ['a', 'b'] as const;

/** Days after which what nobody took up again is thrown away. */
const KEPT_DAYS = 14;

/**
 * Opens the store, and throws away what is too old. Undefined where there is no such file system: in Node, in private
 * windows of some browsers, on the page itself.
 */
export async function openCheckpointStore(): Promise<CheckpointStore | undefined> {
  if (typeof FileSystemFileHandle === 'undefined' || !('createSyncAccessHandle' in FileSystemFileHandle.prototype)) return undefined;
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    await discardOld(folder, Date.now() - KEPT_DAYS * 86_400_000);
    return new OriginPrivateStore(folder);
  } catch {
    return undefined;
  }
}

class OriginPrivateStore implements CheckpointStore {
  readonly #folder: FileSystemDirectoryHandle;
  /** The slot that is written next, by run. */
  readonly #next = new Map<string, number>();

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async load(key: CheckpointKey): Promise<Checkpoint | undefined> {
    const found = await Promise.all(SLOTS.map((slot) => this.#read(key, slot)));
    const newest = found[1] && found[1].state.updates > (found[0]?.state.updates ?? -1) ? 1 : 0;
    this.#next.set(key.id, 1 - newest);
    return found[newest];
  }

  async save(key: CheckpointKey, checkpoint: Checkpoint): Promise<void> {
    const slot = this.#next.get(key.id) ?? 0;
    const handle = (await this.#folder.getFileHandle(fileName(key, SLOTS[slot]), { create: true })) as WorkerFileHandle;
    const file = await openedFor(handle);
    try {
      const bytes = encodeCheckpoint(key, checkpoint);
      file.truncate(bytes.length);
      if (file.write(bytes, { at: 0 }) !== bytes.length) throw new Error('The browser has no room for checkpoints.');
      file.flush();
    } finally {
      file.close();
    }
    this.#next.set(key.id, 1 - slot);
  }

  async remove(key: CheckpointKey): Promise<void> {
    this.#next.delete(key.id);
    for (const slot of SLOTS)
      await this.#folder.removeEntry(fileName(key, slot)).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
  }

  async #read(key: CheckpointKey, slot: string): Promise<Checkpoint | undefined> {
    try {
      const handle = await this.#folder.getFileHandle(fileName(key, slot));
      return decodeCheckpoint(key, new Uint8Array(await (await handle.getFile()).arrayBuffer()));
    } catch {
      // Never written, or still in the hands of a worker that dies: the other slot counts.
      return undefined;
    }
  }
}

/** Milliseconds between two tries to open a file, and how many there are: a worker that was terminated lets go of its files late. */
const AGAIN_AFTER = 100;
const TRIES = 50;

async function openedFor(handle: WorkerFileHandle): Promise<SyncAccessHandle> {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await handle.createSyncAccessHandle();
    } catch (error) {
      const taken = error instanceof DOMException && error.name === 'NoModificationAllowedError';
      if (!taken || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER));
    }
  }
}

function fileName({ id }: CheckpointKey, slot: string): string {
  return `${encodeURIComponent(id)}.${slot}`;
}

function isMissing(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotFoundError';
}

async function discardOld(folder: FileSystemDirectoryHandle, before: number): Promise<void> {
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind !== 'file') continue;
    // Another worker may have the file open, or have removed it: then it is not old.
    const file = await handle.getFile().catch(() => undefined);
    if (file && file.lastModified < before) await folder.removeEntry(name).catch(() => undefined);
  }
}
