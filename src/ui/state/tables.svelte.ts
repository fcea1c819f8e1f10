// Tables of runs from elsewhere that were dropped on the page: read and fitted in the laws worker, gone at the reload.
import { SvelteMap } from 'svelte/reactivity';
import type { Table } from '../../laws/table.ts';
import { InputError } from '../../messages/sentence.ts';
import { readTextFile } from '../read-file.ts';
import type { TableFits } from '../../../workers/laws.worker.ts';
import type { Fits } from './fits.svelte.ts';
import { askLaws } from './laws-client.ts';

/** Rows that are fitted at once on the page; the command line has no such limit. */
const MOST_ROWS = 100_000;

/** A table as it was dropped. */
export interface ImportedTable {
  readonly name: string;
  /** Its text, kept so that it can be read again by another count of N. */
  readonly text: string;
  readonly table: Table;
}

/** Imported tables and their fits, by name. */
export class Tables {
  readonly imported = new SvelteMap<string, ImportedTable>();
  readonly fitted = new SvelteMap<string, TableFits>();
  readonly #fits: Fits;

  constructor(fits: Fits) {
    this.#fits = fits;
  }

  /**
   * Reads a file and fits it.
   * @throws InputError when it is no table of runs
   */
  async add(file: File): Promise<void> {
    const text = await readTextFile(file);
    await this.#read(file.name, text);
    await this.#fit(file.name);
  }

  remove(name: string): void {
    this.imported.delete(name);
    this.fitted.delete(name);
  }

  /** Reads and fits every table again, after a choice was changed. */
  async refresh(): Promise<void> {
    for (const { name, text } of [...this.imported.values()]) {
      await this.#read(name, text);
      await this.#fit(name);
    }
  }

  async #read(name: string, text: string): Promise<void> {
    const { table, refused } = await askLaws((laws) => laws.readTable(text, this.#fits.convention));
    if (refused !== undefined) throw new InputError(refused);
    if (table === undefined || table.rows.length === 0)
      throw new InputError({
        en: `"${name}" has no row that can be used; every run needs a loss above zero.`,
        zh: `“${name}”中没有可用的行；每次训练都需要大于零的损失。`,
      });
    if (table.rows.length > MOST_ROWS)
      throw new InputError({
        en: `"${name}" has ${table.rows.length} rows, more than the ${MOST_ROWS} the page fits; use the command line.`,
        zh: `“${name}”有 ${table.rows.length} 行，超过页面可拟合的 ${MOST_ROWS} 行；请使用命令行。`,
      });
    this.imported.set(name, { name, text, table });
  }

  async #fit(name: string): Promise<void> {
    const rows = this.imported.get(name)?.table.rows;
    if (!rows) return;
    const { plateau, method } = this.#fits;
    this.fitted.set(name, await askLaws((laws) => laws.fitTable(rows, { plateau, method })));
  }
}
