// Giving the person a file.

/** Saves a blob under a name. */
export function downloadBlob(name: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  // The browser takes the address over at the click; a moment later it is no more needed.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Saves a text under a name. */
export function downloadText(name: string, type: string, text: string): void {
  downloadBlob(name, new Blob([text], { type: `${type};charset=utf-8` }));
}

/** A name for a file: letters, digits and dashes of a title. */
export function fileName(title: string): string {
  return (
    title
      .normalize('NFKD')
      .replace(/[^\p{Letter}\p{Number}]+/gu, '-')
      .replace(/^-+|-+$/g, '')
      .toLowerCase()
      .slice(0, 60) || 'tinyscale'
  );
}
