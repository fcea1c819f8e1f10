// Errors on their way out of a worker. Comlink carries an error's message; this adds the sentence in every language.
import { transferHandlers } from 'comlink';
import { InputError } from '../src/messages/sentence.ts';

interface Thrown {
  readonly value: unknown;
}

interface SerializedError {
  readonly isError: boolean;
  readonly value: object;
}

/** From now on an InputError thrown in this thread arrives on the other side with its `sentence`. */
export function sendSentences(): void {
  const plain = transferHandlers.get('throw');
  if (!plain) return;
  transferHandlers.set('throw', {
    ...plain,
    serialize: (thrown: Thrown) => {
      const [serialized, transferables] = plain.serialize(thrown) as [SerializedError, Transferable[]];
      if (!(thrown.value instanceof InputError)) return [serialized, transferables];
      return [{ ...serialized, value: { ...serialized.value, sentence: thrown.value.sentence } }, transferables];
    },
  });
}
