// Errors as sentences.
import { InputError, type Sentence } from '../messages/sentence.ts';

/** What went wrong, as a sentence: errors from other threads carry only their English one. */
export function sentenceOfError(error: unknown): Sentence {
  if (error instanceof InputError) return error.sentence;
  const message = error instanceof Error ? error.message : String(error);
  return { en: message, zh: message };
}
