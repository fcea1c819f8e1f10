// `lab run`: trains an experiment's or a file's sweep on threads of this machine, into a file of JSON lines.
import { existsSync, readFileSync } from 'node:fs';
import { parseSweep, parseSweepText, type SweepConfig } from '../config/sweep.ts';
import { experimentSizes, type Experiment } from '../experiments/experiment.ts';
import { experimentOf, experiments } from '../experiments/index.ts';
import { InputError } from '../messages/sentence.ts';
import { sweepCost } from '../sweep/cost.ts';
import { SweepQueue } from '../sweep/queue.ts';
import type { WorkerPool } from '../sweep/pool.ts';
import type { OpenOptions } from '../../workers/protocol.ts';
import { exactly, oneOf, readOptions } from './arguments.ts';
import { deviceOptions, readDeviceOptions } from './device-options.ts';
import type { CommandStreams } from './fit.ts';
import { duration, ProgressBar, short } from './progress-bar.ts';
import { PredictionFile, predictionsPath } from './prediction-file.ts';
import { trainStages } from './stages.ts';
import { FileStore } from './store-file.ts';

/** What `run` needs of its surroundings; tests give it others. */
export interface RunSurroundings extends Pick<CommandStreams, 'err'> {
  /** Whether `err` goes to a terminal. */
  readonly terminal: boolean;
  createPool(options: OpenOptions, workers: number | undefined): Promise<WorkerPool>;
  /** Calls `handler` when the person presses Ctrl-C, until the function returned is called. */
  onInterrupt(handler: () => void): () => void;
}

export const RUN_USAGE = `Usage: npm run -s lab -- run EXPERIMENT-OR-SWEEP.json [options]

EXPERIMENT-OR-SWEEP.json  an experiment's id (${experiments.map((experiment) => experiment.id).join(', ')}), or a file with a sweep as JSON

--out runs.jsonl          where finished runs go, one JSON object a line; runs that are there already are not trained again
--size minutes            ${experimentSizes.join(' | ')}: how large a sweep of an experiment
--backend auto            auto | webgpu | wasm | cpu
--engine plan             plan | reference
--corpus sotu             another corpus than an experiment's own
--workers K               workers at once; by default one per CPU core, or one for a GPU
--corpora FOLDER          where the prepared corpora are

An experiment's next stage is trained as well; what it foretells is frozen in OUT.predictions.jsonl before.`;

interface RunArguments {
  readonly sweep: SweepConfig;
  /** Whose next stages are trained too; undefined for a sweep of no experiment. */
  readonly experiment: Experiment | undefined;
  readonly out: string;
  readonly open: OpenOptions;
  readonly workers: number | undefined;
}

/** Exit code after Ctrl-C, as shells have it. */
const INTERRUPTED = 130;

/**
 * Runs `run` with the arguments after it; resolves with the exit code: 0 when all runs have ended, 1 when some failed,
 * 130 after Ctrl-C. Rejects with an InputError on bad arguments, a bad sweep, a file of other things.
 */
export async function runCommand(args: readonly string[], surroundings: RunSurroundings): Promise<number> {
  const { sweep, experiment, out, open, workers } = readRunArguments(args);
  const { err, terminal } = surroundings;
  const store = await FileStore.connect(out);
  const bar = new ProgressBar(err, terminal);
  let interrupted = false;
  let queue: SweepQueue | undefined;
  const release = surroundings.onInterrupt(() => {
    interrupted = true;
    void queue?.stop();
  });
  try {
    const pool = await surroundings.createPool(open, workers);
    queue = await SweepQueue.open({ sweep, pool, store, keepParameters: false });
    queue.on((event) => {
      if (event.kind === 'totals') bar.update(event.totals);
      else if (event.kind === 'notice') bar.say(event.sentence);
      else if (event.kind === 'device') {
        const { device, backend, engine, emulated } = event.report;
        const text = `Training on ${device} (${backend}${emulated ? ', emulated' : ''}, engine ${engine}), ${pool.size} worker${pool.size === 1 ? '' : 's'}.`;
        bar.say({ en: text, zh: text });
      }
    });
    announce(queue, open.engine === 'plan', err);
    const training = queue;
    const train = async (): Promise<boolean> => {
      if (interrupted) return false;
      const end = await training.start();
      bar.clear();
      return end === 'finished' && training.totals().failed === 0;
    };
    if ((await train()) && experiment !== undefined)
      await trainStages({
        queue,
        experiment,
        predictions: new PredictionFile(predictionsPath(out)),
        now: () => new Date().toISOString(),
        say: err,
        train,
      });
    const { runs, finished, diverged, failed, skipped, secondsSpent, waiting, stepsDone, stepsShared } = queue.totals();
    const ended = finished + diverged + failed + skipped;
    if (interrupted) {
      err(`Stopped: ${ended} of ${runs} runs are in ${out}; the same command goes on with the other ${waiting}.\n`);
      return INTERRUPTED;
    }
    err(`Done: ${runs} runs in ${out}${diverged > 0 ? `, ${diverged} of them diverged` : ''}; ${duration(secondsSpent)} of training.\n`);
    if (stepsShared > 0)
      err(
        `${short(stepsDone - stepsShared)} steps were trained for ${short(stepsDone)} steps of runs: runs that begin alike share the others.\n`,
      );
    if (failed === 0) return 0;
    const reason = queue.records().find((record) => record.status === 'failed')?.reason;
    err(`${failed} runs failed; the same command tries them again. ${reason?.en ?? ''}\n`);
    return 1;
  } finally {
    release();
    await queue?.dispose();
    await store.close();
  }
}

function announce(queue: SweepQueue, shares: boolean, err: (text: string) => void): void {
  const views = [...queue.runs()];
  const { runs, tokens, flops, shared } = sweepCost(
    views.map((view) => view.run),
    (config) => config.vocabulary,
    shares,
  );
  const done = views.filter((view) => view.phase === 'ended').length;
  const once = shared.tokens > 0 ? `; ${short(shared.tokens)} tokens more are shared by runs that begin alike, and trained once` : '';
  err(
    `${queue.sweep.name}: ${runs} runs, ${short(tokens)} tokens, at most ${short(flops)} FLOPs${once}${done > 0 ? `; ${done} runs are done already` : ''}.\n`,
  );
}

function readRunArguments(args: readonly string[]): RunArguments {
  const { values, positionals } = readOptions(args, {
    out: { type: 'string', default: 'runs.jsonl' },
    size: { type: 'string' },
    ...deviceOptions,
    corpus: { type: 'string' },
  });
  const [what] = exactly(positionals, 'EXPERIMENT-OR-SWEEP.json');
  const sweep = withCorpus(readSweep(what, values.size), values.corpus);
  return {
    sweep,
    experiment: experiments.find(({ id }) => id === sweep.experiment),
    out: values.out,
    ...readDeviceOptions(values),
  };
}

/** The sweep on another corpus. @throws InputError where the sweep itself sets the corpora of its runs */
function withCorpus(sweep: SweepConfig, corpus: string | undefined): SweepConfig {
  if (corpus === undefined) return sweep;
  if (sweep.grids.some(({ set, axes }) => set?.corpus !== undefined || axes?.corpus !== undefined))
    throw new InputError({
      en: 'This sweep compares corpora itself; leave --corpus out.',
      zh: '此扫描本身就比较多个语料；请去掉 --corpus。',
    });
  return parseSweep({ ...sweep, name: `${sweep.name}, ${corpus}`.slice(0, 200), base: { ...sweep.base, corpus } });
}

/** The sweep of an experiment, or of a file. */
function readSweep(what: string, size: string | undefined): SweepConfig {
  const looksLikeFile = /[./\\]/.test(what) || existsSync(what);
  if (!looksLikeFile) return experimentOf(what).sizes[oneOf('size', size ?? 'minutes', experimentSizes)];
  if (size !== undefined)
    throw new InputError({
      en: '--size is for experiments; a sweep from a file has the size that it has.',
      zh: '--size 只用于实验；文件中的扫描大小由其自身决定。',
    });
  let text: string;
  try {
    text = readFileSync(what, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError({ en: `${what} cannot be read: ${why}.`, zh: `无法读取 ${what}：${why}。` });
  }
  try {
    return parseSweepText(text);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError({ en: `${what}: ${error.sentence.en}`, zh: `${what}：${error.sentence.zh}` });
  }
}
