// Options on the command line, refused in one sentence.
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { InputError } from '../messages/sentence.ts';

/** `parseArgs` (strict, positionals allowed) whose refusals are InputErrors. */
export function readOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const first = message.split(/\. |\n/)[0].replace(/\.$/, '');
    throw new InputError({ en: `${first}; see --help.`, zh: `${first}；见 --help。` });
  }
}

/** One of a list of words. @throws InputError */
export function oneOf<const Word extends string>(option: string, value: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw new InputError({
    en: `--${option} must be one of ${words.join(', ')}, but is "${value}".`,
    zh: `--${option} 应为 ${words.join('、')} 之一，现为“${value}”。`,
  });
}

/** A whole number in a range. @throws InputError */
export function wholeNumber(option: string, value: string, minimum: number, maximum: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (number >= minimum && number <= maximum) return number;
  throw new InputError({
    en: `--${option} must be a whole number from ${minimum} to ${maximum}, but is "${value}".`,
    zh: `--${option} 应为 ${minimum} 到 ${maximum} 的整数，现为“${value}”。`,
  });
}

/** The positional arguments by name, no more and no fewer. @throws InputError */
export function exactly(positionals: readonly string[], ...names: readonly string[]): string[] {
  if (positionals.length < names.length) {
    const missing = names[positionals.length];
    throw new InputError({ en: `${missing} is missing; see --help.`, zh: `缺少 ${missing}；见 --help。` });
  }
  if (positionals.length > names.length) {
    const extra = positionals[names.length];
    throw new InputError({ en: `"${extra}" is one argument too many; see --help.`, zh: `多余的参数“${extra}”；见 --help。` });
  }
  return [...positionals];
}
