// The steering of a training: pause, stop, skip. Whoever trains holds the one end, whoever steers the other.
import type { TrainingControl } from './trainer.ts';

/** Controls of one training. */
export class Controls implements TrainingControl {
  readonly #abort = new AbortController();
  readonly #skipped = new Set<string>();
  #resumed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  untilResumed(): Promise<void> {
    return this.#resumed?.promise ?? Promise.resolve();
  }

  isSkipped(id: string): boolean {
    return this.#skipped.has(id);
  }

  /** Holds the training still from its next look on. */
  pause(): void {
    if (this.#resumed || this.signal.aborted) return;
    let resolve = (): void => undefined;
    const promise = new Promise<void>((settle) => (resolve = settle));
    this.#resumed = { promise, resolve };
  }

  resume(): void {
    this.#resumed?.resolve();
    this.#resumed = undefined;
  }

  /** Ends the training for good; ends a pause too. */
  stop(): void {
    this.#abort.abort();
    this.resume();
  }

  /** The run is wanted no more. */
  skip(id: string): void {
    this.#skipped.add(id);
  }
}
