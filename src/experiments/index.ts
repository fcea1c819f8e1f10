// All experiments, by id.
import { InputError } from '../messages/sentence.ts';
import { accounting } from './accounting.ts';
import { bowl } from './bowl.ts';
import { budget } from './budget.ts';
import { overfitting } from './overfitting.ts';
import { sampleEfficiency } from './sample-efficiency.ts';
import { earlyCurves } from './early-curves.ts';
import { cheapStepLaw } from './cheap-step-law.ts';
import { criticalBatch } from './critical-batch.ts';
import { allTheConstants } from './all-the-constants.ts';
import type { Experiment } from './experiment.ts';
import { finalLearningRate } from './final-learning-rate.ts';
import { lossLaws } from './loss-laws.ts';
import { mixtureOfExperts } from './mixture-of-experts.ts';
import { predictThenTrain } from './predict-then-train.ts';
import { recipes } from './recipes.ts';
import { shapeExperiment } from './shape.ts';
import { stepLaw } from './step-law.ts';
import { whichLaw } from './which-law.ts';

/** Every experiment, in the order in which they are offered; the page opens on the first. */
export const experiments: readonly Experiment[] = [
  bowl,
  lossLaws,
  overfitting,
  sampleEfficiency,
  earlyCurves,
  criticalBatch,
  allTheConstants,
  stepLaw,
  cheapStepLaw,
  whichLaw,
  shapeExperiment,
  mixtureOfExperts,
  recipes,
  finalLearningRate,
  predictThenTrain,
  budget,
  accounting,
];

/** The experiment of an id. @throws InputError when there is none */
export function experimentOf(id: string): Experiment {
  const found = experiments.find((experiment) => experiment.id === id);
  if (found !== undefined) return found;
  const ids = experiments.map((experiment) => experiment.id);
  throw new InputError({
    en: `There is no experiment "${id}"; there are: ${ids.join(', ')}.`,
    zh: `没有名为“${id}”的实验；现有：${ids.join('、')}。`,
  });
}
