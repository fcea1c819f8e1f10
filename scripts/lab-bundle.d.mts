/** The folder of the command line's bundle (`main.js`, `training.node.js`), made if need be. */
export function labBundle(): Promise<string>;
/** Bundles entry files, by name, into a folder. */
export function bundleInto(outDir: string, input: Record<string, string>): Promise<void>;
