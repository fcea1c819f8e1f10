// A dataset: what a run trains on and is measured on. Put together from a corpus or a synthetic language, a tokenizer
// and a context; equal requests give equal tokens, everywhere.
import { InputError, type Sentence } from '../messages/sentence.ts';
import type { Corpus, CorpusInfo } from './corpus.ts';
import { windowCount } from './order.ts';
import { splitText, textOf } from './split.ts';
import { createSynthetic, syntheticId, type SyntheticSpec } from './synthetic.ts';
import { bytesPerToken, tokenizerFrom, trainTokenizer, type Tokenizer, type TokenizerData, type TokenizerId } from './tokenizer.ts';

/** Where the tokens come from. */
export type DataSource = { readonly kind: 'text'; readonly corpus: Corpus } | { readonly kind: 'synthetic'; readonly spec: SyntheticSpec };

/** Everything that determines a dataset; the settings are those of a run. */
export interface DatasetRequest {
  readonly source: DataSource;
  /** Not used by synthetic languages, whose symbols are their tokens. */
  readonly tokenizer: TokenizerId;
  /** The most tokens the vocabulary may have. */
  readonly vocabulary: number;
  /** Tokens in one window. */
  readonly context: number;
  /** The most tokens of training text, spread over the whole of it; 0 or absent for all. A run that reads more repeats them. */
  readonly uniqueTokens?: number;
  /** Tokens to measure the validation loss on; fewer are used where the held-out text is smaller. */
  readonly validationTokens: number;
}

/** A dataset as plain data: it can be posted to a worker. */
export interface DatasetData {
  /** Id of the corpus or of the synthetic language. */
  readonly corpusId: string;
  readonly title: Sentence;
  readonly licence: string;
  readonly source?: CorpusInfo['source'];
  readonly context: number;
  readonly tokenizer: TokenizerData;
  /** Tokens are 0 … vocabulary − 1. */
  readonly vocabulary: number;
  /** The training stream. Window w reads [w·context, w·context + context], the last one only as a target. */
  readonly trainingTokens: Uint16Array;
  /** Windows in the training stream; a run that reads more goes into its second epoch. */
  readonly trainingWindows: number;
  /** [validationWindows, context + 1], row-major: non-overlapping windows spread evenly over the held-out text. */
  readonly validationTokens: Uint16Array;
  readonly validationWindows: number;
  /** Bytes of UTF-8 per token on held-out text: bits per byte = loss / (ln 2 · bytesPerToken). 1 for synthetic languages. */
  readonly bytesPerToken: number;
  /** Share of held-out tokens that are characters outside the alphabet; their spelling is not in the loss. */
  readonly unknownShare: number;
  /** True entropy rate, nats per token; synthetic languages only. */
  readonly entropyRate?: number;
}

/** A dataset. */
export interface Dataset extends DatasetData {
  readonly encode: Tokenizer['encode'];
  readonly decode: Tokenizer['decode'];
}

/** Gives a dataset that came as plain data its functions back. */
export function datasetFrom(data: DatasetData): Dataset {
  const { encode, decode } = tokenizerFrom(data.tokenizer);
  return { ...data, encode, decode };
}

/** A dataset without its functions: what `postMessage` can carry. */
export function datasetData(dataset: Dataset): DatasetData {
  const { encode, decode, ...data } = dataset;
  void encode;
  void decode;
  return data;
}

/** Equal for requests that give equal datasets: a key for caches. */
export function datasetKey(request: DatasetRequest): string {
  const { source, tokenizer, vocabulary, context, uniqueTokens = 0, validationTokens } = request;
  const id = source.kind === 'text' ? source.corpus.info.sha256 : syntheticId(source.spec);
  return JSON.stringify([id, tokenizer, vocabulary, context, uniqueTokens, validationTokens]);
}

/**
 * Builds a dataset.
 * @throws InputError when the corpus is too small for one window of training and one of held-out text, or the
 *   vocabulary does not fit
 */
export function prepareDataset(request: DatasetRequest): Dataset {
  const { source } = request;
  switch (source.kind) {
    case 'text':
      return fromText(source.corpus, request);
    case 'synthetic':
      return fromSynthetic(source.spec, request);
    default:
      throw new Error(`no source ${JSON.stringify(source satisfies never)}`);
  }
}

function fromText(corpus: Corpus, request: DatasetRequest): Dataset {
  const { training, heldOut } = splitText(corpus.text, corpus.documents);
  const trainingText = textOf(corpus.text, training);
  const heldOutText = textOf(corpus.text, heldOut);
  const tokenizer = trainTokenizer(request.tokenizer, trainingText, request.vocabulary);
  const heldOutTokens = tokenizer.encode(heldOutText);
  const unknown = tokenizer.id === 'characters' ? heldOutTokens.reduce((count, token) => count + (token === 0 ? 1 : 0), 0) : 0;
  const { id, title, licence, source } = corpus.info;
  return assemble(request, tokenizer, tokenizer.encode(trainingText), heldOutTokens, {
    corpusId: id,
    title,
    licence,
    ...(source && { source }),
    bytesPerToken: bytesPerToken(heldOutText, Math.max(1, heldOutTokens.length)),
    unknownShare: unknown / Math.max(1, heldOutTokens.length),
  });
}

function fromSynthetic(spec: SyntheticSpec, request: DatasetRequest): Dataset {
  const language = createSynthetic(spec);
  if (spec.symbols > request.vocabulary)
    throw new InputError({
      en: `The synthetic language has ${spec.symbols} symbols, but the vocabulary's limit is ${request.vocabulary}; raise the limit.`,
      zh: `合成语言有 ${spec.symbols} 个符号，而词表上限为 ${request.vocabulary}；请提高上限。`,
    });
  const heldOutTokens = Math.max(request.context, request.validationTokens) + 1;
  const tokenizer = tokenizerFrom({ id: 'symbols', symbols: spec.symbols });
  const [training, heldOut] = [language.generate(spec.tokens, 'training'), language.generate(heldOutTokens, 'held-out')];
  return assemble(request, tokenizer, training, heldOut, {
    corpusId: syntheticId(spec),
    title: {
      en: `Synthetic language, ${spec.symbols} symbols, order ${spec.order}`,
      zh: `合成语言（${spec.symbols} 个符号，${spec.order} 阶）`,
    },
    licence: '',
    bytesPerToken: 1,
    unknownShare: 0,
    entropyRate: language.entropyRate,
  });
}

type About = Pick<DatasetData, 'corpusId' | 'title' | 'licence' | 'source' | 'bytesPerToken' | 'unknownShare' | 'entropyRate'>;

function assemble(request: DatasetRequest, tokenizer: Tokenizer, whole: Uint16Array, heldOut: Uint16Array, about: About): Dataset {
  const { context, uniqueTokens = 0 } = request;
  const training = uniqueTokens > 0 ? spreadStretches(whole, uniqueTokens, context) : whole;
  const trainingWindows = windowCount(training.length, context);
  const heldOutWindows = windowCount(heldOut.length, context);
  if (trainingWindows < 1 || heldOutWindows < 1)
    throw new InputError({
      en: `This corpus is too small: ${training.length} training and ${heldOut.length} held-out tokens, where a context of ${context} needs ${context + 1} of each; use a longer text or a shorter context.`,
      zh: `语料太小：训练 ${training.length} 个词元、留出 ${heldOut.length} 个词元，而上下文 ${context} 各需 ${context + 1} 个；请用更长的文本或更短的上下文。`,
    });
  const validationWindows = Math.min(heldOutWindows, Math.max(1, Math.floor(request.validationTokens / context)));
  return {
    ...about,
    context,
    tokenizer: tokenizer.data,
    vocabulary: tokenizer.vocabulary,
    trainingTokens: training,
    trainingWindows,
    validationTokens: spreadWindows(heldOut, heldOutWindows, validationWindows, context),
    validationWindows,
    encode: tokenizer.encode,
    decode: tokenizer.decode,
  };
}

/** Stretches that a limited text is made of, at most, and the least length of one, tokens: seams between them stay rare. */
const STRETCHES = 16;
const LEAST_STRETCH = 1024;

/**
 * About `wanted` tokens of a stream, in stretches of whole windows spread evenly over it: a text that is small but not of
 * another kind. The first tokens alone would be, where a text is in the order of its years.
 */
function spreadStretches(tokens: Uint16Array, wanted: number, context: number): Uint16Array {
  const windows = Math.max(1, Math.floor(wanted / context));
  const unread = windowCount(tokens.length, context) - windows;
  if (unread <= 0) return tokens;
  const stretches = Math.min(windows, STRETCHES, Math.max(1, Math.floor(wanted / LEAST_STRETCH)));
  const out = new Uint16Array(windows * context + 1);
  for (let i = 0; i < stretches; i++) {
    const first = Math.floor((i * windows) / stretches);
    const last = Math.floor(((i + 1) * windows) / stretches);
    const skipped = Math.floor((i * unread) / stretches);
    // One token more than its windows: the last one's last target, which the next stretch then writes over.
    out.set(tokens.subarray((first + skipped) * context, (last + skipped) * context + 1), first * context);
  }
  return out;
}

/** `wanted` of the `available` windows of a stream, evenly spread. */
function spreadWindows(tokens: Uint16Array, available: number, wanted: number, context: number): Uint16Array {
  const out = new Uint16Array(wanted * (context + 1));
  for (let i = 0; i < wanted; i++) out.set(readWindow(tokens, Math.floor((i * available) / wanted), context), i * (context + 1));
  return out;
}

/** Window w of a stream, context + 1 tokens: inputs are all but the last, targets all but the first. A view, not a copy. */
export function readWindow(tokens: Uint16Array, window: number, context: number): Uint16Array {
  return tokens.subarray(window * context, window * context + context + 1);
}

/**
 * A batch must fit into the corpus: one larger would read the same windows twice in every step.
 * @throws InputError
 */
export function requireBatch(dataset: DatasetData, batchSequences: number): void {
  if (batchSequences <= dataset.trainingWindows) return;
  throw new InputError({
    en: `One batch of ${batchSequences} sequences is larger than the corpus, which has ${dataset.trainingWindows} windows of ${dataset.context} tokens; lower the batch or use a longer text.`,
    zh: `一个批次的 ${batchSequences} 条序列超过了整个语料（${dataset.trainingWindows} 个长 ${dataset.context} 的窗口）；请减小批大小或使用更长的文本。`,
  });
}
