// Fits of the open sweep, made in the laws worker as runs come in: one analysis for each family of runs.
import { SvelteMap } from 'svelte/reactivity';
import type { AnalysisOptions } from '../../experiments/experiment.ts';
import type { Landscape } from '../../experiments/landscapes.ts';
import type { ParameterConvention } from '../../model/counts.ts';
import type { AnalysisAnswer } from '../../../workers/laws.worker.ts';
import { experiments } from '../../experiments/index.ts';
import { familiesOf, type Family } from '../landscapes.ts';
import { alerts } from './alerts.svelte.ts';
import type { Lab } from './lab.svelte.ts';
import { askLaws } from './laws-client.ts';
import { remember, remembered } from './remember.ts';

/** Fits wait this long for more runs to end, milliseconds, and at least this many times as long as they last took. */
const WAIT = 300;
const WAIT_TIMES = 4;

/** Resamples of each bootstrap while runs come in, and at rest (Step Law's number). The fits themselves say which. */
const RESAMPLES = { training: 200, atRest: 1000 };

/** How a landscape's optimum is found. */
export type OptimumMethod = 'vertex' | 'plateau';

export const conventions = ['nonEmbedding', 'total', 'flops'] as const satisfies readonly ParameterConvention[];

/** Fits of one lab. */
export class Fits {
  readonly #lab: Lab;
  /** By family. */
  readonly answers = new SvelteMap<string, AnalysisAnswer>();
  /** Whether what is shown is older than the runs. */
  busy = $state(false);
  /** Which law through the optima is drawn. */
  method = $state<OptimumMethod>('vertex');
  #plateau = $state(0.0025);
  #convention = $state<ParameterConvention>(conventions.find((one) => one === remembered('count')) ?? 'nonEmbedding');
  readonly families: readonly Family[] = $derived.by(() => familiesOf(this.#lab.runs));
  /** The fitted landscape that a run belongs to, by the run's id. */
  readonly landscapeOf: ReadonlyMap<string, Landscape> = $derived.by(() => {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing is drawn from its changes
    const found = new Map<string, Landscape>();
    for (const { analysis } of this.answers.values())
      for (const landscape of analysis.landscapes) for (const row of landscape.rows) found.set(analysis.ids[row], landscape);
    return found;
  });
  #lastTook = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fitting = false;
  #again = false;
  /** Counts sweeps opened: an answer that comes after another was opened is dropped. */
  #opening = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
    lab.watch((event) => {
      if (event.kind === 'run ended' || event.kind === 'run waiting' || event.kind === 'sweep' || event.kind === 'state') this.schedule();
    });
  }

  /** Threshold of the plateau, relative to the lowest loss. */
  get plateau(): number {
    return this.#plateau;
  }
  set plateau(value: number) {
    this.#plateau = value;
    this.schedule();
  }

  /** Which count is N. */
  get convention(): ParameterConvention {
    return this.#convention;
  }
  set convention(value: ParameterConvention) {
    this.#convention = value;
    remember('count', value);
    this.schedule();
  }

  /** Forgets everything: another sweep was opened. */
  reset(): void {
    this.#opening++;
    this.answers.clear();
    this.schedule();
  }

  /** Fits soon. */
  schedule(): void {
    this.busy = true;
    this.#again = true;
    if (this.#fitting) return;
    const running = this.#lab.state === 'running';
    // At rest nothing is to be waited for, whatever the wait was while runs came in.
    if (!running) clearTimeout(this.#timer);
    else if (this.#timer !== undefined) return;
    const wait = running ? Math.max(WAIT, WAIT_TIMES * this.#lastTook) : 30;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#fit();
    }, wait);
  }

  async #fit(): Promise<void> {
    this.#fitting = true;
    this.#again = false;
    const began = performance.now();
    const opening = this.#opening;
    try {
      for (const family of this.families) {
        const answer = await this.#answer(family);
        if (opening !== this.#opening) break;
        if (answer) this.answers.set(family.key, answer);
        else this.answers.delete(family.key);
      }
    } catch (error) {
      alerts.report(error);
    } finally {
      this.#lastTook = performance.now() - began;
      this.#fitting = false;
      this.busy = this.#again;
      if (this.#again) this.schedule();
    }
  }

  async #answer(family: Family): Promise<AnalysisAnswer | undefined> {
    const records = family.landscapes
      .flatMap((landscape) => landscape.runs)
      .flatMap(({ id }) => {
        const record = this.#lab.records.get(id);
        if (!record) return [];
        const { curve, validation, ...rest } = record;
        void curve;
        void validation;
        return [rest];
      });
    if (records.length === 0) return undefined;
    const options: AnalysisOptions = {
      count: this.convention,
      plateau: this.plateau,
      resamples: this.#lab.state === 'running' ? RESAMPLES.training : RESAMPLES.atRest,
    };
    const id = this.#lab.sweep?.experiment;
    const experiment = experiments.some((one) => one.id === id) ? id : undefined;
    return askLaws((laws) => laws.analyse(records, options, experiment));
  }
}
