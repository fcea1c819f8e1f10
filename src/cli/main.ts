// The command line: `npm run -s lab -- COMMAND …`. Results go to standard output, everything else to standard error.
import { readFile } from 'node:fs/promises';
import { experimentSizes } from '../experiments/experiment.ts';
import { experiments } from '../experiments/index.ts';
import { InputError } from '../messages/sentence.ts';
import { expandSweep } from '../config/sweep.ts';
import { sweepCost } from '../sweep/cost.ts';
import { exactly, readOptions } from './arguments.ts';
import { DESIGN_USAGE, designCommand } from './design.ts';
import { fitCommand, type CommandStreams } from './fit.ts';
import { REPORT_USAGE, reportCommand } from './report.ts';
import { RUN_USAGE, runCommand, type RunSurroundings } from './run.ts';

const USAGE = `Usage: npm run -s lab -- COMMAND [arguments]

experiments [--json]      lists the experiments
design LAW --time 5m      the sweep that identifies a law best in a time
run WHAT [options]        trains an experiment's or a file's sweep, into a file of runs
report RUNS.jsonl         the fits and the verdict that the page shows
fit LAW FILE              fits a law to a table of runs

COMMAND --help            the options of a command`;

/** Everything the commands touch outside themselves. */
export interface Surroundings extends CommandStreams, RunSurroundings {}

/** The process's own. */
function ofProcess(): Surroundings {
  // Whoever reads our output may have heard enough (`| head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    readFile: (path) => readFile(path, 'utf8'),
    terminal: process.stderr.isTTY,
    createPool: async (options, workers) => {
      const { createNodePool } = await import('./pool.ts');
      return createNodePool(options, workers);
    },
    onInterrupt: (handler) => {
      const once = (): void => {
        handler();
        // A second Ctrl-C does what it always does: it ends the process at once.
        process.off('SIGINT', once);
        process.off('SIGTERM', once);
      };
      process.on('SIGINT', once);
      process.on('SIGTERM', once);
      return () => {
        process.off('SIGINT', once);
        process.off('SIGTERM', once);
      };
    },
  };
}

/** Runs one command; resolves with the exit code. Bad input is one line on standard error and the code 1. */
export async function main(args: string[], surroundings: Surroundings = ofProcess()): Promise<number> {
  const [command, ...rest] = args;
  const help = rest.includes('--help') || rest.includes('-h');
  const show = (usage: string): number => {
    surroundings.out(`${usage}\n`);
    return 0;
  };
  try {
    switch (command) {
      case 'experiments':
        return help ? show(USAGE) : listExperiments(rest, surroundings);
      case 'design':
        return help ? show(DESIGN_USAGE) : await designCommand(rest, surroundings);
      case 'run':
        return help ? show(RUN_USAGE) : await runCommand(rest, surroundings);
      case 'report':
        return help ? show(REPORT_USAGE) : await reportCommand(rest, surroundings);
      case 'fit':
        return await fitCommand(rest, surroundings);
      case '--help':
      case '-h':
      case 'help':
        return show(USAGE);
      case undefined:
        surroundings.err(`${USAGE}\n`);
        return 1;
      default:
        throw new InputError({
          en: `There is no command "${command}"; the commands are experiments, design, run, report and fit (see --help).`,
          zh: `没有命令“${command}”；可用的命令有 experiments、design、run、report 和 fit（见 --help）。`,
        });
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    surroundings.err(`${error.message.replace(/\s*\n\s*/g, ' ')}\n`);
    return 1;
  }
}

function listExperiments(args: readonly string[], { out }: Pick<CommandStreams, 'out'>): number {
  const { values, positionals } = readOptions(args, { json: { type: 'boolean', default: false } });
  exactly(positionals);
  const list = experiments.map(({ id, title, summary, claim, sizes }) => ({
    id,
    title: title.en,
    summary: summary.en,
    claim: claim.en,
    sizes: Object.fromEntries(
      experimentSizes.map((size) => {
        const { runs, tokens, flops } = sweepCost(expandSweep(sizes[size]), (config) => config.vocabulary);
        return [size, { runs, tokens, flopsAtMost: flops }];
      }),
    ),
  }));
  if (values.json) out(`${JSON.stringify(list)}\n`);
  else
    for (const { id, summary, sizes } of list) {
      out(`${id}: ${summary}\n`);
      for (const [size, { runs, tokens }] of Object.entries(sizes)) out(`  ${size}: ${runs} runs, ${tokens} tokens\n`);
    }
  return 0;
}
