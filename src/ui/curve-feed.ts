// From the queue's events to the points of live curves: at most a few hundred a run, each the mean loss since the last.
import type { CurvePoint } from '../sweep/record.ts';
import type { CurveSet } from './charts/curve-series.ts';

/** Which losses are drawn. */
export type CurveKind = 'training' | 'validation' | 'both';

/** Points of a training curve, at most about this many. */
const POINTS = 400;

/** Id of a run's validation curve in a set. */
export const validationId = (run: string): string => `${run}|validation`;

/** Feeds one set of curves. */
export class CurveFeed {
  readonly #curves: CurveSet;
  readonly #kind: CurveKind;
  readonly #partial = new Map<string, { sum: number; steps: number; tokens: number }>();

  constructor(curves: CurveSet, kind: CurveKind) {
    this.#curves = curves;
    this.#kind = kind;
  }

  /** Makes the curves of a run, with what is known of them already. Losses in nats per token. */
  add(id: string, label: string, colour: string, training: readonly CurvePoint[], validation: readonly CurvePoint[]): void {
    const points = (curve: readonly CurvePoint[]) => curve.map(([, tokens, loss]): [number, number] => [tokens, loss]);
    if (this.#kind !== 'validation') {
      this.#curves.add(id, { colour, label });
      this.#curves.append(id, points(training));
    }
    if (this.#kind !== 'training') {
      this.#curves.add(validationId(id), { colour, label, dashed: true, width: 1.5 });
      this.#curves.append(validationId(id), points(validation));
    }
  }

  /** Training losses of the steps that end at `tokens`, of a run of `total` tokens. */
  progress(id: string, losses: Float32Array, tokens: number, total: number): void {
    if (this.#kind === 'validation') return;
    const partial = this.#partial.get(id) ?? { sum: 0, steps: 0, tokens: 0 };
    this.#partial.set(id, partial);
    for (const loss of losses) {
      partial.sum += loss;
      partial.steps++;
    }
    if (tokens - partial.tokens < total / POINTS) return;
    this.#curves.append(id, [[tokens, partial.sum / partial.steps]]);
    Object.assign(partial, { sum: 0, steps: 0, tokens });
  }

  validation(id: string, tokens: number, loss: number): void {
    if (this.#kind !== 'training') this.#curves.append(validationId(id), [[tokens, loss]]);
  }

  /** The run starts again from its beginning. */
  forget(id: string): void {
    this.#partial.delete(id);
    this.#curves.remove(id);
    this.#curves.remove(validationId(id));
  }
}
