// Times taken side by side: whatever else the machine does slows all peers of a round alike, so their ratio holds.

/** Something that can be timed: does `steps` steps and waits for their results. */
export interface Timed {
  readonly name: string;
  /** Steps in one turn of a round. */
  readonly steps: number;
  run(steps: number): Promise<void>;
}

/** Milliseconds a step, by name: the median over rounds. */
export interface Times {
  readonly milliseconds: ReadonlyMap<string, number>;
  /** Median over rounds of (time of `slow` ÷ time of `fast` in the same round), per step. */
  ratio(slow: string, fast: string): number;
  /** `name 1.23 ms` for each. */
  readonly text: string;
}

/** The middle of some numbers; the mean of the two middle ones of an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Runs every peer once to warm up, then `rounds` rounds in which each takes its turn. */
export async function sideBySide(peers: readonly Timed[], rounds: number): Promise<Times> {
  for (const peer of peers) await peer.run(Math.min(2, peer.steps));
  const taken = new Map(peers.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++)
    for (const peer of peers) {
      const began = performance.now();
      await peer.run(peer.steps);
      taken.get(peer.name)!.push((performance.now() - began) / peer.steps);
    }
  const milliseconds = new Map([...taken].map(([name, times]) => [name, median(times)]));
  return {
    milliseconds,
    ratio: (slow, fast) => median(taken.get(slow)!.map((time, round) => time / taken.get(fast)![round])),
    text: [...milliseconds].map(([name, time]) => `${name} ${time.toPrecision(3)} ms`).join(', '),
  };
}
