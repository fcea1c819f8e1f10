// Stages of an experiment on the command line: what its analysis asks for next is foretold, frozen, and trained.
import type { Experiment, NextStage } from '../experiments/experiment.ts';
import { freezePrediction, judge, outcomeOf } from '../sweep/prediction.ts';
import type { PredictionStore } from '../sweep/prediction-store.ts';
import type { SweepQueue } from '../sweep/queue.ts';
import { runId } from '../config/parse.ts';
import { shortNumber } from '../laws/sentences.ts';

/** An experiment that asks for more than this many stages is going round in circles. */
const MOST_STAGES = 12;

/** What the stages need of their surroundings. */
export interface StageSurroundings {
  readonly queue: SweepQueue;
  readonly experiment: Experiment;
  readonly predictions: PredictionStore;
  /** ISO 8601, UTC. */
  readonly now: () => string;
  readonly say: (text: string) => void;
  /** Trains what the queue holds; false when it was stopped or runs failed. */
  readonly train: () => Promise<boolean>;
}

/**
 * Goes on with the stages an experiment asks for, until it asks for no more. Predictions of a stage are kept before its
 * runs start, their outcomes after. Resolves with false when training was stopped or runs failed.
 */
export async function trainStages(surroundings: StageSurroundings): Promise<boolean> {
  const { queue, experiment, say } = surroundings;
  for (let stage = 0; stage < MOST_STAGES; stage++) {
    const analysis = experiment.analyse(queue.records());
    const next = experiment.next?.(analysis, queue.sweep);
    if (next === undefined) break;
    say(`Next: ${next.sentence.en}\n`);
    // Taken in first: only then it is known which of its runs were trained before, and can't be foretold.
    if ((await queue.extend(next.grids)) === 0) break;
    await freeze(next, surroundings);
    if (!(await surroundings.train())) return false;
  }
  await recordOutcomes(surroundings);
  return true;
}

/** Keeps what a stage foretells. A run that was trained already is not foretold, nor one that was foretold before. */
async function freeze(next: NextStage, { predictions, queue, now, say }: StageSurroundings): Promise<void> {
  const known = new Set((await predictions.all()).map(({ prediction }) => prediction.run));
  for (const draft of next.predictions ?? []) {
    const id = runId(draft.config);
    if (known.has(id) || queue.records().some((record) => record.id === id)) continue;
    const prediction = freezePrediction(draft, now());
    await predictions.add({ kind: 'prediction', prediction });
    const { loss, low, high } = prediction.final;
    say(
      `Frozen at ${prediction.created}: ${loss.toFixed(4)} (${low.toFixed(4)} … ${high.toFixed(4)}) nats per token for run ${id}; SHA-256 ${prediction.hash}.\n`,
    );
  }
}

async function recordOutcomes({ predictions, queue, now, say }: StageSurroundings): Promise<void> {
  const ended = new Map(queue.records().map((record) => [record.id, record]));
  for (const { prediction, outcome } of await predictions.all()) {
    const record = ended.get(prediction.run);
    if (outcome !== undefined || record === undefined) continue;
    const found = outcomeOf(prediction, record, now());
    await predictions.add({ kind: 'outcome', outcome: found });
    const judgement = judge(prediction, found);
    say(
      'percent' in judgement
        ? `Outcome: ${judgement.loss.toFixed(4)}, ${shortNumber(judgement.percent)} % off, ${shortNumber(judgement.standardErrors)} standard errors: a ${judgement.status}.\n`
        : `Outcome: ${judgement.status}.\n`,
    );
  }
}
