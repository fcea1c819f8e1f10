// The page's frame rate while 300 curves grow.
import { mount, unmount } from 'svelte';
import { CurveSet } from '../../src/ui/charts/curve-series.ts';
import LiveCurves from '../../src/ui/charts/LiveCurves.svelte';
import { atLeast, type BenchRow } from './rows.ts';

const CURVES = 300;

/** Frames a second over `seconds`, with a new point for every curve ten times a second. */
export async function frameRate(target: HTMLElement, seconds: number): Promise<BenchRow> {
  const curves = new CurveSet();
  const ids = Array.from({ length: CURVES }, (_, i) => `curve ${i}`);
  for (const id of ids) curves.add(id, { colour: 'rgb(0, 114, 178)', label: id });
  const chart = mount(LiveCurves, { target, props: { curves, logX: true, xTitle: 'tokens', yTitle: 'loss', description: 'bench' } });
  let step = 0;
  const feed = setInterval(() => {
    step++;
    for (const [i, id] of ids.entries()) curves.append(id, [[1000 * step, 2 + 3 / Math.sqrt(step) + 0.002 * i]]);
  }, 100);
  const times: number[] = [];
  await new Promise<void>((resolve) => {
    const end = performance.now() + 1000 * seconds;
    const frame = (now: number) => {
      times.push(now);
      if (now < end) requestAnimationFrame(frame);
      else resolve();
    };
    requestAnimationFrame(frame);
  });
  clearInterval(feed);
  await unmount(chart);
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  const rate = (1000 * gaps.length) / (times[times.length - 1] - times[0]);
  // A display of 60 Hz gives 59.9 at best: what is asked for is that no frame is missed.
  return atLeast(
    `page: frames a second with ${CURVES} live curves`,
    rate,
    'frames/second',
    59,
    `longest gap ${Math.max(...gaps).toFixed(1)} ms`,
  );
}
