// Reading a file that should hold text (a sweep, a table of runs): size and encoding are checked before anything else.
import { InputError } from '../messages/sentence.ts';

/** The largest sweep or table that is read, bytes. */
const LARGEST = 100_000_000;

/**
 * The text of a file in UTF-8.
 * @throws InputError when the file is empty, too large, or no text
 */
export async function readTextFile(file: File): Promise<string> {
  if (file.size === 0)
    throw new InputError({ en: `"${file.name}" is empty; choose another file.`, zh: `“${file.name}”是空文件；请选择其他文件。` });
  if (file.size > LARGEST)
    throw new InputError({
      en: `"${file.name}" has ${Math.round(file.size / 1e6)} MB, more than the ${LARGEST / 1e6} MB the page reads; choose a smaller file.`,
      zh: `“${file.name}”有 ${Math.round(file.size / 1e6)} MB，超过页面可读取的 ${LARGEST / 1e6} MB；请选择更小的文件。`,
    });
  const notText = () =>
    new InputError({
      en: `"${file.name}" is not a text file; a sweep is JSON, a table is CSV or JSON Lines, in UTF-8.`,
      zh: `“${file.name}”不是文本文件；扫描配置应为 JSON，表格应为 CSV 或 JSON Lines（UTF-8 编码）。`,
    });
  const data = new Uint8Array(await file.arrayBuffer());
  if (data.includes(0)) throw notText();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    throw notText();
  }
}
