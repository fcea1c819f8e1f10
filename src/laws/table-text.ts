// Text of a table into records: comma- or tab-separated with quoted fields (RFC 4180), JSON Lines, or a JSON array.
import { InputError } from '../messages/sentence.ts';
import { shortNumber } from './sentences.ts';

/** A table as text: column names and one record of raw fields a row. */
export interface TextTable {
  readonly columns: readonly string[];
  /** One array a row, as long as `columns`; an absent field is undefined. */
  readonly records: readonly (readonly Field[])[];
  /** Whether the rows are JSON objects, which may nest. */
  readonly json: boolean;
}

/** A raw field: text of a CSV, or any JSON value. */
export type Field = unknown;

/** Longer texts are refused: a table of runs is far smaller, and a browser tab would not survive the rest. */
export const LONGEST_TABLE = 100_000_000;

/** Reads a table. Throws InputError when the text is not one. */
export function readTextTable(text: string): TextTable {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  if (body.length > LONGEST_TABLE) {
    throw new InputError({
      en: `This file has ${shortNumber(body.length)} characters, more than the ${shortNumber(LONGEST_TABLE)} that a table of runs may have; pass only the rows and columns to be fitted.`,
      zh: `该文件有 ${shortNumber(body.length)} 个字符，超过训练表允许的 ${shortNumber(LONGEST_TABLE)} 个；请只保留要拟合的行和列。`,
    });
  }
  if (body.trim() === '')
    throw new InputError({
      en: 'This file is empty; a table of runs needs a header line and rows.',
      zh: '该文件是空的；训练表需要一行表头和若干行数据。',
    });
  // NUL bytes, or bytes that were no UTF-8: a binary file.
  const head = body.slice(0, 4096);
  if (head.includes('\0') || (head.match(/\uFFFD/g)?.length ?? 0) > head.length / 100) throw notATable();
  const first = body.trimStart()[0];
  if (first === '{') return fromObjects(jsonLines(body));
  if (first === '[') return fromObjects(jsonArray(body));
  return separated(body);
}

function separated(text: string): TextTable {
  const firstLine = text.slice(0, text.search(/[\r\n]|$/));
  const separator = firstLine.includes('\t') ? '\t' : ',';
  const lines = splitFields(text, separator);
  if (lines.length < 2) throw notATable();
  const header = lines[0].map((name) => name.trim());
  if (header.length === 1 && lines.slice(1).every((line) => line.length > 1)) throw notATable();
  if (header.every((name) => name === '' || Number.isFinite(Number(name)))) {
    throw new InputError({
      en: 'The first line holds numbers, not column names; add a header line such as N,D,lr,B,loss.',
      zh: '第一行是数字而不是列名；请加上表头，例如 N,D,lr,B,loss。',
    });
  }
  return { columns: header, records: lines.slice(1), json: false };
}

/** Fields of every line that is not blank; quotes may hold separators, line breaks and doubled quotes. */
function splitFields(text: string, separator: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  let at = 0;
  const endLine = (): void => {
    if (line.length > 1 || line[0].trim() !== '') lines.push(line);
    line = [];
  };
  while (at < text.length) {
    let field: string;
    let start = at;
    while (text[start] === ' ') start++;
    if (text[start] === '"') {
      let end = start + 1;
      for (;;) {
        end = text.indexOf('"', end);
        if (end < 0)
          throw new InputError({
            en: `Line ${lines.length + 1} opens a quote that never closes.`,
            zh: `第 ${lines.length + 1} 行的引号没有结束。`,
          });
        if (text[end + 1] !== '"') break;
        end += 2;
      }
      field = text.slice(start + 1, end).replaceAll('""', '"');
      at = end + 1;
      while (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r') at++;
    } else {
      let end = at;
      while (end < text.length && text[end] !== separator && text[end] !== '\n' && text[end] !== '\r') end++;
      field = text.slice(at, end);
      at = end;
    }
    line.push(field);
    if (text[at] === separator) {
      at++;
      // A line that ends on a separator has one more, empty, field.
      if (at >= text.length || text[at] === '\n' || text[at] === '\r') line.push('');
      else continue;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    endLine();
  }
  if (line.length > 0) endLine();
  return lines;
}

function jsonLines(text: string): unknown[] {
  const values: unknown[] = [];
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (line.trim() === '') continue;
    try {
      values.push(JSON.parse(line) as unknown);
    } catch {
      // One object spread over lines is JSON, but no table.
      throw new InputError({
        en: `Line ${number} is not a JSON object; JSON Lines has one run a line.`,
        zh: `第 ${number} 行不是 JSON 对象；JSON Lines 每行一次训练。`,
      });
    }
  }
  return values;
}

function jsonArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {
    // Falls through to the sentence below.
  }
  throw notATable();
}

function fromObjects(values: readonly unknown[]): TextTable {
  const index = new Map<string, number>();
  const records = values.map((value, row) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw new InputError({ en: `Row ${row + 1} is not a JSON object.`, zh: `第 ${row + 1} 行不是 JSON 对象。` });
    }
    const record: Field[] = [];
    for (const [name, field] of Object.entries(value)) {
      let column = index.get(name);
      if (column === undefined) index.set(name, (column = index.size));
      record[column] = field;
    }
    return record;
  });
  return { columns: [...index.keys()], records, json: true };
}

function notATable(): InputError {
  return new InputError({
    en: 'This file is not a table of runs; it should be comma- or tab-separated text with a header line, or JSON Lines.',
    zh: '该文件不是训练表；应为带表头的逗号或制表符分隔文本，或 JSON Lines。',
  });
}
