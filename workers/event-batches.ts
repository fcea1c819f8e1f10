// Events on their way out of a worker: gathered into batches, so that the other side is not woken for each.
import { transfer } from 'comlink';
import type { LaneEvent } from '../src/training/trainer.ts';

/** Milliseconds between batches. */
const INTERVAL = 50;
/** Milliseconds without events after which an empty batch says that the worker lives. */
const SILENCE = 500;

/** Where batches go; resolves when they have arrived. */
export type Sink = (events: readonly LaneEvent[]) => unknown;

/** Gathers events and sends them on. Begins at once; ends with {@link EventBatches.close}. */
export class EventBatches {
  readonly #sink: Sink;
  readonly #timer: ReturnType<typeof setInterval>;
  #events: LaneEvent[] = [];
  #lastSent = performance.now();

  constructor(sink: Sink) {
    this.#sink = sink;
    this.#timer = setInterval(() => {
      if (this.#events.length > 0 || performance.now() - this.#lastSent >= SILENCE) void this.#send();
    }, INTERVAL);
  }

  readonly add = (event: LaneEvent): void => {
    this.#events.push(event);
  };

  /** Sends what is left; resolves when the other side has had it all. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#send();
  }

  async #send(): Promise<void> {
    const events = this.#events;
    this.#events = [];
    this.#lastSent = performance.now();
    const buffers = new Set<ArrayBuffer>();
    const ready = events.map((event) => withOwnArrays(event, buffers));
    // The other side may be gone; then nobody misses the events.
    await Promise.resolve(this.#sink(transfer(ready, [...buffers]))).catch(() => undefined);
  }
}

/** The event with its arrays in buffers of their own, which are added to `buffers`, to be handed over rather than copied. */
function withOwnArrays(event: LaneEvent, buffers: Set<ArrayBuffer>): LaneEvent {
  const own = (array: Float32Array): Float32Array => {
    const whole = array.buffer instanceof ArrayBuffer && array.byteLength === array.buffer.byteLength && !buffers.has(array.buffer);
    const result = whole ? array : array.slice();
    buffers.add(result.buffer as ArrayBuffer);
    return result;
  };
  if (event.kind === 'progress') return { ...event, losses: own(event.losses) };
  if (event.kind === 'ended' && event.outcome.status === 'finished')
    return { ...event, outcome: { ...event.outcome, parameters: own(event.outcome.parameters) } };
  return event;
}
