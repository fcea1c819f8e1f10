// The figures of a sweep that trains: what is done, how fast, how long it will still take.
import type { Totals } from './events.ts';
import { runFlops, type VocabularyOf } from './cost.ts';
import { Forecast } from './forecast.ts';
import type { LiveRun } from './live-run.ts';

/** Tokens per second are taken over this long. Milliseconds. */
const SPEED_OVER = 5000;

/** Keeps account of time and tokens. Time counts between {@link go} and {@link hold}. */
export class Tally {
  readonly #vocabulary: VocabularyOf;
  #forecast = new Forecast(false);
  #since: number | undefined;
  #seconds = 0;
  #tokens = 0;
  #speed: { readonly at: number; readonly tokens: number }[] = [];

  constructor(vocabulary: VocabularyOf) {
    this.#vocabulary = vocabulary;
  }

  /** Begins to forecast anew. @param measured whether predictions rest on measurements */
  begin(measured: boolean): void {
    this.#forecast = new Forecast(measured);
  }

  /** The clock runs. */
  go(): void {
    this.#since = performance.now();
    this.#speed = [{ at: this.#since, tokens: this.#tokens }];
  }

  /** The clock stands. @param kinds as for {@link tick} */
  hold(kinds: readonly string[]): void {
    this.tick(kinds);
    this.#since = undefined;
    this.#speed = [];
  }

  /** Time goes on. @param kinds the population key of what each busy worker trains, one entry per worker */
  tick(kinds: readonly string[]): void {
    if (this.#since === undefined) return;
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    this.#since = now;
    this.#seconds += seconds;
    for (const kind of kinds) this.#forecast.note(kind, 0, seconds);
    this.#speed.push({ at: now, tokens: this.#tokens });
    while (this.#speed.length > 2 && this.#speed[1].at <= now - SPEED_OVER) this.#speed.shift();
  }

  /** A run has come further. */
  note(live: LiveRun): void {
    const tokens = live.trainedTokens - live.noted;
    if (tokens <= 0) return;
    live.noted = live.trainedTokens;
    this.#tokens += tokens;
    this.#forecast.note(live.kind, (live.predictedAlone * tokens) / live.D, 0);
  }

  /** The figures now. */
  totals(runs: Iterable<LiveRun>, workers: { readonly living: number; readonly usable: number }): Totals {
    const counts = { waiting: 0, training: 0, finished: 0, diverged: 0, failed: 0, skipped: 0 };
    const sums = { runs: 0, tokens: 0, tokensDone: 0, flops: 0, flopsDone: 0, stepsDone: 0, stepsShared: 0 };
    const rest: { kind: string; predicted: number }[] = [];
    for (const live of runs) {
      const flops = live.record?.C ?? runFlops(live.run.config, this.#vocabulary(live.run.config));
      const share = live.phase === 'ended' ? 1 : live.tokens / live.D;
      sums.runs++;
      sums.tokens += live.D;
      sums.tokensDone += share * live.D;
      sums.flops += flops;
      sums.flopsDone += share * flops;
      sums.stepsDone += live.record?.S ?? live.step;
      sums.stepsShared += live.record === undefined ? Math.min(live.step, live.sharedSteps) : (live.record.sharedSteps ?? 0);
      counts[live.record?.status ?? (live.phase === 'training' ? 'training' : 'waiting')]++;
      if (live.phase !== 'ended') rest.push({ kind: live.kind, predicted: live.predictedLeft });
    }
    const from = this.#speed.at(0);
    const to = this.#speed.at(-1);
    const speed = from !== undefined && to !== undefined && to.at > from.at ? (1000 * (to.tokens - from.tokens)) / (to.at - from.at) : 0;
    return {
      ...sums,
      ...counts,
      tokensPerSecond: speed,
      secondsSpent: this.#seconds,
      secondsLeft: this.#forecast.secondsLeft(rest, workers.usable),
      workers: workers.living,
    };
  }
}
