// Where every value of a graph lies: constants one after another, activations by liveness, so that the bytes of a step
// are known before anything is allocated.
import type { Operand } from '../plan.ts';
import { ALIGNMENT } from '../plan.ts';
import { readsOf, writesOf, type Node, type Value } from './graph.ts';

/** `words` rounded up to whole units of alignment. */
export function aligned(words: number): number {
  return Math.ceil(words / ALIGNMENT) * ALIGNMENT;
}

/** Places, and how long the regions they lie in must be (words, aligned). */
export interface Layout {
  readonly places: ReadonlyMap<Value, Operand>;
  readonly words: number;
}

/** Puts values one after another. */
export function consecutive(values: Iterable<Value>, region: Operand['region']): Layout {
  const places = new Map<Value, Operand>();
  let words = 0;
  for (const value of values) {
    places.set(value, { region, offset: words, size: value.size });
    words += aligned(value.size);
  }
  return { places, words };
}

/** Values that share one place, from the first launch that writes one of them to the last that reads one. */
interface Lifetime {
  readonly values: Value[];
  readonly size: number;
  readonly first: number;
  last: number;
}

/**
 * Lays out the values that `nodes` write and that `placed` does not know yet, largest first, each at the lowest offset
 * that is free for as long as it lives.
 * @param lasting values that are read after the last launch
 */
export function byLiveness(nodes: readonly Node[], placed: ReadonlySet<Value>, lasting: readonly Value[]): Layout {
  const lifetimes = lifetimesOf(nodes, placed, lasting);
  const places = new Map<Value, Operand>();
  const settled: { readonly lifetime: Lifetime; readonly start: number; readonly end: number }[] = [];
  let words = 0;
  for (const lifetime of [...new Set(lifetimes.values())].sort((a, b) => b.size - a.size || a.first - b.first)) {
    const neighbours = settled
      .filter((other) => other.lifetime.first <= lifetime.last && lifetime.first <= other.lifetime.last)
      .sort((a, b) => a.start - b.start);
    let start = 0;
    for (const other of neighbours) {
      if (other.start - start >= aligned(lifetime.size)) break;
      start = Math.max(start, other.end);
    }
    const end = start + aligned(lifetime.size);
    settled.push({ lifetime, start, end });
    words = Math.max(words, end);
    for (const value of lifetime.values) places.set(value, { region: 'activations', offset: start, size: value.size });
  }
  return { places, words };
}

function lifetimesOf(nodes: readonly Node[], placed: ReadonlySet<Value>, lasting: readonly Value[]): Map<Value, Lifetime> {
  const lastRead = new Map<Value, number>();
  nodes.forEach((node, i) => [...readsOf(node), ...writesOf(node)].forEach((value) => lastRead.set(value, i)));
  for (const value of lasting) lastRead.set(value, nodes.length);

  const lifetimes = new Map<Value, Lifetime>();
  nodes.forEach((node, i) => {
    const inPlace = inPlacePair(node);
    for (const value of writesOf(node)) {
      if (placed.has(value) || lifetimes.has(value)) continue;
      const last = lastRead.get(value)!;
      const source = inPlace && inPlace.write === value ? lifetimes.get(inPlace.read) : undefined;
      if (source && source.last === i && source.size === value.size) {
        source.values.push(value);
        source.last = last;
        lifetimes.set(value, source);
      } else lifetimes.set(value, { values: [value], size: value.size, first: i, last });
    }
  });
  return lifetimes;
}

/** The operands of a launch that may be one (src/plan/launches.ts says "in place"), if it has any. */
function inPlacePair(node: Node): { readonly read: Value; readonly write: Value } | undefined {
  switch (node.kind) {
    case 'normGradient':
      return node.reads.residual && { read: node.reads.residual, write: node.writes.dx };
    case 'crossEntropy':
      return node.writes.dLogits && { read: node.reads.logits, write: node.writes.dLogits };
    case 'unary':
      return { read: node.reads.x, write: node.writes.out };
    default:
      return undefined;
  }
}
