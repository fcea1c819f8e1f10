// What will be trained next, and its compilation while something else trains.
import type { Plans, TokenSource } from '../../plan/executor.ts';
import { breathe } from '../breathe.ts';

/** An executor that will likely be asked for. */
export interface Expected {
  readonly plans: Plans;
  readonly lanes: number;
  readonly tokens: TokenSource;
}

/** Compiles what an executor will need; leaves early when `signal` is aborted. May reject: nothing depends on it. */
export type CompileAhead = (expected: Expected, signal: AbortSignal) => Promise<void>;

/** Compiles what is expected whenever an executor is at work; nobody waits for it. */
export class Ahead {
  readonly #compile: CompileAhead | undefined;
  /** What is left of the call under way, in its order, and what was announced to come after it. */
  #rest: (() => Expected)[] = [];
  #announced: (() => Expected | Promise<Expected>) | undefined;
  #working: AbortController | undefined;
  #going = false;

  /** @param compile undefined where there is nothing to compile */
  constructor(compile: CompileAhead | undefined) {
    this.#compile = compile;
  }

  /** Takes in what is left of the call under way. Functions are called once it is their turn: tracing takes a while. */
  set rest(rest: readonly (() => Expected)[]) {
    this.#rest = [...rest];
  }

  /** Takes in what comes after the call under way, in the place of what was announced before. */
  announce(expected: () => Expected | Promise<Expected>): void {
    this.#announced = expected;
    void this.#go();
  }

  /** An executor is at work: there is time to compile in. */
  begin(): void {
    this.#working ??= new AbortController();
    void this.#go();
  }

  /** No executor is at work, or one is being set up, which measures and compiles by itself. */
  end(): void {
    this.#working?.abort();
    this.#working = undefined;
  }

  async #go(): Promise<void> {
    if (this.#compile === undefined || this.#going) return;
    this.#going = true;
    try {
      while (this.#working !== undefined) {
        const { signal } = this.#working;
        // The first steps are on their way before the host does anything else.
        await breathe();
        if (signal.aborted) continue;
        const next = this.#rest[0] ?? this.#announced;
        if (next === undefined) return;
        try {
          await this.#compile(await Promise.resolve(next()), signal);
        } catch {
          // Whoever sets the executor up will be told.
        }
        if (signal.aborted) continue;
        if (this.#rest[0] === next) this.#rest.shift();
        else if (this.#announced === next) this.#announced = undefined;
      }
    } finally {
      this.#going = false;
    }
  }
}
