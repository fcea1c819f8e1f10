// A launch of the model as pieces. The launches at the ends of a step (tokens, optimizer, losses) are the lanes' business.
import type { FusedLaunch, GenericLaunch, Launch, StepLaunch } from '../launches.ts';
import { lowerFused } from './lower-fused.ts';
import { lowerGeneric } from './lower-generic.ts';
import type { Piece, Place } from './piece.ts';

/** Whether a launch stands at an end of a step. */
export function isStepLaunch(launch: Launch): launch is StepLaunch {
  switch (launch.kind) {
    case 'sample':
    case 'accumulate':
    case 'adamw':
    case 'gradientNorm':
    case 'finish':
      return true;
    default:
      return false;
  }
}

/** The pieces of a launch, to be run in order. */
export function lower(launch: FusedLaunch | GenericLaunch, place: Place): Piece[] {
  switch (launch.kind) {
    case 'unary':
    case 'binary':
    case 'select':
    case 'copy':
    case 'reduce':
    case 'matrixProduct':
    case 'gather':
    case 'segmentSum':
    case 'oneHot':
      return lowerGeneric(launch, place);
    default:
      return lowerFused(launch, place);
  }
}
