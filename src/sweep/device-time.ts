// How long a sweep takes on a device from start to end: each run by what was measured, beginnings that runs share counted once.
import { steps, type RunConfig } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import { sharedUpdates, trunkUpdates } from '../training/trunk.ts';

/** A device as whoever plans runs sees it. */
export interface DeviceTime {
  /** Seconds of one worker for a run that is trained from its start. */
  readonly seconds: (config: RunConfig) => number;
  readonly workers: number;
  /** Whether runs that begin alike are trained once up to where they part. */
  readonly shares: boolean;
}

/** Added to the work itself, as a share: starting, data, workers that wait for the last run of another. */
const OVERHEAD = 0.1;

/** Seconds from start to end for work of `total` seconds of one worker whose longest run takes `longest`. */
export function elapsed(device: DeviceTime, total: number, longest: number): number {
  return (1 + OVERHEAD) * Math.max(total / Math.max(1, device.workers), longest);
}

/** Seconds of one worker for a run whose beginning another, longer one trains. */
export function branchSeconds(device: DeviceTime, config: RunConfig): number {
  const whole = device.seconds(config);
  return device.shares ? whole * (1 - trunkUpdates(config) / steps(config)) : whole;
}

/** Seconds from start to end for all runs of a sweep. */
export function sweepSeconds(device: DeviceTime, runs: readonly SweepRun[]): number {
  const shared = device.shares ? sharedUpdates(runs) : [];
  let total = 0;
  let longest = 0;
  for (const [index, { config }] of runs.entries()) {
    const seconds = device.seconds(config);
    total += seconds * (1 - (shared.at(index) ?? 0) / steps(config));
    longest = Math.max(longest, seconds);
  }
  return elapsed(device, total, longest);
}
