// The smallest unit of text a person reads, in every language the lab speaks. Rooms that compute something worth
// saying (laws, experiments, checks of input) return sentences; the interface picks the language.

/** One sentence in each language of the interface. Plain text, never HTML. */
export interface Sentence {
  readonly en: string;
  readonly zh: string;
}

/** Languages of the interface. */
export type Locale = keyof Sentence;

/** Wrong input from outside (a file, a link, a number): what is wrong and what to do, in one sentence. */
export class InputError extends Error {
  readonly sentence: Sentence;

  constructor(sentence: Sentence) {
    super(sentence.en);
    this.name = 'InputError';
    this.sentence = sentence;
  }
}
