// `lab report`: the fits and the verdict that the page shows, from a file of runs.
import type { Analysis, TableAnalysis } from '../experiments/experiment.ts';
import { experimentOf, experiments } from '../experiments/index.ts';
import { predictionsTable } from '../experiments/predictions-table.ts';
import { figureText } from './figure-text.ts';
import { InputError, type Locale, type Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import { exactly, oneOf, readOptions, wholeNumber } from './arguments.ts';
import type { CommandStreams } from './fit.ts';
import { PredictionFile, predictionsPath } from './prediction-file.ts';
import { readRuns } from './store-file.ts';
import { judge } from '../sweep/prediction.ts';

export const REPORT_USAGE = `Usage: npm run -s lab -- report RUNS.jsonl [options]

--json                    one JSON object on standard output
--experiment ${experiments[0].id}         whose analysis and verdict: ${experiments.map((experiment) => experiment.id).join(', ')}
--count nonEmbedding      which count is N: nonEmbedding | total | flops | active
--loss finalLoss          finalLoss (validation at the end) | smoothedTrainLoss
--bootstrap 1000          resamples; 0 for none
--seed 0                  seed of the resamples
--language en             en | zh: language of sentences

Predictions kept beside the runs (RUNS.predictions.jsonl) are listed with what became of them.`;

/** Runs `report` with the arguments after it; resolves with the exit code. Rejects with an InputError on bad arguments or a bad file. */
export async function reportCommand(args: readonly string[], io: Pick<CommandStreams, 'out'>): Promise<number> {
  const { values, positionals } = readOptions(args, {
    json: { type: 'boolean', default: false },
    experiment: { type: 'string', default: experiments[0].id },
    count: { type: 'string', default: 'nonEmbedding' },
    loss: { type: 'string', default: 'finalLoss' },
    bootstrap: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '0' },
    language: { type: 'string', default: 'en' },
  });
  const [path] = exactly(positionals, 'RUNS.jsonl');
  const experiment = experimentOf(values.experiment);
  const options = {
    count: oneOf('count', values.count, ['nonEmbedding', 'total', 'flops', 'active']),
    loss: oneOf('loss', values.loss, ['finalLoss', 'smoothedTrainLoss']),
    resamples: wholeNumber('bootstrap', values.bootstrap, 0, 100_000),
    seed: wholeNumber('seed', values.seed, 0, 0xffffffff),
  };
  const language = oneOf('language', values.language, ['en', 'zh']);
  const { records } = await readRuns(path);
  if (records.length === 0) throw new InputError({ en: `${path} holds no runs yet.`, zh: `${path} 中还没有训练记录。` });
  const analysis = experiment.analyse(records, options);
  const verdict = experiment.verdict(analysis);
  const figures = experiment.figures(analysis);
  const kept = await new PredictionFile(predictionsPath(path)).all();
  if (values.json) {
    const predictions = kept.map((one) => ({ ...one, judgement: judge(one.prediction, one.outcome) }));
    const whole = {
      experiment: experiment.id,
      verdict,
      runs: counts(records),
      ...analysis,
      ...tableWithIds(analysis),
      figures,
      predictions,
    };
    io.out(`${JSON.stringify(inLanguage(whole, language))}\n`);
    return 0;
  }
  const { finished, diverged, failed, skipped } = counts(records);
  const lines = [
    `${experiment.title[language]}: ${verdict.status}`,
    verdict.sentence[language],
    '',
    `runs: ${finished} finished, ${diverged} diverged, ${failed} failed, ${skipped} skipped; N is ${options.count}, the loss ${options.loss}`,
    ...stepsLine(records),
    ...[...figures, ...(kept.length > 0 ? [predictionsTable(kept)] : [])].flatMap((figure) => ['', figureText(figure, language)]),
  ];
  io.out(`${lines.join('\n')}\n`);
  return 0;
}

/** Rows of an analysis with the ids of their runs, where it has a table. */
function tableWithIds(analysis: Analysis): { rows?: readonly object[]; ids?: undefined } {
  if (!('rows' in analysis && 'ids' in analysis)) return {};
  const { rows, ids } = analysis as TableAnalysis;
  return { rows: rows.map((row, index) => ({ id: ids[index], ...row })), ids: undefined };
}

/** The same data with every sentence in one language. */
export function inLanguage(value: unknown, language: Locale): unknown {
  if (Array.isArray(value)) return value.map((item) => inLanguage(item, language));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value);
  if (entries.length === 2 && Object.hasOwn(value, 'en') && Object.hasOwn(value, 'zh')) return (value as Sentence)[language];
  return Object.fromEntries(entries.map(([key, item]) => [key, inLanguage(item, language)]));
}

/** How many steps were trained, where that is fewer than the runs have. */
function stepsLine(records: readonly RunRecord[]): string[] {
  const steps = records.reduce((sum, { S }) => sum + S, 0);
  const shared = records.reduce((sum, { sharedSteps = 0 }) => sum + sharedSteps, 0);
  return shared === 0 ? [] : [`steps: ${steps - shared} trained for ${steps} of runs, which share the others`];
}

function counts(records: readonly RunRecord[]): Record<RunRecord['status'], number> {
  const result = { finished: 0, diverged: 0, failed: 0, skipped: 0 };
  for (const { status } of records) result[status]++;
  return result;
}
