/** The folder of the command line's bundle (`main.js`, `training.node.js`), made if need be. */
export function labBundle(): Promise<string>;
