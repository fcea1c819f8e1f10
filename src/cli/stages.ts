// Stages of an experiment on the command line: what its analysis asks for next is foretold, frozen, and trained.
import type { Experiment, NextStage } from '../experiments/experiment.ts';
import { freezeDrafts, keepOutcomes } from '../sweep/foretold.ts';
import { judge } from '../sweep/prediction.ts';
import type { PredictionStore } from '../sweep/prediction-store.ts';
import type { SweepQueue } from '../sweep/queue.ts';
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

async function freeze(next: NextStage, { predictions, queue, now, say }: StageSurroundings): Promise<void> {
  const trained = new Set(queue.records().map(({ id }) => id));
  for (const { created, final, run, hash } of await freezeDrafts(next.predictions ?? [], trained, predictions, now())) {
    const range = `${final.loss.toFixed(4)} (${final.low.toFixed(4)} … ${final.high.toFixed(4)})`;
    say(`Frozen at ${created}: ${range} nats per token for run ${run}; SHA-256 ${hash}.\n`);
  }
}

async function recordOutcomes({ predictions, queue, now, say }: StageSurroundings): Promise<void> {
  for (const { prediction, outcome } of await keepOutcomes(queue.records(), predictions, now())) {
    const judgement = judge(prediction, outcome);
    say(
      'percent' in judgement
        ? `Outcome: ${judgement.loss.toFixed(4)}, ${shortNumber(judgement.percent)} % off, ${shortNumber(judgement.standardErrors)} standard errors: a ${judgement.status}.\n`
        : `Outcome: ${judgement.status}.\n`,
    );
  }
}
