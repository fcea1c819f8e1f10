// The schema of one training run. A `RunConfig` determines a run completely: two equal configs give the same losses
// on the same backend. Types, defaults, ranges, units and labels all come from the one schema below.
import * as v from 'valibot';
import { choice, integer, number, text, toggle, type FieldInfo } from './fields.ts';

/**
 * The size of a model. `width` must be a multiple of `heads`; the MLP's hidden width (with experts: that of each) is
 * `width × mlpRatio`, rounded to a multiple of 4.
 */
export const shapeSchema = v.strictObject({
  layers: integer({ label: { en: 'Layers', zh: '层数' }, group: 'model', unit: 'layers' }, 2, 1, 24),
  width: integer({ label: { en: 'Width', zh: '宽度' }, group: 'model', unit: 'features', logarithmic: true }, 16, 4, 1024),
  heads: integer({ label: { en: 'Attention heads', zh: '注意力头数' }, group: 'model', unit: 'heads' }, 2, 1, 32),
  mlpRatio: number({ label: { en: 'MLP ratio', zh: 'MLP 倍率' }, group: 'model', unit: '' }, 4, 0.25, 16),
});

const entries = {
  shape: v.optional(shapeSchema, { layers: 2, width: 16, heads: 2, mlpRatio: 4 }),
  context: integer({ label: { en: 'Context', zh: '上下文长度' }, group: 'model', unit: 'tokens', logarithmic: true }, 64, 1, 1024),
  positions: choice({ label: { en: 'Positions', zh: '位置编码' }, group: 'model', unit: '' }, ['learned', 'rotary'], 'learned'),
  qkNorm: toggle({ label: { en: 'QK-norm', zh: 'QK 归一化' }, group: 'model', unit: '' }, false),
  tiedHead: toggle({ label: { en: 'Tied head', zh: '共享输出层' }, group: 'model', unit: '' }, false),
  experts: integer(
    {
      label: { en: 'Experts of each MLP (1: dense)', zh: '每个 MLP 的专家数（1 为稠密）' },
      group: 'model',
      unit: 'experts',
      logarithmic: true,
    },
    1,
    1,
    64,
  ),
  expertsPerToken: integer(
    { label: { en: 'Experts per token, k', zh: '每个词元的专家数 k' }, group: 'model', unit: 'experts', logarithmic: true },
    1,
    1,
    64,
  ),
  balanceCoefficient: number(
    { label: { en: 'Load-balancing loss, coefficient', zh: '负载均衡损失系数' }, group: 'model', unit: '', logarithmic: true },
    0.01,
    0,
    10,
  ),

  corpus: text({ label: { en: 'Corpus', zh: '语料' }, group: 'data', unit: '' }, 'sotu'),
  tokenizer: choice({ label: { en: 'Tokenizer', zh: '分词器' }, group: 'data', unit: '' }, ['characters', 'bytes', 'bpe'], 'characters'),
  vocabulary: integer({ label: { en: 'Vocabulary, at most', zh: '词表上限' }, group: 'data', unit: 'tokens' }, 128, 2, 512),
  dataSeed: integer({ label: { en: 'Data seed', zh: '数据种子' }, group: 'data', unit: '' }, 0, 0, 0xffffffff),
  uniqueTokens: integer(
    { label: { en: 'Training text, at most (0: all)', zh: '训练文本上限（0 为全部）' }, group: 'data', unit: 'tokens' },
    0,
    0,
    1e12,
  ),
  validationTokens: integer(
    { label: { en: 'Validation tokens', zh: '验证集词元数' }, group: 'data', unit: 'tokens', logarithmic: true },
    40_960,
    1,
    10_000_000,
  ),

  tokens: integer(
    { label: { en: 'Training tokens, D', zh: '训练词元数 D' }, group: 'training', unit: 'tokens', logarithmic: true },
    409_600,
    1,
    1e12,
  ),
  batchSequences: integer({ label: { en: 'Batch', zh: '批大小' }, group: 'training', unit: 'sequences', logarithmic: true }, 2, 1, 65_536),
  learningRate: number(
    { label: { en: 'Peak learning rate, η', zh: '峰值学习率 η' }, group: 'training', unit: '', logarithmic: true },
    2 ** -7,
    1e-8,
    10,
  ),
  schedule: choice(
    { label: { en: 'Schedule', zh: '学习率调度' }, group: 'training', unit: '' },
    ['cosine to fixed', 'cosine to fraction', 'constant', 'constant and cooldown'],
    'cosine to fixed',
  ),
  warmupFraction: number({ label: { en: 'Warm-up, share of the run', zh: '预热占比' }, group: 'training', unit: '' }, 0.05, 0, 0.9),
  warmupTokens: integer(
    { label: { en: 'Warm-up, tokens (0: by its share)', zh: '预热词元数（0 为按占比）' }, group: 'training', unit: 'tokens' },
    0,
    0,
    1e12,
  ),
  finalLearningRate: number(
    { label: { en: 'Final learning rate (cosine to fixed)', zh: '最终学习率（固定）' }, group: 'training', unit: '', logarithmic: true },
    1e-5,
    0,
    1,
  ),
  finalFraction: number(
    { label: { en: 'Final learning rate, share of the peak', zh: '最终学习率占峰值之比' }, group: 'training', unit: '' },
    0.1,
    0,
    1,
  ),
  cooldownFraction: number({ label: { en: 'Cooldown, share of the run', zh: '冷却占比' }, group: 'training', unit: '' }, 0.2, 0, 1),

  beta1: number({ label: { en: 'Adam β1', zh: 'Adam β1' }, group: 'optimizer', unit: '' }, 0.9, 0, 0.99999),
  beta2: number({ label: { en: 'Adam β2', zh: 'Adam β2' }, group: 'optimizer', unit: '' }, 0.99, 0, 0.999999),
  epsilon: number({ label: { en: 'Adam ε', zh: 'Adam ε' }, group: 'optimizer', unit: '', logarithmic: true }, 1e-8, 1e-15, 1),
  weightDecay: number({ label: { en: 'Weight decay (decoupled)', zh: '权重衰减（解耦）' }, group: 'optimizer', unit: '' }, 0, 0, 10),
  clipNorm: number(
    { label: { en: 'Gradient clipping, norm (0: off)', zh: '梯度裁剪范数（0 为关）' }, group: 'optimizer', unit: '' },
    1,
    0,
    1e6,
  ),
  noiseSequences: integer(
    {
      label: { en: 'Gradient noise, sequences at each measurement (0: off)', zh: '梯度噪声，每次测量的序列数（0 为关）' },
      group: 'training',
      unit: 'sequences',
    },
    0,
    0,
    65_536,
  ),
  seed: integer({ label: { en: 'Seed', zh: '随机种子' }, group: 'training', unit: '' }, 0, 0, 0xffffffff),
};

/** Schema of a run: every field optional with its default, unknown keys refused. */
export const runSchema = v.strictObject(entries);

/** Everything that determines one training run. */
export type RunConfig = v.InferOutput<typeof runSchema>;

/** What a person may write: any part of a run, the rest by default. */
export type RunInput = v.InferInput<typeof runSchema>;

/** The size of a model. */
export type Shape = v.InferOutput<typeof shapeSchema>;

/** Name of a setting of a run. */
export type RunField = keyof RunConfig;

/** All settings of a run, in the order in which forms show them. */
export const runFields = Object.keys(entries) as RunField[];

interface WithMetadata {
  readonly wrapped?: { readonly pipe?: readonly { readonly type: string; readonly metadata?: { readonly field?: FieldInfo } }[] };
}

function infoOf(entry: unknown): FieldInfo {
  const item = (entry as WithMetadata).wrapped?.pipe?.find((part) => part.type === 'metadata');
  if (!item?.metadata?.field) throw new Error('a schema entry has no field information');
  return item.metadata.field;
}

/** Label, unit, range and control of a setting (all but `shape`, whose parts have their own: {@link shapeInfo}). */
export function fieldInfo(field: Exclude<RunField, 'shape'>): FieldInfo {
  return infoOf(entries[field]);
}

/** Label, unit, range and control of one part of the shape. */
export function shapeInfo(part: keyof Shape): FieldInfo {
  return infoOf(shapeSchema.entries[part]);
}

/** Settings of the mixture of experts: they mean nothing while each MLP is one (`experts` 1). */
export const expertFields = ['experts', 'expertsPerToken', 'balanceCoefficient'] as const satisfies readonly RunField[];

/** Each MLP is a mixture of experts. */
export function isMixture(config: RunConfig): boolean {
  return config.experts > 1;
}

/** Hidden width of the MLP, or of each expert, features: `width × mlpRatio` rounded to a multiple of 4, at least 4. */
export function mlpWidth(shape: Shape): number {
  return Math.max(4, Math.round((shape.width * shape.mlpRatio) / 4) * 4);
}

/** B: tokens in one optimizer step. */
export function batchTokens(config: Pick<RunConfig, 'batchSequences' | 'context'>): number {
  return config.batchSequences * config.context;
}

/** S: optimizer steps, the whole batches that fit in the training tokens (at least 1). */
export function steps(config: RunConfig): number {
  return Math.max(1, Math.floor(config.tokens / batchTokens(config)));
}

/** D: tokens actually read, S × B (the config's `tokens` rounded down to whole batches). */
export function tokensRead(config: RunConfig): number {
  return steps(config) * batchTokens(config);
}
