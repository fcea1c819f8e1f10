// Names of a table's own columns, as people write them: "N=params, loss=val".
import { InputError } from '../messages/sentence.ts';
import { TABLE_COLUMNS, type TableColumn } from './table.ts';

/**
 * The lab's columns by the table's own names.
 * @param mappings each one or more of `column=name`, separated by commas
 * @throws InputError on anything else
 */
export function readColumns(mappings: readonly string[]): Partial<Record<TableColumn, string>> {
  const columns: Partial<Record<TableColumn, string>> = {};
  for (const mapping of mappings.flatMap((text) => text.split(',')).filter((text) => text.trim() !== '')) {
    const at = mapping.indexOf('=');
    const name = mapping.slice(0, Math.max(at, 0)).trim();
    const column = mapping.slice(at + 1).trim();
    if (!TABLE_COLUMNS.includes(name as TableColumn) || column === '') {
      throw new InputError({
        en: `"${mapping}" names no column; write for example --columns N=params,loss=val with ${TABLE_COLUMNS.join(', ')} on the left.`,
        zh: `“${mapping}”没有指定列；请写成 --columns N=params,loss=val 的形式，左边为 ${TABLE_COLUMNS.join('、')} 之一。`,
      });
    }
    columns[name as TableColumn] = column;
  }
  return columns;
}
