// Which sweep the page shows: the ready experiment, a link's, one edited or re-opened; and which runs are open in the
// dialog.
import { expandSweep, sweepId, type Grid, type SweepConfig } from '../../config/sweep.ts';
import { experimentSizes, type Experiment, type ExperimentSize } from '../../experiments/experiment.ts';
import { experiments } from '../../experiments/index.ts';
import { InputError } from '../../messages/sentence.ts';
import { sweepFromHash } from '../link.ts';
import { alerts } from './alerts.svelte.ts';
import type { Fits } from './fits.svelte.ts';
import type { Lab } from './lab.svelte.ts';
import { remember, remembered } from './remember.ts';

/** The experiment that the page opens on. */
const FIRST = 'bowl';

/** What is on the page. */
export class Workspace {
  readonly lab: Lab;
  readonly fits: Fits;
  /** The experiment whose text and analysis the page shows; undefined for a sweep that belongs to none. */
  experiment = $state.raw<Experiment | undefined>();
  /** The size whose sweep is open; undefined when the sweep was changed. */
  size = $state<ExperimentSize | undefined>();
  /** Whether the sweep editor is unfolded. */
  editing = $state(false);
  /** Ids of the runs in the dialog; empty when it is closed. */
  openRuns = $state.raw<readonly string[]>([]);

  constructor(lab: Lab, fits: Fits) {
    this.lab = lab;
    this.fits = fits;
    lab.watch((event) => {
      // A sweep that grew is to be found again after a reload.
      if (event.kind === 'sweep') {
        remember('open', event.id);
        this.#name(event.sweep);
      }
    });
  }

  /** Opens what a visitor should see first: a link's sweep, the one that was open, or the ready experiment. */
  async begin(): Promise<void> {
    const sweep = (await this.#fromLink()) ?? (await this.#fromBefore()) ?? this.#ready();
    await this.#open(sweep);
    if (this.lab.wasTraining) void this.lab.start();
    else await this.lab.prepare();
  }

  /** Opens the sweep of the page's address, when a link to one was followed on the open page. */
  async followLink(): Promise<void> {
    const sweep = await this.#fromLink();
    if (sweep) await this.use(sweep);
  }

  /** Opens a sweep and learns what it will take here. */
  async use(sweep: SweepConfig): Promise<void> {
    if (location.hash !== '') history.replaceState(undefined, '', location.pathname + location.search);
    await this.#open(sweep);
    await this.lab.prepare();
  }

  async useExperiment(experiment: Experiment, size: ExperimentSize): Promise<void> {
    remember('size', size);
    await this.use(experiment.sizes[size]);
  }

  /** The open sweep on another corpus. */
  async useCorpus(corpus: string): Promise<void> {
    const { sweep } = this.lab;
    if (!sweep) return;
    const without = (settings: Grid['set'] = {}): Grid['set'] => {
      const rest = { ...settings };
      delete rest.corpus;
      return rest;
    };
    if (sweep.grids.some((grid) => grid.axes?.corpus !== undefined))
      throw new InputError({
        en: 'This sweep varies the corpus itself; change its axis in the sweep editor.',
        zh: '此扫描本身就在改变语料；请在扫描编辑器中修改该轴。',
      });
    const grids = sweep.grids.map(({ set, axes }) => ({ set: without(set), axes }));
    await this.use({ ...sweep, base: { ...sweep.base, corpus }, grids });
  }

  /** Shows runs in the dialog. */
  showRuns(ids: readonly string[]): void {
    this.openRuns = ids;
  }

  closeRuns(): void {
    this.openRuns = [];
  }

  async #open(sweep: SweepConfig): Promise<void> {
    expandSweep(sweep);
    await this.lab.open(sweep);
    this.#name(sweep);
    this.openRuns = [];
    remember('open', sweepId(sweep));
    this.fits.reset();
  }

  /** Finds the experiment and size that a sweep is. */
  #name(sweep: SweepConfig): void {
    const id = sweepId(sweep);
    this.experiment = experiments.find((one) => one.id === sweep.experiment);
    this.size = experimentSizes.find((size) => this.experiment && sweepId(this.experiment.sizes[size]) === id);
  }

  #ready(): SweepConfig {
    const experiment = experiments.find((one) => one.id === FIRST) ?? experiments[0];
    const size = experimentSizes.find((one) => one === remembered('size')) ?? 'minutes';
    return experiment.sizes[size];
  }

  async #fromLink(): Promise<SweepConfig | undefined> {
    try {
      return await sweepFromHash(location.hash);
    } catch (error) {
      alerts.report(error);
      return undefined;
    }
  }

  async #fromBefore(): Promise<SweepConfig | undefined> {
    const id = remembered('open');
    if (id === undefined) return undefined;
    try {
      return (await this.lab.store.sweeps()).find((one) => one.id === id)?.sweep;
    } catch (error) {
      alerts.report(error);
      return undefined;
    }
  }
}
