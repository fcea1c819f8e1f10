// Puts the tokens of a micro-batch where the kernels read them.
import type { TokenSource } from '../executor.ts';
import type { Sample } from '../launches.ts';
import type { Operand } from '../plan.ts';
import type { Kernels } from './kernels.ts';

/** Fills the places of tokens and targets; what lies there already is not fetched again. */
export class TokenFeed {
  readonly #source: TokenSource;
  readonly #kernels: Kernels;
  readonly #words: Int32Array;
  readonly #address: (operand: Operand) => number;
  #sample: Sample | undefined;
  #index = -1;

  /** @param words the whole memory */
  constructor(source: TokenSource, kernels: Kernels, words: Int32Array, address: (operand: Operand) => number) {
    this.#source = source;
    this.#kernels = kernels;
    this.#words = words;
    this.#address = address;
  }

  /** The training windows of a micro-step, counted from 0. */
  training(sample: Sample, microStep: number): void {
    if (this.#holds(sample, microStep)) return;
    const { training, dataSeed } = this.#source;
    const windows = Math.floor((training.length - 1) / sample.context);
    for (let i = 0; i < sample.sequences; i++) {
      const position = microStep * sample.sequences + i;
      const epoch = Math.floor(position / windows);
      const window = this.#kernels.windowInEpoch(position - epoch * windows, epoch, windows, dataSeed) >>> 0;
      this.#copy(sample, training, i, window * sample.context);
    }
  }

  /** Held-out windows from `first` on; past the last, the last again. */
  validation(sample: Sample, first: number): void {
    if (this.#holds(sample, first)) return;
    const { validation } = this.#source;
    const windows = heldOutWindows(validation, sample.context);
    for (let i = 0; i < sample.sequences; i++) this.#copy(sample, validation, i, Math.min(first + i, windows - 1) * (sample.context + 1));
  }

  #holds(sample: Sample, index: number): boolean {
    if (this.#sample === sample && this.#index === index) return true;
    this.#sample = sample;
    this.#index = index;
    return false;
  }

  /** The window that starts at `start` as sequence `i`. */
  #copy({ context, writes }: Sample, text: Uint16Array, i: number, start: number): void {
    const inputs = this.#address(writes.tokens) / 4 + i * context;
    const targets = this.#address(writes.targets) / 4 + i * context;
    for (let t = 0; t < context; t++) {
      this.#words[inputs + t] = text[start + t];
      this.#words[targets + t] = text[start + t + 1];
    }
  }
}

/** Held-out windows of `context` + 1 tokens, one after the other. */
export function heldOutWindows(validation: Uint16Array, context: number): number {
  return Math.floor(validation.length / (context + 1));
}
