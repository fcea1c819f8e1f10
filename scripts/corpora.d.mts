// Types of corpora.mjs, for the tests.
export function normalise(text: string): string;
export function joinDocuments(documents: readonly string[]): { text: string; starts: number[] };
export function prepareCorpora(ids?: readonly string[], options?: { pin?: boolean }): Promise<string[]>;
