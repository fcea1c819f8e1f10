// What `budget` shows: the loss over size at each budget, the best size over compute, the exponents by three approaches.
import { publishedAllocations } from '../laws/published-loss.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { Approach, BudgetAnalysis } from './budget-analysis.ts';
import { same, type Figure, type LadderFigure, type PlotFigure, type TableFigure } from './figure.ts';

/** All figures. */
export function budgetFigures(analysis: BudgetAnalysis): readonly Figure[] {
  return [profilesFigure(analysis), sizesFigure(analysis), exponentsFigure(analysis), approachesTable(analysis), envelopeFigure(analysis)];
}

const parameters: Sentence = { en: 'parameters N', zh: '参数量 N' };
const flops: Sentence = { en: 'training FLOPs C', zh: '训练 FLOPs C' };
const loss: Sentence = { en: 'loss, nats per token', zh: '损失，奈特每词元' };

/** Loss over N at each budget with its parabola. */
function profilesFigure({ profiles, tuned }: BudgetAnalysis): PlotFigure {
  const budgets = profiles.optima.map((optimum, index) => ({
    ...optimum,
    id: `budget ${index}`,
    name: same(`C = ${shortNumber(optimum.C)}`),
  }));
  return {
    kind: 'plot',
    id: 'profiles',
    title: { en: 'Loss over size at each compute budget', zh: '各算力预算下损失随大小的变化' },
    caption: {
      en: 'Every run of a budget costs the same FLOPs: a larger model reads fewer tokens. The lowest point of each parabola is the best size for that budget.',
      zh: '同一预算下每次训练的 FLOPs 相同：模型越大，读取的词元越少。抛物线最低点即该预算下的最佳大小。',
    },
    x: { label: parameters, scale: 'log' },
    y: { label: loss, scale: 'linear' },
    series: budgets.map(({ id, name, rows, status, message }) => ({
      id,
      label: name,
      points: rows.map((row) => ({
        x: tuned[row].N!,
        y: tuned[row].loss,
        label: same(`D = ${tuned[row].D}`),
        runs: tuned[row].ids,
        ...(status === 'converged' ? {} : { leftOut: message }),
      })),
    })),
    lines: budgets.flatMap(({ id, name, parabola, rows, status }) => {
      if (parabola === undefined || status !== 'converged' || rows.length === 0) return [];
      const sizes = rows.map((row) => Math.log(tuned[row].N!));
      const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
      const points = Array.from({ length: 33 }, (_, i) => {
        const logN = low + ((high - low) * i) / 32;
        return { x: Math.exp(logN), y: parabola.lowest + (parabola.curvature * (logN - parabola.vertex) ** 2) / 2 };
      });
      return [{ id: `parabola ${id}`, label: name, points, source: 'fitted' as const, series: id }];
    }),
  };
}

/** The best size over C: the vertices, and the line of each approach. */
function sizesFigure({ profiles, approaches }: BudgetAnalysis): PlotFigure {
  const found = profiles.optima.filter(({ status }) => status === 'converged');
  return {
    kind: 'plot',
    id: 'sizes',
    title: { en: 'The best size over compute', zh: '最佳大小随算力的变化' },
    caption: {
      en: 'Points are the vertices of the parabolas; lines are N_opt = G·C^a by the three approaches, on the same runs.',
      zh: '点为抛物线的顶点；线为三种方法在同一批训练上得到的 N_opt = G·C^a。',
    },
    x: { label: flops, scale: 'log' },
    y: { label: { en: 'best size N_opt', zh: '最佳大小 N_opt' }, scale: 'log' },
    series: [
      {
        id: 'vertices',
        label: { en: 'vertices', zh: '顶点' },
        points: found.map(({ C, N }) => ({ x: C, y: N })),
      },
    ],
    lines: approaches
      .filter(({ line }) => line.length > 0)
      .map(({ id, label, line }) => ({
        id,
        label,
        points: line.map(({ C, N, low, high }) => ({ x: C, y: N, ...(id === 'surface' ? {} : { low, high }) })),
        source: 'fitted' as const,
        ...(id === 'profiles' ? { series: 'vertices' } : {}),
      })),
  };
}

/** The exponent a by each approach, with those that were published. */
function exponentsFigure({ approaches }: BudgetAnalysis): LadderFigure {
  const references = publishedAllocations.filter(({ id }) => id === 'kaplan' || id.startsWith('chinchilla'));
  return {
    kind: 'ladder',
    id: 'exponents',
    title: { en: 'Exponent of the best size, N_opt ∝ C^a', zh: '最佳大小的指数，N_opt ∝ C^a' },
    caption: {
      en: 'With 95 % intervals. At a = 0.5 size and tokens grow alike.',
      zh: '带 95 % 区间。a = 0.5 时大小与词元数同步增长。',
    },
    x: { label: same('a'), scale: 'linear' },
    rungs: approaches.map(({ id, label, a, message }) => ({ id, label, estimate: a, ...(a === undefined ? { note: message } : {}) })),
    references: references.map(({ label, a, citation }) => ({ label, value: a, citation })),
  };
}

function approachesTable({ approaches, atC }: BudgetAnalysis): TableFigure {
  const at = Number.isFinite(atC) ? shortNumber(atC) : '–';
  const perParameter = ({ size, tokens }: Approach) =>
    size && tokens ? { value: tokens.value / size.value, low: tokens.low / size.high, high: tokens.high / size.low } : undefined;
  return {
    kind: 'table',
    id: 'approaches',
    title: { en: 'Three approaches on the same runs', zh: '同一批训练，三种方法' },
    caption: {
      en: `With 95 % intervals; the best size and tokens are at C = ${at}, the largest budget whose optimum is inside its sizes. FLOPs are exact, head and attention scores included.`,
      zh: `带 95 % 区间；最佳大小与词元数取于 C = ${at}，即最优点在内部的最大预算。FLOPs 为精确值，含输出层与注意力分数。`,
    },
    columns: [
      { en: 'approach', zh: '方法' },
      { en: 'a (size)', zh: 'a（大小）' },
      { en: 'b (tokens)', zh: 'b（词元）' },
      { en: 'best size', zh: '最佳大小' },
      { en: 'best tokens', zh: '最佳词元数' },
      { en: 'tokens per parameter', zh: '每参数词元数' },
      { en: 'what the fit says', zh: '拟合结论' },
    ],
    rows: approaches.map((approach) => [
      approach.label,
      approach.a,
      approach.b,
      approach.size,
      approach.tokens,
      perParameter(approach),
      approach.message,
    ]),
  };
}

/** Loss over compute, one series a size, with the lowest of them. */
function envelopeFigure({ tuned, envelope }: BudgetAnalysis): PlotFigure {
  const sizes = [...new Set(tuned.map(({ N }) => N!))].sort((a, b) => a - b);
  const every = Math.max(1, Math.floor(envelope.envelope.length / 100));
  return {
    kind: 'plot',
    id: 'envelope',
    title: { en: 'Loss over compute, and its lower envelope', zh: '损失随算力的变化及其下包络' },
    caption: {
      en: 'Each size has its tuned final losses; where one size overtakes another on the envelope, approach 1 reads the best size.',
      zh: '每种大小取调好学习率后的最终损失；方法 1 在包络线上一种大小超过另一种之处读出最佳大小。',
    },
    x: { label: flops, scale: 'log' },
    y: { label: loss, scale: 'log' },
    series: sizes.map((N) => ({
      id: `N ${N}`,
      label: same(`N = ${N}`),
      points: tuned
        .filter((row) => row.N === N)
        .sort((a, b) => a.C! - b.C!)
        .map(({ C, loss: y, ids }) => ({ x: C!, y, runs: ids })),
      joined: true,
    })),
    lines: [
      {
        id: 'envelope',
        label: { en: 'lowest loss', zh: '最低损失' },
        points: envelope.envelope.filter((_, index) => index % every === 0).map(({ C, loss: y }) => ({ x: C, y })),
        source: 'fitted',
      },
    ],
  };
}
