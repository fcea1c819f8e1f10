// Time left: a prediction of every run's time, corrected by how long the work done so far really took.

/** Predicted seconds of work that count as much as what happened: a correction begins to be believed after this much. */
const PRIOR_SECONDS = 2;

interface Account {
  predicted: number;
  spent: number;
}

/** Keeps account of predicted and spent seconds, for each kind of run (one population key) and for all together. */
export class Forecast {
  readonly #kinds = new Map<string, Account>();
  readonly #all: Account = { predicted: 0, spent: 0 };
  readonly #measured: boolean;

  /** @param measured whether predictions rest on measurements; if not, nothing is said before something has happened */
  constructor(measured: boolean) {
    this.#measured = measured;
  }

  /**
   * What happened: work predicted to take `predicted` seconds of one worker took it `spent` (both since the last call).
   * @param kind population key
   */
  note(kind: string, predicted: number, spent: number): void {
    const account = this.#kinds.get(kind) ?? { predicted: 0, spent: 0 };
    this.#kinds.set(kind, account);
    for (const one of [account, this.#all]) {
      one.predicted += predicted;
      one.spent += spent;
    }
  }

  /** Factor by which predictions of a kind fall short: shrunk towards that of all kinds, and that towards 1. */
  correction(kind: string): number {
    const overall = this.#measured
      ? (this.#all.spent + PRIOR_SECONDS) / (this.#all.predicted + PRIOR_SECONDS)
      : this.#all.predicted > 0
        ? this.#all.spent / this.#all.predicted
        : 1;
    const account = this.#kinds.get(kind);
    if (account === undefined) return overall;
    return (account.spent + PRIOR_SECONDS * overall) / (account.predicted + PRIOR_SECONDS);
  }

  /**
   * Seconds until `workers` workers have done the rest; undefined while there is nothing to tell it from.
   * @param rest predicted seconds that are left of each run that has not ended, and its kind
   */
  secondsLeft(rest: Iterable<{ readonly kind: string; readonly predicted: number }>, workers: number): number | undefined {
    if (!this.#measured && !(this.#all.predicted > 0 && this.#all.spent > 0)) return undefined;
    const corrections = new Map<string, number>();
    let sum = 0;
    let longest = 0;
    for (const { kind, predicted } of rest) {
      let correction = corrections.get(kind);
      if (correction === undefined) corrections.set(kind, (correction = this.correction(kind)));
      const seconds = predicted * correction;
      sum += seconds;
      if (seconds > longest) longest = seconds;
    }
    return Math.max(sum / Math.max(1, workers), longest);
  }
}
