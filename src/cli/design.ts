// `lab design`: the sweep that identifies a law best in the time there is on this machine, and what it cannot identify.
import { writeFile } from 'node:fs/promises';
import { parseRun } from '../config/parse.ts';
import type { RunInput } from '../config/run.ts';
import { designSweep, type DesignRefusal, type SweepDesign } from '../experiments/sweep-design/design-sweep.ts';
import { designGoals, goalLabels, usualContext, type DesignGoal } from '../experiments/sweep-design/goals.ts';
import { PRIOR } from '../experiments/sweep-design/knowledge.ts';
import { learnKnowledge } from '../experiments/sweep-design/learned.ts';
import { measureForDesign } from '../experiments/sweep-design/measure.ts';
import { twoDigits } from '../experiments/sweep-design/sentences.ts';
import { InputError } from '../messages/sentence.ts';
import { exactly, readOptions, wholeNumber } from './arguments.ts';
import { deviceOptions, readDeviceOptions } from './device-options.ts';
import type { CommandStreams } from './fit.ts';
import { duration, short } from './progress-bar.ts';
import type { RunSurroundings } from './run.ts';
import { readRuns } from './store-file.ts';

export const DESIGN_USAGE = `Usage: npm run -s lab -- design LAW --time 5m [options]

LAW                 ${designGoals.map((goal) => `${goal.padEnd(15)} ${goalLabels[goal].en}`).join('\n                    ')}

--time 5m           time there is, from start to end: 90s, 5m, 2h
--out sweep.json    where the sweep goes; train it with: lab run sweep.json
--corpus sotu       text to train on
--context 16        tokens of a sequence (step-law: 8)
--backend auto      auto | webgpu | wasm | cpu
--engine plan       plan | reference
--workers K         workers at once; by default one per CPU core, or one for a GPU
--corpora FOLDER    where the prepared corpora are
--from runs.jsonl   earlier runs: noise, best learning rates and the law of loss are taken from those on the same text
--json              the whole design as one JSON object

The speed of this machine is measured first, in a few seconds.`;

/**
 * Runs `design` with the arguments after it; resolves with the exit code: 0 for a design, 1 when nothing can be identified
 * in the time. Rejects with an InputError on bad arguments.
 */
export async function designCommand(
  args: readonly string[],
  { out, err, createPool }: Pick<CommandStreams, 'out' | 'err'> & Pick<RunSurroundings, 'createPool'>,
): Promise<number> {
  const { values, positionals } = readOptions(args, {
    ...deviceOptions,
    time: { type: 'string' },
    out: { type: 'string' },
    corpus: { type: 'string', default: 'sotu' },
    context: { type: 'string' },
    from: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  const [law] = exactly(positionals, 'LAW');
  const goal = goalOf(law);
  const seconds = readTime(values.time);
  const base: RunInput = {
    corpus: values.corpus,
    context: values.context === undefined ? usualContext(goal) : wholeNumber('context', values.context, 1, 1024),
  };
  parseRun(base);
  const { open, workers } = readDeviceOptions(values);
  const knowledge = values.from === undefined ? PRIOR : learnKnowledge((await readRuns(values.from)).records, base);
  const pool = await createPool(open, workers);
  const worker = await pool.start();
  try {
    const { device, facts } = await measureForDesign(worker, base, pool.size);
    err(`Measured on ${worker.report.device} (${worker.report.backend}), ${pool.size} worker${pool.size === 1 ? '' : 's'}.\n`);
    const design = designSweep({
      goal,
      seconds,
      base,
      vocabulary: facts.vocabulary,
      trainingTokens: facts.trainingTokens,
      device,
      knowledge,
    });
    if (design.status === 'designed' && values.out !== undefined) {
      await writeFile(values.out, `${JSON.stringify(design.sweep, undefined, 2)}\n`);
      err(`The sweep is in ${values.out}; train it with: npm run -s lab -- run ${values.out}\n`);
    }
    out(values.json ? `${JSON.stringify(design)}\n` : `${designText(design)}\n`);
    return design.status === 'designed' ? 0 : 1;
  } finally {
    worker.terminate();
  }
}

/** A design for people to read. */
export function designText(design: SweepDesign | DesignRefusal): string {
  if (design.status !== 'designed') return design.message.en;
  const { sweep, runs, seconds, rows, estimates, cannot, notes } = design;
  const table = [
    ['N', 'width', 'tokens', 'learning rates', 'batches', 'seeds', 'runs'],
    ...rows.map((row) => [
      String(row.N),
      String(row.shape.width),
      row.tokens.map(short).join(' '),
      row.learningRates.map((rate) => `2^${Number(Math.log2(rate).toFixed(2))}`).join(' '),
      row.batches.join(' '),
      String(row.seeds),
      String(row.runs),
    ]),
  ];
  const widths = table[0].map((_, i) => Math.max(...table.map((line) => line[i].length)));
  return [
    `${sweep.name}: ${runs} runs, about ${duration(seconds)}`,
    ...table.map((line) => `  ${line.map((text, i) => text.padEnd(widths[i])).join('  ')}`.trimEnd()),
    'Expected, 95 %:',
    ...estimates.map(
      ({ target, halfWidth, identified }) =>
        `  ${target.symbol.padEnd(6)} ${twoDigits(target.expected)} ± ${twoDigits(halfWidth)}  ${target.label.en}${identified ? '' : ' (not identified)'}`,
    ),
    ...cannot.map(({ en }) => en),
    ...notes.map(({ en }) => en),
  ].join('\n');
}

function goalOf(law: string): DesignGoal {
  const goal = designGoals.find((one) => one === law);
  if (goal !== undefined) return goal;
  throw new InputError({
    en: `There is no design for "${law}"; the laws are ${designGoals.join(', ')}.`,
    zh: `没有针对“${law}”的设计；可用的定律有 ${designGoals.join('、')}。`,
  });
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600 };

/** Seconds of `90s`, `5m`, `2h`. @throws InputError */
function readTime(text: string | undefined): number {
  const match = text === undefined ? undefined : /^(\d+(?:\.\d+)?)(s|m|min|h)$/.exec(text.trim());
  const seconds = match ? Number(match[1]) * UNITS[match[2]] : NaN;
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new InputError({
    en: `--time must be a time such as 90s, 5m or 2h${text === undefined ? '' : `, but is "${text}"`}.`,
    zh: `--time 应为如 90s、5m 或 2h 的时间${text === undefined ? '' : `，现为“${text}”`}。`,
  });
}
