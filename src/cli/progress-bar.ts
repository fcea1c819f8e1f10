// A sweep's progress on standard error: a bar that moves on a terminal, a line now and then elsewhere.
import type { Sentence } from '../messages/sentence.ts';
import type { Totals } from '../sweep/events.ts';

/** Milliseconds between lines where there is no terminal. */
const LINE_EVERY = 15_000;

const WIDTH = 24;

/** Seconds as `3 s`, `2 min 05 s`, `1 h 20 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** A count as `950`, `12.3k`, `4.56M`, `7.8G`. */
export function short(count: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
  const power = count >= 1000 ? Math.min(units.length - 1, Math.floor(Math.log10(count) / 3)) : 0;
  return `${Number((count / 1000 ** power).toPrecision(3))}${units[power]}`;
}

/** One line of figures. */
export function progressLine(totals: Totals): string {
  const { runs, finished, diverged, failed, skipped, tokens, tokensDone, tokensPerSecond, secondsLeft } = totals;
  const share = tokens > 0 ? tokensDone / tokens : 1;
  const filled = Math.round(share * WIDTH);
  const parts = [
    `[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] ${Math.floor(100 * share)} %`,
    `${finished + diverged + failed + skipped}/${runs} runs`,
    ...(tokensPerSecond > 0 ? [`${short(tokensPerSecond)} tokens/s`] : []),
    ...(secondsLeft !== undefined && share < 1 ? [`${duration(secondsLeft)} left`] : []),
    ...(diverged > 0 ? [`${diverged} diverged`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ];
  return parts.join('  ');
}

/** Draws progress. Notices stay above the bar. */
export class ProgressBar {
  readonly #write: (text: string) => void;
  readonly #terminal: boolean;
  #last = -Infinity;
  #drawn = false;

  constructor(write: (text: string) => void, terminal: boolean) {
    this.#write = write;
    this.#terminal = terminal;
  }

  update(totals: Totals): void {
    if (this.#terminal) {
      // Back to the line's start, and everything right of it erased (ECMA-48: EL).
      this.#write(`\r\x1b[K${progressLine(totals)}`);
      this.#drawn = true;
    } else if (performance.now() - this.#last >= LINE_EVERY) {
      this.#last = performance.now();
      this.#write(`${progressLine(totals)}\n`);
    }
  }

  say(sentence: Sentence): void {
    this.clear();
    this.#write(`${sentence.en}\n`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#drawn) this.#write('\r\x1b[K');
    this.#drawn = false;
  }
}
