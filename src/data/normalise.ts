// What every text goes through before anything else, so that equal texts give equal tokens.

/**
 * Unicode NFC, line ends as \n, no byte-order mark, no lines with U+FFFD (the trace of a decoding error somewhere before
 * us), no lone surrogates. The prepared corpora have gone through the same steps (scripts/corpora.mjs).
 */
export function normalise(text: string): string {
  // Encoding turns lone surrogates into U+FFFD; decoding drops a byte-order mark at the start.
  const wellFormed = new TextDecoder().decode(new TextEncoder().encode(text));
  return wellFormed
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .filter((line) => !line.includes('\uFFFD'))
    .join('\n')
    .normalize('NFC');
}
