// Turns of the event loop: work goes on for a few milliseconds, then messages, timers and promises of others run.

/** Milliseconds of work between two turns. */
const SLICE = 3;
/** Operations between two looks at the clock: some tenths of a millisecond. */
const LOOK = 4e6;

/** To be closed when the work is done. */
export class Turns {
  readonly #ask: (turn: () => void) => void;
  /** Gives back what asking takes. */
  readonly close: () => void;
  #sliceEnd = performance.now() + SLICE;
  #cost = 0;

  constructor() {
    if (typeof setImmediate === 'function') {
      // Node handles a port's messages one after another, those that came in the meantime included, and nothing else.
      this.#ask = (turn) => setImmediate(turn);
      this.close = () => undefined;
      return;
    }
    // Browsers hold `setTimeout` back by 4 ms, messages not.
    const { port1, port2 } = new MessageChannel();
    this.#ask = (turn) => {
      port1.onmessage = turn;
      port2.postMessage(null);
    };
    this.close = () => port1.close();
  }

  /** Counts work that has been done, and says whether a turn is due; it stays due until it is taken. */
  due(cost: number): boolean {
    this.#cost += cost;
    if (this.#cost < LOOK) return false;
    if (performance.now() >= this.#sliceEnd) return true;
    this.#cost = 0;
    return false;
  }

  /** Resolves in a task of its own. */
  next(): Promise<void> {
    return new Promise((resolve) =>
      this.#ask(() => {
        this.#cost = 0;
        this.#sliceEnd = performance.now() + SLICE;
        resolve();
      }),
    );
  }
}
