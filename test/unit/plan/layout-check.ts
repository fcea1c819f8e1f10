// A check of plans by themselves: does any launch write over what is still to be read, or leave its region?
import type { Launch } from '../../../src/plan/launches.ts';
import { ALIGNMENT, type Operand, type Plan, type Region } from '../../../src/plan/plan.ts';

/** Operands of one side of a launch, with their names. */
export const operands = (side: object): [string, Operand][] =>
  Object.entries(side as Record<string, Operand | undefined>).flatMap(([name, operand]) => (operand ? [[name, operand]] : []));

const overlap = (a: Operand, b: Operand): boolean => a.region === b.region && a.offset < b.offset + b.size && b.offset < a.offset + a.size;

const same = (a: Operand, b: Operand): boolean => a.region === b.region && a.offset === b.offset && a.size === b.size;

/** Pairs of operands that src/plan/launches.ts allows to be one. */
function mayShare(launch: Launch, read: string, write: string): boolean {
  switch (launch.kind) {
    case 'unary':
      return read === 'x' && write === 'out';
    case 'normGradient':
      return read === 'residual' && write === 'dx';
    case 'crossEntropy':
      return read === 'logits' && write === 'dLogits';
    default:
      return false;
  }
}

/** Operands that are integers, or become floats by being copied. */
function readsIntegers(launch: Launch, read: string): boolean {
  switch (launch.kind) {
    case 'embedding':
    case 'embeddingGradient':
    case 'crossEntropy':
      return true;
    case 'gather':
    case 'segmentSum':
    case 'oneHot':
      return read === 'indices';
    case 'unary':
      return launch.operation === 'copy';
    default:
      return false;
  }
}

/** The words of its output that a copy writes, where it leaves the others as they are. */
function wordsOfPart(launch: Extract<Launch, { kind: 'copy' }>): number[] {
  return launch.shape.reduce(
    (words, length, axis) => words.flatMap((word) => Array.from({ length }, (_, i) => word + i * launch.outStrides[axis])),
    [launch.outStart],
  );
}

/**
 * Replays who wrote each word. A launch may read words of its operand only where one tensor lies: all of one writer, or
 * of the launches that put it together. Anything written over in between shows as a mixture.
 */
export function problemsOf(plan: Plan): string[] {
  const problems: string[] = [];
  const owners = new Map<Region, Int32Array>();
  const own = (region: Region): Int32Array => {
    if (!owners.has(region)) owners.set(region, new Int32Array(plan.words[region]).fill(-1));
    return owners.get(region)!;
  };
  let names = 0;
  // Values being put together by several launches, by their place; they share one name.
  const parts = new Map<string, { name: number; operand: Operand }>();
  const launches = [...plan.setup, ...plan.launches];
  launches.forEach((launch, at) => {
    const [reads, writes] = [operands(launch.reads), operands(launch.writes)];
    for (const [name, operand] of [...reads, ...writes]) {
      if (operand.offset < 0 || operand.offset + operand.size > plan.words[operand.region])
        problems.push(`launch ${at}, ${launch.kind}: ${name} leaves ${operand.region}`);
      if ((operand.region === 'activations' || operand.region === 'constants') && operand.offset % ALIGNMENT !== 0)
        problems.push(`launch ${at}, ${launch.kind}: ${name} starts at ${operand.offset}`);
    }
    for (const [name, operand] of reads) {
      if (operand.region === 'tokens' && !readsIntegers(launch, name)) problems.push(`launch ${at}, ${launch.kind}: ${name} is no float`);
      if (operand.region === 'gradients' && launch.kind !== 'accumulate')
        problems.push(`launch ${at}, ${launch.kind}: ${name} reads gradients`);
      if (operand.region !== 'activations' && operand.region !== 'gradients') continue;
      const words = own(operand.region).subarray(operand.offset, operand.offset + operand.size);
      const whole = launch.kind === 'accumulate';
      if (words.some((owner) => owner === -1 || (!whole && owner !== words[0])))
        problems.push(`launch ${at}, ${launch.kind}: ${name} is not one tensor that was written`);
    }
    for (const [writeName, write] of writes) {
      for (const [readName, read] of reads)
        if (overlap(read, write) && !(same(read, write) && mayShare(launch, readName, writeName)))
          problems.push(`launch ${at}, ${launch.kind}: ${writeName} lies over ${readName}`);
      for (const [other, otherWrite] of writes)
        if (other !== writeName && overlap(write, otherWrite))
          problems.push(`launch ${at}, ${launch.kind}: ${writeName} lies over ${other}`);
      const key = `${write.region} ${write.offset} ${write.size}`;
      const part = launch.kind === 'copy' && launch.rest === 'keep' ? wordsOfPart(launch) : undefined;
      const name = (part && parts.get(key)?.name) ?? names++;
      for (const [other, { operand }] of parts) if (other !== key && overlap(operand, write)) parts.delete(other);
      if (part) parts.set(key, { name, operand: write });
      else parts.delete(key);
      const words = own(write.region).subarray(write.offset, write.offset + write.size);
      if (part) for (const word of part) words[word] = name;
      else words.fill(name);
    }
  });
  return problems;
}
