// How many lanes fit: what an executor will hold is known before anything is allocated.
import type { FootprintOf, Plans, TokenSource } from '../../plan/executor.ts';

/** Memory of a device, as far as executors are concerned. */
export interface MemoryRule {
  /** Bytes that one executor may take. */
  readonly budget: number;
  /** Bytes that a single buffer may take. */
  readonly largestBuffer: number;
  /** What executors hold on this device. */
  readonly footprint: FootprintOf;
}

/**
 * The most lanes of one executor that fit, whichever of them they are; 0 when not even one does.
 * @param microBatches m of each lane there is: never more lanes than that
 */
export function lanesThatFit(plans: Plans, microBatches: readonly number[], tokens: TokenSource, rule: MemoryRule): number {
  // Lanes of many micro-batches may need more; they are counted first.
  const hungriest = [...microBatches].sort((a, b) => b - a);
  const fit = (lanes: number): boolean => {
    const { bytes, largestBuffer } = rule.footprint(plans, hungriest.slice(0, lanes), tokens);
    return bytes <= rule.budget && largestBuffer <= rule.largestBuffer;
  };
  let [most, tooMany] = [0, hungriest.length + 1];
  while (tooMany - most > 1) {
    const lanes = Math.floor((most + tooMany) / 2);
    if (fit(lanes)) most = lanes;
    else tooMany = lanes;
  }
  return most;
}

/** What one executor holds at most. */
export interface PartLimits {
  readonly families: number;
  readonly members: number;
}

/**
 * Splits families into parts within `limits`, as even as they allow, in their order. A family of more than
 * `limits.members` makes a part of its own.
 */
export function evenParts<T>(families: readonly (readonly T[])[], limits: PartLimits): T[][] {
  const all = families.reduce((sum, family) => sum + family.length, 0);
  const count = Math.max(Math.ceil(all / limits.members), Math.ceil(families.length / limits.families));
  const parts: T[][] = [];
  let part: T[] = [];
  let [inPart, before] = [0, 0];
  for (const family of families) {
    const full = inPart + 1 > limits.families || part.length + family.length > limits.members;
    // A family goes to the part in which its middle lies.
    const enough = before + family.length / 2 > (all * (parts.length + 1)) / count;
    if (inPart > 0 && (full || enough)) {
      parts.push(part);
      [part, inPart] = [[], 0];
    }
    part.push(...family);
    inPart++;
    before += family.length;
  }
  if (inPart > 0) parts.push(part);
  return parts;
}
