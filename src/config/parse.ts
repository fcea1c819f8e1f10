// From anything (a pasted JSON, a link, a file) to a checked config, or to one clear sentence.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { InputError } from '../messages/sentence.ts';
import { batchTokens, expertFields, isMixture, runSchema, type RunConfig, type RunField } from './run.ts';

/** A deep copy of plain JSON data with own keys only. Throws InputError on anything that JSON could not have held. */
export function ownData(input: unknown, path = 'the config'): unknown {
  if (input === null || typeof input === 'string' || typeof input === 'boolean' || typeof input === 'number') return input;
  if (Array.isArray(input)) return input.map((item, i) => ownData(item, `${path}[${i}]`));
  if (typeof input === 'object') {
    const prototype: unknown = Object.getPrototypeOf(input);
    if (prototype !== Object.prototype && prototype !== null)
      throw new InputError({
        en: `${path} has inherited keys; write every key in the object itself.`,
        zh: `${path} 含有继承的键；请把每个键直接写在对象里。`,
      });
    const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(input)) copy[key] = ownData((input as Record<string, unknown>)[key], `${path}.${key}`);
    return copy;
  }
  throw new InputError({ en: `${path} is not JSON data.`, zh: `${path} 不是 JSON 数据。` });
}

/** The first thing a schema refused, as one sentence. */
export function sentenceOf(issue: v.BaseIssue<unknown>, what: { en: string; zh: string }): InputError {
  const path = (issue.path ?? []).map((item) => String(item.key)).join('.');
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return new InputError({
      en: `${what.en}: unknown key "${path}"; remove it or check its spelling.`,
      zh: `${what.zh}：未知的键“${path}”；请删除或检查拼写。`,
    });
  }
  const where = path ? `"${path}"` : '';
  if (issue.type === 'check' || issue.type === 'custom')
    return new InputError({ en: `${what.en}: ${where} ${issue.message}.`, zh: `${what.zh}：${where} ${issue.message}。` });
  return new InputError({
    en: `${what.en}: ${where} must be ${issue.expected ?? 'valid'}, but is ${issue.received}.`.replace(':  ', ': '),
    zh: `${what.zh}：${where} 应为 ${issue.expected ?? '有效值'}，现为 ${issue.received}。`,
  });
}

/** What a field holds, checked across fields; undefined when all is well. */
function contradiction(config: RunConfig): InputError | undefined {
  const { width, heads } = config.shape;
  if (width % heads !== 0)
    return new InputError({
      en: `The width (${width}) must be a multiple of the attention heads (${heads}).`,
      zh: `宽度（${width}）必须是注意力头数（${heads}）的整数倍。`,
    });
  if (config.positions === 'rotary' && (width / heads) % 2 !== 0)
    return new InputError({
      en: `Rotary positions need an even head width, but ${width} / ${heads} = ${width / heads}; use learned positions or another shape.`,
      zh: `旋转位置编码要求每头宽度为偶数，而 ${width} / ${heads} = ${width / heads}；请改用可学习位置或其他形状。`,
    });
  if (isMixture(config) && config.expertsPerToken > config.experts)
    return new InputError({
      en: `A token cannot pass through ${config.expertsPerToken} experts where there are ${config.experts}; lower the experts per token or add experts.`,
      zh: `只有 ${config.experts} 个专家，词元无法经过 ${config.expertsPerToken} 个；请减少每个词元的专家数或增加专家。`,
    });
  if (config.noiseSequences === 1)
    return new InputError({
      en: 'The noise of gradients shows between two sequences or more; measure at least 2, or 0 for none.',
      zh: '梯度噪声要在两个或更多序列之间才能看出；请至少测量 2 个，或取 0 表示不测量。',
    });
  if (batchTokens(config) > config.tokens)
    return new InputError({
      en: `One batch holds ${batchTokens(config)} tokens, but the run has only ${config.tokens}; lower the batch or raise the training tokens.`,
      zh: `一个批次含 ${batchTokens(config)} 个词元，而整个训练只有 ${config.tokens} 个；请减小批大小或增加训练词元数。`,
    });
  return undefined;
}

/**
 * A complete, checked run from any part of one.
 * @throws InputError one sentence that names the key, what it must be and what it is.
 */
export function parseRun(input: unknown): RunConfig {
  const result = v.safeParse(runSchema, ownData(input, 'run'));
  if (!result.success) throw sentenceOf(result.issues[0], { en: 'This run cannot be read', zh: '无法读取此训练配置' });
  const problem = contradiction(result.output);
  if (problem) throw problem;
  return result.output;
}

/** JSON with keys in sorted order, so that equal data gives equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const object = value as Record<string, unknown>;
    return `{${Object.keys(object)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`)
      .join(',')}}`;
  }
  return JSON.stringify(value);
}

/** The first 16 hexadecimal digits of the SHA-256 of the canonical JSON. */
export function fingerprint(value: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(value)))).slice(0, 16);
}

/**
 * Settings that a run need not name in its id, with the value at which a run is what it was before there was such a
 * setting: records of earlier runs stay found.
 */
const UNNAMED: Partial<RunConfig> = { warmupTokens: 0, uniqueTokens: 0, noiseSequences: 0 };

/** Seeds and counts are whole, and count with all their digits. */
const isFraction = (value: unknown): value is number => typeof value === 'number' && !Number.isInteger(value);

/** Significant digits of a number that a run is named by. */
const ID_DIGITS = 14;

/**
 * A run's name: equal configs have equal ids, everywhere and always. A dense run is named without the settings of
 * experts, which change nothing in it. Fractions count to fourteen digits: a power that one JavaScript engine computes
 * may differ in the last from another's.
 */
export function runId(config: RunConfig): string {
  const without: readonly string[] = isMixture(config) ? [] : expertFields;
  const named = Object.entries(config).filter(([key, value]) => !without.includes(key) && UNNAMED[key as RunField] !== value);
  const rounded = named.map(([key, value]) => [key, isFraction(value) ? Number(value.toPrecision(ID_DIGITS)) : value] as const);
  return fingerprint(Object.fromEntries(rounded));
}
