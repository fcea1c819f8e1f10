// From what tfjs recorded to what is worth launching: products with one and repeated work disappear, gradients of GELU
// and of the residual stream join the launches that make their inputs, and what nobody reads is dropped.
import { Value, mapOperands, readsOf, writesOf, type Node } from './graph.ts';
import { denseStrides, sizeOf } from './shapes.ts';

/** A recorded step. Values that `losses` and `gradients` name are its results. */
export interface Graph {
  readonly nodes: readonly Node[];
  /** The words whose mean is the loss. */
  readonly losses: Value;
  /** One per parameter; none when evaluating. */
  readonly gradients: readonly Value[];
}

/** All simplifications, in the order that lets each see the results of the one before. */
export function simplify(graph: Graph): Graph {
  const passes = [
    withoutUnits,
    shrinkConstants,
    withoutRepeats,
    withoutUnread,
    joinGelu,
    joinResidual,
    meanOverRows,
    withoutUnread,
    ownLosses,
  ];
  return passes.reduce((simpler, pass) => pass(simpler), graph);
}

/** Puts one value in the place of another, in all that reads it. */
function substitute(graph: Graph, replacements: ReadonlyMap<Value, Value>, dropped: ReadonlySet<Node>): Graph {
  const final = (value: Value): Value => {
    let result = value;
    for (let next; (next = replacements.get(result));) result = next;
    return result;
  };
  return {
    nodes: graph.nodes.filter((node) => !dropped.has(node)).map((node) => mapOperands<Value, Value>(node, final, final)),
    losses: final(graph.losses),
    gradients: graph.gradients.map(final),
  };
}

/** The one number that a constant repeats, if it does. */
function repeated({ constant }: Value): number | undefined {
  return constant?.every((word) => Object.is(word, constant[0])) ? constant[0] : undefined;
}

/** a·1 and a/1 are a. */
function withoutUnits(graph: Graph): Graph {
  const replacements = new Map<Value, Value>();
  const dropped = new Set<Node>();
  for (const node of graph.nodes) {
    if (node.kind !== 'binary' || (node.operation !== 'multiply' && node.operation !== 'divide')) continue;
    const { a, b } = node.reads;
    const whole = (value: Value, strides: readonly number[]) =>
      value.size === sizeOf(node.shape) && value.input?.region !== 'tokens' && strides.join() === denseStrides(node.shape).join();
    const same =
      repeated(b) === 1 && whole(a, node.aStrides)
        ? a
        : node.operation === 'multiply' && repeated(a) === 1 && whole(b, node.bStrides)
          ? b
          : undefined;
    if (!same) continue;
    replacements.set(node.writes.out, same);
    dropped.add(node);
  }
  return substitute(graph, replacements, dropped);
}

/** Constants that repeat one number are read as a single word, and equal constants are one. */
function shrinkConstants(graph: Graph): Graph {
  const seen = new Map<string, Value>();
  const unique = (value: Value): Value => {
    if (!value.constant) return value;
    // By their bits: 0 and −0 are not the same.
    const key = new Uint32Array(value.constant.buffer, value.constant.byteOffset, value.size).join();
    const first = seen.get(key) ?? value;
    seen.set(key, first);
    return first;
  };
  const nodes = graph.nodes.map((node): Node => {
    const still = (strides: readonly number[], value: Value): readonly number[] =>
      value.size > 1 && repeated(value) !== undefined ? strides.map(() => 0) : strides;
    const single = (value: Value): Value => {
      const word = repeated(value);
      return word === undefined || value.size === 1 ? value : new Value(1, { constant: Float32Array.of(word) });
    };
    let shrunk: Node = node;
    if (node.kind === 'binary') {
      const { a, b } = node.reads;
      shrunk = {
        ...node,
        reads: { a: single(a), b: single(b) },
        aStrides: still(node.aStrides, a),
        bStrides: still(node.bStrides, b),
      };
    } else if (node.kind === 'select') {
      const { condition, a, b } = node.reads;
      shrunk = {
        ...node,
        reads: { condition, a: single(a), b: single(b) },
        aStrides: still(node.aStrides, a),
        bStrides: still(node.bStrides, b),
      };
    }
    return mapOperands<Value, Value>(shrunk, unique, (value) => value);
  });
  return { ...graph, nodes };
}

/** Two launches of the same kind with the same settings over the same values are one. */
function withoutRepeats(graph: Graph): Graph {
  const names = new Map<Value, number>();
  const name = (value: Value): number => {
    if (!names.has(value)) names.set(value, names.size);
    return names.get(value)!;
  };
  const writers = new Map<Value, number>();
  for (const node of graph.nodes) for (const value of writesOf(node)) writers.set(value, (writers.get(value) ?? 0) + 1);

  const first = new Map<string, Node>();
  const replacements = new Map<Value, Value>();
  const dropped = new Set<Node>();
  for (const node of graph.nodes) {
    const reads = Object.entries<Value | undefined>(node.reads).map(([key, value]) => [
      key,
      value && name(replacements.get(value) ?? value),
    ]);
    const writes = writesOf(node);
    // A value put together from parts is not the work of one launch.
    if (writes.some((value) => writers.get(value) !== 1)) continue;
    const key = JSON.stringify({ ...node, reads, writes: Object.keys(node.writes) });
    const earlier = first.get(key);
    if (!earlier) first.set(key, node);
    else {
      dropped.add(node);
      const earlierWrites = writesOf(earlier);
      writes.forEach((value, i) => replacements.set(value, earlierWrites[i]));
    }
  }
  return substitute(graph, replacements, dropped);
}

/** Drops launches that no result depends on, and by-products that nobody reads. */
function withoutUnread(graph: Graph): Graph {
  const needed = new Set<Value>([graph.losses, ...graph.gradients]);
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!writesOf(node).some((value) => needed.has(value))) continue;
    for (const value of readsOf(node)) needed.add(value);
    kept.push(node);
  }
  const nodes = kept.reverse().map((node): Node => {
    if (node.kind === 'linear' && node.writes.preactivation && !needed.has(node.writes.preactivation))
      return { ...node, writes: { out: node.writes.out } };
    if (node.kind === 'crossEntropy' && node.writes.dLogits && !needed.has(node.writes.dLogits))
      return { ...node, writes: { losses: node.writes.losses } };
    return node;
  });
  return { ...graph, nodes };
}

/** How often each value is read, results counted. */
function countReads(graph: Graph): Map<Value, number> {
  const counts = new Map<Value, number>();
  for (const value of [graph.losses, ...graph.gradients, ...graph.nodes.flatMap(readsOf)]) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** dx of a linear map whose input is that GELU's output itself, read by its gradient alone: the map's launch does both. */
function joinGelu(graph: Graph): Graph {
  const counts = countReads(graph);
  const nodes = [...graph.nodes];
  const dropped = new Set<Node>();
  for (const node of nodes) {
    if (node.kind !== 'binary' || node.operation !== 'geluGradient') continue;
    const { a: preactivation, b: dOut } = node.reads;
    const at = nodes.findIndex((other) => other.kind === 'linearGradient' && other.writes.dx === dOut);
    const maker = nodes[at];
    if (maker?.kind !== 'linearGradient' || maker.reads.preactivation || counts.get(dOut) !== 1) continue;
    const madeInput = nodes.some(
      (other) =>
        other.kind === 'linear' &&
        other.gelu &&
        !other.reads.residual &&
        other.writes.preactivation === preactivation &&
        other.writes.out === maker.reads.x,
    );
    if (!madeInput) continue;
    nodes[at] = { ...maker, reads: { ...maker.reads, preactivation }, writes: { ...maker.writes, dx: node.writes.out } };
    dropped.add(node);
  }
  return { ...graph, nodes: nodes.filter((node) => !dropped.has(node)) };
}

/** dx of a norm, read by one sum alone whose other side is there before: the norm's launch adds. */
function joinResidual(graph: Graph): Graph {
  const counts = countReads(graph);
  const nodes = [...graph.nodes];
  const dropped = new Set<Node>();
  const madeBefore = (value: Value, at: number): boolean =>
    value.constant === undefined && nodes.every((node, i) => i < at || !writesOf(node).includes(value));
  for (const node of nodes) {
    if (node.kind !== 'binary' || node.operation !== 'add') continue;
    const { a, b } = node.reads;
    if (a.size !== node.writes.out.size || b.size !== a.size) continue;
    for (const [dx, residual] of [
      [a, b],
      [b, a],
    ]) {
      const at = nodes.findIndex((other) => other.kind === 'normGradient' && other.writes.dx === dx);
      const maker = nodes[at];
      if (maker?.kind !== 'normGradient' || maker.reads.residual || counts.get(dx) !== 1 || !madeBefore(residual, at)) continue;
      nodes[at] = { ...maker, reads: { ...maker.reads, residual }, writes: { ...maker.writes, dx: node.writes.out } };
      dropped.add(node);
      break;
    }
  }
  return { ...graph, nodes: nodes.filter((node) => !dropped.has(node)) };
}

/**
 * A loss that is a mean over words is left as those words; whoever reads it takes the mean. What is done to the mean
 * and may as well be done to each word (a change of sign, a constant factor) is done there.
 */
function meanOverRows(graph: Graph): Graph {
  const makerOf = (value: Value): Node | undefined => graph.nodes.find((node) => writesOf(node).includes(value));
  const onEach: ((words: Value) => Node)[] = [];
  let { losses } = graph;
  for (let node = makerOf(losses); node; node = makerOf(losses)) {
    if (node.kind === 'reduce' && node.operation === 'mean' && node.outer === 1 && node.inner === 1) {
      const extra: Node[] = [];
      losses = node.reads.x;
      for (const step of onEach.reverse()) {
        const applied = step(losses);
        extra.push(applied);
        losses = writesOf(applied)[0];
      }
      return { ...graph, losses, nodes: [...graph.nodes, ...extra] };
    }
    const linear = commutesWithMean(node);
    if (!linear) return graph;
    onEach.push(linear.onEach);
    losses = linear.of;
  }
  return graph;
}

/** What a launch that commutes with a mean is applied to, and the same launch over many words. */
function commutesWithMean(node: Node): { readonly of: Value; readonly onEach: (words: Value) => Node } | undefined {
  if (node.kind === 'unary' && node.operation === 'negate')
    return {
      of: node.reads.x,
      onEach: (x) => ({ ...node, reads: { x }, writes: { out: new Value(x.size) }, size: x.size }),
    };
  if (node.kind !== 'binary' || sizeOf(node.shape) !== 1 || (node.operation !== 'multiply' && node.operation !== 'divide'))
    return undefined;
  const { a, b } = node.reads;
  const over = (size: number) => ({ writes: { out: new Value(size) }, shape: [size] });
  if (b.constant) return { of: a, onEach: (x) => ({ ...node, ...over(x.size), reads: { a: x, b }, aStrides: [1], bStrides: [0] }) };
  if (a.constant && node.operation === 'multiply')
    return { of: b, onEach: (x) => ({ ...node, ...over(x.size), reads: { a, b: x }, aStrides: [0], bStrides: [1] }) };
  return undefined;
}

/** Losses are a launch's result: a parameter changes before they are read, and a constant that nothing reads has no place. */
function ownLosses(graph: Graph): Graph {
  const { losses } = graph;
  if (!losses.input && !losses.constant) return graph;
  const out = new Value(losses.size);
  const copy: Node = { kind: 'unary', operation: 'copy', reads: { x: losses }, writes: { out }, size: losses.size };
  return { ...graph, nodes: [...graph.nodes, copy], losses: out };
}
