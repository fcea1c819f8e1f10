// Types of tarball.mjs, for the tests.
export function readTarball(path: string, wanted: (name: string) => boolean): AsyncGenerator<{ name: string; data: Buffer }>;
