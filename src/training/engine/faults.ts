// What may go wrong with a device in the middle of a training, and what is said of it.
import type { Sentence } from '../../messages/sentence.ts';
import { zeroLoss } from '../recorder.ts';
import type { Lane } from './lane.ts';

/** A loss that only a device at fault returns; `step` counts from 1. */
export interface WrongLoss {
  readonly step: number;
  readonly loss: number;
}

/** Losses that only a device at fault returns: work on it was dropped, or its memory is gone. */
export class WrongLosses extends Error {
  /** The first such loss of each run that had one. */
  readonly first: ReadonlyMap<Lane, WrongLoss>;

  constructor(first: ReadonlyMap<Lane, WrongLoss>) {
    super('The device returned losses that no model can have.');
    this.name = 'WrongLosses';
    this.first = first;
  }
}

/** A device that could not be set up: it is gone, or memory is short. */
export class NotCreated extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
    this.name = 'NotCreated';
  }
}

/** The one sentence of an error, with its full stop. */
export function reasonOf(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).trim();
  if (message === '') return 'No reason was given.';
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

/** Said when runs go on after a fault. */
export function goingOn(runs: number, error: unknown, seconds: number): Sentence {
  const reason = reasonOf(error);
  const back = Math.round(seconds);
  return {
    en: `${reason} ${runs === 1 ? 'One run goes' : `${runs} runs go`} on from the last checkpoint; about ${back} s of training ${back === 1 ? 'is' : 'are'} repeated.`,
    zh: `设备出错（${reason}）${runs} 个训练从最近的检查点继续；约 ${back} 秒的训练将重做。`,
  };
}

/** Said when runs go on where another worker, or an earlier visit, left them. */
export function takenUp(runs: number): Sentence {
  return {
    en: `${runs === 1 ? 'One run goes' : `${runs} runs go`} on from a checkpoint that was kept when ${runs === 1 ? 'its' : 'their'} training broke off.`,
    zh: `${runs} 个训练从中断时保存的检查点继续。`,
  };
}

/** Why a run ends whose device failed too often. */
export function gaveUp(times: number, error: unknown): Sentence {
  const reason = reasonOf(error);
  return {
    en: `The device failed ${times} times in a row: ${reason}`,
    zh: `设备连续 ${times} 次出错：${reason}`,
  };
}

/** Why a run ends whose loss came out wrong too often. */
export function lossStaysWrong({ step, loss }: WrongLoss): Sentence {
  if (loss === 0) return zeroLoss(step).reason;
  return {
    en: `The loss at step ${step} was not a finite number, without cause in the run itself: the device is at fault.`,
    zh: `第 ${step} 步的损失不是有限数，而训练本身并无原因：是设备出了问题。`,
  };
}
