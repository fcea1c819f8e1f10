// Fits of the open sweep, made in the laws worker as runs come in: landscapes for each family of runs, and what the
// sweep's experiment says of them all.
import { SvelteMap } from 'svelte/reactivity';
import type { AnalysisOptions, Experiment } from '../../experiments/experiment.ts';
import type { Landscape, LandscapeAnalysis } from '../../experiments/landscapes.ts';
import type { ParameterConvention } from '../../model/counts.ts';
import type { RunRecord } from '../../sweep/record.ts';
import type { ExperimentAnswer } from '../../../workers/laws.worker.ts';
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

export const conventions = ['nonEmbedding', 'total', 'flops', 'active'] as const satisfies readonly ParameterConvention[];

/** Fits of one lab. */
export class Fits {
  readonly #lab: Lab;
  /** By family. */
  readonly analyses = new SvelteMap<string, LandscapeAnalysis>();
  /** Verdict and figures of the sweep's experiment; undefined until some run has ended, and for sweeps of none. */
  outcome = $state.raw<ExperimentAnswer | undefined>();
  /** Whether what is shown is older than the runs. */
  busy = $state(false);
  /** Which law through the optima is drawn. */
  method = $state<OptimumMethod>('vertex');
  #plateau = $state(0.0025);
  #convention = $state<ParameterConvention>(conventions.find((one) => one === remembered('count')) ?? 'nonEmbedding');
  /** The experiment that the open sweep belongs to. */
  readonly experiment: Experiment | undefined = $derived.by(() => experiments.find(({ id }) => id === this.#lab.sweep?.experiment));
  readonly families: readonly Family[] = $derived.by(() => familiesOf(this.#lab.runs, this.experiment?.groupOf));
  /** The fitted landscape that a run belongs to, by the run's id. */
  readonly landscapeOf: ReadonlyMap<string, Landscape> = $derived.by(() => {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing is drawn from its changes
    const found = new Map<string, Landscape>();
    for (const analysis of this.analyses.values())
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
    this.analyses.clear();
    this.outcome = undefined;
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
        const analysis = await this.#analyse(family);
        if (opening !== this.#opening) return;
        if (analysis) this.analyses.set(family.key, analysis);
        else this.analyses.delete(family.key);
      }
      const outcome = await this.#ask();
      if (opening === this.#opening) this.outcome = outcome;
    } catch (error) {
      alerts.report(error);
    } finally {
      this.#lastTook = performance.now() - began;
      this.#fitting = false;
      this.busy = this.#again;
      if (this.#again) this.schedule();
    }
  }

  get #options(): AnalysisOptions {
    return {
      count: this.convention,
      plateau: this.plateau,
      resamples: this.#lab.state === 'running' ? RESAMPLES.training : RESAMPLES.atRest,
    };
  }

  /** Landscapes of one family. */
  async #analyse(family: Family): Promise<LandscapeAnalysis | undefined> {
    // A single learning rate and batch is no landscape.
    const landscapes = family.landscapes.filter(({ cells }) => cells.length > 1);
    const records = landscapes.flatMap(({ runs }) => runs).flatMap(({ id }) => withoutCurves(this.#lab.records.get(id)));
    if (records.length === 0) return undefined;
    const options = this.#options;
    return askLaws((laws) => laws.analyse(records, options));
  }

  /** What the experiment says. */
  async #ask(): Promise<ExperimentAnswer | undefined> {
    const { experiment } = this;
    const { sweep } = this.#lab;
    const ended = this.#lab.runs.flatMap(({ id }) => this.#lab.records.get(id) ?? []);
    if (!experiment || !sweep || ended.length === 0) return undefined;
    const records = experiment.readsCurves ? ended : ended.flatMap(withoutCurves);
    const complete = ended.length === this.#lab.runs.length;
    const question = { experiment: experiment.id, sweep, records, options: this.#options, complete };
    return askLaws((laws) => laws.experiment(question));
  }
}

/** Curves are long: what does not read them is not sent them. */
function withoutCurves(record: RunRecord | undefined): Omit<RunRecord, 'curve' | 'validation'>[] {
  if (!record) return [];
  const { curve, validation, ...rest } = record;
  void curve;
  void validation;
  return [rest];
}
