// Errors as sentences.
import { InputError, type Sentence } from '../messages/sentence.ts';

/**
 * What went wrong, as a sentence. An error that came from another thread is no InputError any more, but may carry its
 * sentence; any other has only its message, the same in every language.
 */
export function sentenceOfError(error: unknown): Sentence {
  if (error instanceof InputError) return error.sentence;
  if (error instanceof Error && Object.hasOwn(error, 'sentence')) {
    const { sentence } = error as Error & { sentence: Partial<Sentence> | undefined };
    if (typeof sentence?.en === 'string' && typeof sentence.zh === 'string') return { en: sentence.en, zh: sentence.zh };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { en: message, zh: message };
}
