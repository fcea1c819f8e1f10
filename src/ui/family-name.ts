// What a family of runs is called among others of its sweep.
import type { Family } from './landscapes.ts';
import { say } from './messages/i18n.svelte.ts';
import { valueText } from './setting-values.ts';

/** The label of its experiment's group, else the settings in which it differs; empty when the sweep is one family. */
export function nameOfFamily({ group, differs, config }: Family): string {
  return group ? say(group.label) : differs.map((field) => valueText(config[field])).join(', ');
}
