// What went wrong, in one sentence each, until the person dismisses it. Wrong input has its own sentence; anything
// else gets a general one with the error's own words as details.
import { InputError, type Sentence } from '../../messages/sentence.ts';

/** One alert on the page. */
export interface Alert {
  readonly key: number;
  readonly sentence: Sentence;
  /** The error's own words, shown on request; only for unexpected errors. */
  readonly details?: string;
}

let nextKey = 0;
let list = $state.raw<readonly Alert[]>([]);

const unexpected: Sentence = {
  en: 'Something unexpected happened; the runs made so far are kept.',
  zh: '发生了意外错误；已完成的训练都已保存。',
};

/** Alerts, oldest first; at most five. */
export const alerts = {
  get list(): readonly Alert[] {
    return list;
  },
  /** Shows a sentence, once: the same sentence twice is one alert. */
  add(sentence: Sentence, details?: string): void {
    list = [...list.filter((alert) => alert.sentence.en !== sentence.en), { key: nextKey++, sentence, details }].slice(-5);
  },
  /** Shows whatever was thrown. */
  report(error: unknown): void {
    const sentence = sentenceOfError(error);
    if (sentence) alerts.add(sentence);
    else alerts.add(unexpected, error instanceof Error ? (error.stack ?? error.message) : String(error));
  },
  dismiss(key: number): void {
    list = list.filter((alert) => alert.key !== key);
  },
  clear(): void {
    list = [];
  },
};

/** The sentence of wrong input; survives a worker's boundary, which keeps an error's name and message but not its class. */
function sentenceOfError(error: unknown): Sentence | undefined {
  if (error instanceof InputError) return error.sentence;
  if (error instanceof Error && error.name === 'InputError') return { en: error.message, zh: error.message };
  return undefined;
}

/** Runs something that may throw or reject and shows what it threw. Resolves to undefined then. */
export async function attempt<Result>(action: () => Result | Promise<Result>): Promise<Result | undefined> {
  try {
    return await action();
  } catch (error) {
    alerts.report(error);
    return undefined;
  }
}
