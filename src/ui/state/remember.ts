// Small choices that outlive a reload (language, theme, size): localStorage where the browser allows it, else nothing.

const PREFIX = 'tinyscale.';

/** What was remembered under a name, or undefined. */
export function remembered(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Remembers a choice; undefined forgets it. Silent where storage is forbidden or full: the choice then lasts until the reload. */
export function remember(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Nothing depends on it.
  }
}
