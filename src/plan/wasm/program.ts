// A plan as one lane runs it: pieces at fixed addresses, in order, without what stands at the ends of a step.
import type { Launch } from '../launches.ts';
import type { Operand, Plan } from '../plan.ts';
import type { Kernels } from './kernels.ts';
import { isStepLaunch, lower } from './lower.ts';
import type { LaneMap, MemoryMap } from './memory.ts';
import type { Piece, Place } from './piece.ts';

/**
 * Where the operands of `plan` lie for a lane.
 * @throws Error when an operand lies in a region that only the ends of a step use
 */
export function addressIn(plan: Plan, map: MemoryMap, lane: LaneMap | undefined): (operand: Operand) => number {
  return ({ region, offset }) => {
    switch (region) {
      case 'activations':
      case 'tokens':
      case 'gradients':
        return map[region] + 4 * offset;
      case 'constants':
        return map.constants[plan.kind] + 4 * offset;
      case 'parameters':
        if (lane) return lane.parameters + 4 * offset;
        throw new Error('What is done once for all lanes reads a lane’s parameters.');
      case 'mean':
      case 'square':
      case 'accumulated':
        throw new Error(`A launch of the model uses the region ${region}.`);
      default:
        return region satisfies never;
    }
  };
}

/** The pieces of those of `launches` that compute. */
export function compile(launches: readonly Launch[], kernels: Kernels, map: MemoryMap, address: (operand: Operand) => number): Piece[] {
  const layout = (launch: Launch): number => {
    const found = map.layouts.get(launch);
    if (found === undefined) throw new Error(`A launch (${launch.kind}) has no layout.`);
    return found;
  };
  const place: Place = { kernels, scratch: map.scratch, layout, address };
  return launches.flatMap((launch) => (isStepLaunch(launch) ? [] : lower(launch, place)));
}
