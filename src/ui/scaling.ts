// From fits to what a chart of optima draws: points of each landscape, the law through them with its band, published
// laws, and the same of imported tables.
import { bestAt, type LandscapeAnalysis } from '../experiments/landscapes.ts';
import type { Bowl } from '../laws/bowl.ts';
import type { Estimate } from '../laws/fit.ts';
import { publishedOptima } from '../laws/published-step-law.ts';
import { stepLawAt, type StepLawFit } from '../laws/step-law.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { PlotLine, PlotPoint, PlotSeries } from './charts/data.ts';

/** What is drawn upwards: the best learning rate, or the best batch in tokens. */
export type OptimumOutput = 'lr' | 'B';
/** What it is drawn against: parameters, or training tokens. */
export type OptimumAxis = 'N' | 'D';

/** Optima of one source, and the law through them. */
export interface OptimaSource {
  readonly id: string;
  readonly name: string;
  readonly optima: readonly Optimum[];
  /** Best learning rate and batch by the fitted law; undefined where it has no line. */
  readonly lawAt: (N: number, D: number) => { readonly lr: Estimate | undefined; readonly B: Estimate | undefined };
  /** What the law says, with its numbers. */
  readonly law: string;
}

/** The optimum of one landscape. */
export interface Optimum {
  readonly N: number;
  readonly D: number;
  readonly lr: Estimate | undefined;
  readonly B: Estimate | undefined;
  /** Why no law rests on it. */
  readonly leftOut: Sentence | undefined;
  /** Row of the source's table that the optimum can be opened by. */
  readonly row: number | undefined;
}

/** A published law at the optima of a source. */
export interface Reference {
  readonly id: string;
  readonly name: string;
  readonly label: string;
  readonly points: readonly { readonly N: number; readonly D: number; readonly lr: number; readonly B: number | undefined }[];
}

/** Words the pictures need. */
export interface ScalingWords {
  readonly say: (sentence: Sentence) => string;
  /** A value of the axis with its name: "N = 1.6 k". */
  readonly at: (axis: OptimumAxis, value: number) => string;
  /** A value upwards, with its unit where it has one. */
  readonly value: (output: OptimumOutput, value: number) => string;
}

const alone = (value: number): Estimate => ({ value, low: NaN, high: NaN });

/** The lowest grid point, for landscapes without a vertex. */
function lowestPoint({ points }: Bowl): Bowl['points'][number] | undefined {
  return points.reduce<Bowl['points'][number] | undefined>(
    (best, point) => (best === undefined || point.loss < best.loss ? point : best),
    undefined,
  );
}

function vertexOf(bowl: Bowl, row: number | undefined): Optimum[] {
  if (bowl.N === undefined || bowl.D === undefined) return [];
  const { N, D } = bowl;
  if (bowl.status === 'converged') return [{ N, D, lr: bowl.parameters.lr, B: bowl.parameters.B, leftOut: undefined, row }];
  const lowest = lowestPoint(bowl);
  if (!lowest) return [];
  const { lr, B } = lowest;
  return [{ N, D, lr: lr === undefined ? undefined : alone(lr), B: B === undefined ? undefined : alone(B), leftOut: bowl.message, row }];
}

function plateauOptima(fit: StepLawFit, bowls: readonly Bowl[]): Optimum[] {
  const inside = fit.cells.map(({ N, D, logRate, logBatch, rows }): Optimum => ({
    N,
    D,
    lr: logRate === undefined ? undefined : alone(Math.exp(logRate)),
    B: logBatch === undefined ? undefined : alone(Math.exp(logBatch)),
    leftOut: undefined,
    row: rows[0],
  }));
  const has = (bowl: Bowl): boolean =>
    inside.some(({ N, D }) => N === bowl.N && bowl.D !== undefined && Math.abs(Math.log(D / bowl.D)) < 0.01);
  return [
    ...inside,
    ...bowls.filter((bowl) => !has(bowl)).flatMap((bowl) => vertexOf(bowl, undefined).map((one) => ({ ...one, leftOut: bowl.message }))),
  ];
}

/** Optima of a sweep's family. */
export function optimaOfAnalysis(
  analysis: LandscapeAnalysis,
  method: 'vertex' | 'plateau',
  id: string,
  name: string,
  say: ScalingWords['say'],
): OptimaSource {
  const fit = method === 'vertex' ? analysis.vertexLaw : analysis.plateauLaw;
  return {
    id,
    name,
    optima:
      method === 'vertex'
        ? analysis.landscapes.flatMap(({ bowl, rows }) => vertexOf(bowl, rows[0]))
        : plateauOptima(
            fit,
            analysis.landscapes.map(({ bowl }) => bowl),
          ),
    lawAt: (N, D) => (method === 'vertex' ? bestAt(analysis, N, D) : stepLawAt(fit, N, D)),
    law: say(fit.message),
  };
}

/** Optima of an imported table. */
export function optimaOfTable(
  fits: { readonly bowls: readonly Bowl[]; readonly law: StepLawFit },
  method: 'vertex' | 'plateau',
  id: string,
  name: string,
  say: ScalingWords['say'],
): OptimaSource {
  return {
    id,
    name,
    optima:
      fits.law.method === 'vertex' || method === 'vertex'
        ? fits.bowls.flatMap((bowl) => vertexOf(bowl, undefined))
        : plateauOptima(fits.law, fits.bowls),
    lawAt: (N, D) => stepLawAt(fits.law, N, D),
    law: say(fits.law.message),
  };
}

/** Published laws at the optima of a table whose count of N is not known: its N is given to them as it is. */
export function referencesOfTable(optima: readonly Optimum[], say: ScalingWords['say']): Reference[] {
  return publishedOptima.map(({ id, label, citation, lr, B }) => ({
    id,
    name: say(label),
    label: `${say(label)}: ${citation}`,
    points: optima.map(({ N, D }) => ({ N, D, lr: lr(N, D), B: B?.(N, D) })),
  }));
}

/** Whether an axis varies over all sources by more than rounding. */
export function varies(sources: readonly OptimaSource[], axis: OptimumAxis): boolean {
  const values = sources.flatMap(({ optima }) => optima.map((optimum) => optimum[axis]));
  return values.length > 0 && Math.max(...values) / Math.min(...values) > 1.1;
}

/** Values of the axis that is not drawn, those within 1 % as one. */
function levels(values: readonly number[]): number[] {
  const found: number[] = [];
  for (const value of [...values].sort((a, b) => a - b))
    if (found.length === 0 || value / found[found.length - 1] > 1.01) found.push(value);
  return found;
}

const near = (a: number, b: number): boolean => Math.abs(Math.log(a / b)) < 0.01;

/** At most this many lines of one law: with more values of the other axis, the middle ones are left out. */
const MOST_LINES = 4;
/** Points of a line, and how far it goes beyond the optima on either side. */
const LINE_POINTS = 33;
const LINE_BEYOND = 1.4;

function spread<Item>(items: readonly Item[], most: number): Item[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, i) => items[Math.round((i * (items.length - 1)) / (most - 1))]);
}

/** Series and lines of one chart. Colours: one for each source and value of the other axis, one for each published law. */
export function scalingChart(
  sources: readonly OptimaSource[],
  references: readonly Reference[],
  output: OptimumOutput,
  axis: OptimumAxis,
  words: ScalingWords,
): { series: PlotSeries[]; lines: PlotLine[]; rows: (string | number)[][]; keys: (readonly (number | undefined)[])[] } {
  const other: OptimumAxis = axis === 'N' ? 'D' : 'N';
  const series: PlotSeries[] = [];
  const lines: PlotLine[] = [];
  const rows: (string | number)[][] = [];
  const keys: (readonly (number | undefined)[])[] = [];
  let colour = 0;
  for (const source of sources) {
    const shown = source.optima.filter((optimum) => optimum[output] !== undefined);
    const groups = levels(shown.map((optimum) => optimum[other]));
    const drawn = new Set(spread(groups, MOST_LINES));
    for (const level of groups) {
      const members = shown.filter((optimum) => near(optimum[other], level)).sort((a, b) => a[axis] - b[axis]);
      const name = groups.length > 1 ? `${source.name}, ${words.at(other, level)}` : source.name;
      const points = members.map((optimum): PlotPoint => {
        const { value, low, high } = optimum[output]!;
        const fitted = optimum.leftOut === undefined ? source.lawAt(optimum.N, optimum.D)[output]?.value : undefined;
        const leftOut = optimum.leftOut && words.say(optimum.leftOut);
        const range = Number.isFinite(low) ? ` (${words.value(output, low)} – ${words.value(output, high)})` : '';
        rows.push([source.name, optimum.N, optimum.D, value, low, high, leftOut ?? '']);
        return {
          x: optimum[axis],
          y: value,
          ...(Number.isFinite(low) && Number.isFinite(high) ? { low, high } : {}),
          label: `${name}, ${words.at(axis, optimum[axis])}: ${words.value(output, value)}${range}`,
          ...(leftOut === undefined ? {} : { leftOut }),
          ...(fitted === undefined ? {} : { residual: value / fitted - 1 }),
        };
      });
      series.push({ id: `${source.id}:${level}`, name, points, colour });
      keys.push(members.map((optimum) => optimum.row));
      const kept = members.filter((optimum) => optimum.leftOut === undefined).map((optimum) => optimum[axis]);
      if (drawn.has(level) && levels(kept).length > 1) {
        const [from, to] = [Math.min(...kept) / LINE_BEYOND, Math.max(...kept) * LINE_BEYOND];
        const line = Array.from({ length: LINE_POINTS }, (_, i) => from * (to / from) ** (i / (LINE_POINTS - 1))).flatMap((x) => {
          const at = source.lawAt(axis === 'N' ? x : level, axis === 'N' ? level : x)[output];
          return at === undefined ? [] : [{ x, y: at.value, low: at.low, high: at.high }];
        });
        if (line.length > 1) lines.push({ id: `law:${source.id}:${level}`, name, points: line, colour, label: source.law });
      }
      colour++;
    }
  }
  for (const reference of references) {
    const points = reference.points.filter((point) => point[output] !== undefined);
    const groups = spread(
      levels(points.map((point) => point[other])).filter(
        (level) => levels(points.filter((point) => near(point[other], level)).map((point) => point[axis])).length > 1,
      ),
      2,
    );
    if (groups.length === 0) continue;
    for (const level of groups) {
      const members = points.filter((point) => near(point[other], level)).sort((a, b) => a[axis] - b[axis]);
      lines.push({
        id: `published:${reference.id}:${level}`,
        name: groups.length > 1 ? `${reference.name}, ${words.at(other, level)}` : reference.name,
        points: members.map((point) => ({ x: point[axis], y: point[output]! })),
        stroke: 'dashed',
        colour,
        label: reference.label,
      });
    }
    colour++;
  }
  return { series, lines, rows, keys };
}
