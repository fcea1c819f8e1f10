// A trainer that trains nothing: every run of a sweep ends with the loss, and the curve, of a known law.
import { expandSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { createRandom, type Random } from '../../../src/laws/random.ts';
import { toRecord, type CurvePoint, type GradientNoisePoint, type RunRecord } from '../../../src/sweep/record.ts';
import { curveSteps, validationSteps } from '../../../src/training/recorder.ts';

/** What the law is asked: counts of a run and where along it. */
export interface FakeRun {
  /** Non-embedding parameters. */
  readonly N: number;
  /** Batch, tokens. */
  readonly B: number;
  readonly lr: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Tokens of the whole run. */
  readonly D: number;
  readonly config: RunRecord['config'];
}

/** A law: loss (nats per token) after some steps of a run; NaN for a run that has diverged. */
export type FakeLaw = (run: FakeRun, step: number) => number;

/** Standard deviations of log loss: of a whole run, and of each point of its training curve. */
export interface FakeNoise {
  readonly run: number;
  readonly point?: number;
  readonly seed?: number;
}

/** A law of the noise scale: B_simple (tokens) after some steps of a run, at its loss then. */
export type FakeNoiseScale = (run: FakeRun, loss: number) => number;

/** What is measured of gradients where a run asks for it: |G|² and the variance scatter as chi-squared of many degrees do. */
function fakeGradientNoise(scale: FakeNoiseScale, of: FakeRun, validation: readonly CurvePoint[], random: Random): GradientNoisePoint[] {
  return validation.map(([step, tokens, loss]) => {
    const squaredNorm = 0.1 * (loss - 1);
    return {
      step,
      tokens,
      gradientSquaredNorm: squaredNorm * (1 + 0.5 * random.normal()),
      gradientVariance: squaredNorm * scale(of, loss) * (1 + 0.1 * random.normal()),
    };
  });
}

/** Every run of a sweep, trained. The text has ten million tokens in 60 symbols. */
export function fakeTraining(sweep: SweepConfig, law: FakeLaw, noise: FakeNoise, noiseScale?: FakeNoiseScale): RunRecord[] {
  const random = createRandom(noise.seed ?? 1);
  return expandSweep(sweep).map((run) => {
    const plain = toRecord({
      run,
      outcome: { status: 'finished', finalLoss: 1, smoothedTrainLoss: 1, parameters: new Float32Array(0) },
      facts: { vocabulary: 60, trainingTokens: run.config.uniqueTokens || 1e7, validationTokens: 1e5, bytesPerToken: 1 },
      report: { backend: 'cpu', engine: 'reference', device: 'planted' },
      curve: [],
      validation: [],
      seconds: 1,
    });
    const of: FakeRun = { N: plain.N.nonEmbedding, B: plain.B, lr: plain.lr, steps: plain.S, D: plain.D, config: run.config };
    const factor = Math.exp(noise.run * random.normal());
    const read = (steps: readonly number[], spread: number): CurvePoint[] =>
      steps.map((step) => [step, step * plain.B, law(of, step) * factor * Math.exp(spread * random.normal())]);
    const validation = read(validationSteps(run.config), 0);
    const finalLoss = validation.at(-1)![2];
    if (!Number.isFinite(finalLoss))
      return { ...plain, status: 'diverged' as const, finalLoss: null, smoothedTrainLoss: null, reason: { en: 'diverged', zh: '发散' } };
    const curve = read(curveSteps(plain.S), noise.point ?? 0);
    const measured = noiseScale && run.config.noiseSequences > 0;
    const gradientNoise = measured && fakeGradientNoise(noiseScale, of, validation, random);
    return { ...plain, finalLoss, smoothedTrainLoss: finalLoss, validation, curve, ...(gradientNoise && { gradientNoise }) };
  });
}

/** Loss times this at a learning rate off the best one: a parabola in octaves. */
export function detuned(lr: number, best: number, curvature = 0.01): number {
  return 1 + curvature * Math.log2(lr / best) ** 2;
}
