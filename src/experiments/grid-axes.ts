// Axes that the grids of experiments are put together from.
import type { Shape } from '../config/run.ts';

/** A shape with the usual MLP, four times the width. */
export const shape = (layers: number, width: number, heads: number, mlpRatio = 4): Shape => ({ layers, width, heads, mlpRatio });

/** 2^from, 2^(from + 1), … 2^to. */
export const powersOfTwo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));

/** Seeds 0 … count − 1. */
export const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
