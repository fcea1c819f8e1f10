// Turns of the event loop: work goes on for a few milliseconds, then messages, timers and promises of others run.

/** Milliseconds of work between two turns. */
const SLICE = 3;
/** Operations between two looks at the clock: some tenths of a millisecond. */
const LOOK = 4e6;

/** To be closed, or a Node process stays alive. */
export class Turns {
  readonly #channel = new MessageChannel();
  #resume: () => void = () => undefined;
  #sliceEnd = performance.now() + SLICE;
  #cost = 0;

  constructor() {
    this.#channel.port1.onmessage = () => this.#resume();
  }

  /** Counts work that has been done, and says whether a turn is due; it stays due until it is taken. */
  due(cost: number): boolean {
    this.#cost += cost;
    if (this.#cost < LOOK) return false;
    if (performance.now() >= this.#sliceEnd) return true;
    this.#cost = 0;
    return false;
  }

  /** Resolves in a task of its own. A message: browsers hold `setTimeout` back by 4 ms. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = () => {
        this.#cost = 0;
        this.#sliceEnd = performance.now() + SLICE;
        resolve();
      };
      this.#channel.port2.postMessage(null);
    });
  }

  close(): void {
    this.#channel.port1.close();
  }
}
