// The charts in a real browser: what is drawn is where it should be, clicks find their cell, exports stand alone.
import '@picocss/pico/css/pico.min.css';
import axe from 'axe-core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { page } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import { tick } from 'svelte';
import { CurveSet } from '../../src/ui/charts/curve-series.ts';
import { selfContainedSvg, svgToPng } from '../../src/ui/charts/export.ts';
import type { LandscapeCell } from '../../src/ui/charts/data.ts';
import Landscape from '../../src/ui/charts/Landscape.svelte';
import LiveCurves from '../../src/ui/charts/LiveCurves.svelte';
import Ladder from '../../src/ui/charts/Ladder.svelte';
import Plot from '../../src/ui/charts/Plot.svelte';
import Surface from '../../src/ui/charts/Surface.svelte';

const learningRates = [-9, -8, -7, -6, -5, -4].map((exponent) => 2 ** exponent);
const batches = [32, 64, 128, 256, 512];
const surface = (lr: number, batch: number) => 2.2 + 0.02 * (lr + 6.5) ** 2 + 0.01 * (batch - 7) ** 2 - 0.008 * (lr + 6.5) * (batch - 7);
const cells: LandscapeCell[] = learningRates.flatMap((learningRate) =>
  batches.map((batch) => {
    const loss = surface(Math.log2(learningRate), Math.log2(batch));
    const diverged = learningRate === 2 ** -4 && batch === 32;
    const training = learningRate === 2 ** -9 && batch === 512;
    return {
      learningRate,
      batch,
      state: diverged ? 'diverged' : training ? 'training' : 'finished',
      loss: training ? undefined : loss,
      progress: training ? 0.4 : undefined,
      label: `η ${learningRate}, B ${batch}: ${loss.toFixed(4)}`,
    } as const;
  }),
);
const labels = { learningRate: 'peak learning rate', batch: 'batch, tokens', minimum: 'Lowest point' };
const region = Array.from({ length: 32 }, (_, i): [number, number] => [-6.5 + 0.4 * Math.cos(i / 5), 7 + 0.6 * Math.sin(i / 5)]);
const fit = { surface, minimum: { learningRate: 2 ** -6.5, batch: 128, loss: 2.2 }, region, plateauLoss: 2.2 * 1.0025 };

async function violations(element: Element): Promise<string[]> {
  const { violations } = await axe.run(element, { rules: { region: { enabled: false } } });
  return violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}

afterEach(() => {
  document.documentElement.removeAttribute('data-theme');
});

describe('the landscape', () => {
  it('draws the planted minimum where its learning rate and batch are', async () => {
    await page.viewport(700, 500);
    const { container } = await render(Landscape, { cells, fit, labels, description: 'A planted bowl' });
    await tick();
    const cross = container.querySelector('[data-testid="minimum"]');
    const boxOf = (label: string) => container.querySelector(`[aria-label^="${label}"] rect`)!.getBoundingClientRect();
    const [left, right] = [boxOf(`η ${2 ** -7}, B 128`), boxOf(`η ${2 ** -6}, B 128`)];
    const svg = container.querySelector('svg')!.getBoundingClientRect();
    const x = Number(cross?.getAttribute('data-x')) + svg.left;
    const y = Number(cross?.getAttribute('data-y')) + svg.top;
    expect(x).toBeCloseTo((left.right + right.left) / 2, 0);
    expect(y).toBeCloseTo(left.top + left.height / 2, 0);
    expect(container.querySelector('[data-testid="plateau"]')?.getAttribute('d')).toMatch(/^M/);
    expect(container.querySelectorAll('.contour').length).toBeGreaterThan(3);
  });

  it('says which cell was clicked, or chosen by key', async () => {
    const onselect = vi.fn<(cell: LandscapeCell) => void>();
    const { container } = await render(Landscape, { cells, fit, labels, description: 'A planted bowl', onselect });
    container.querySelector<SVGGElement>('[aria-label^="η 0.0625, B 32"]')!.dispatchEvent(new MouseEvent('click', { bubbles: true }));
    container
      .querySelector<SVGGElement>(`[aria-label^="η ${2 ** -9}, B 64"]`)!
      .dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    expect(onselect.mock.calls.map(([cell]) => [cell.learningRate, cell.batch, cell.state])).toEqual([
      [2 ** -4, 32, 'diverged'],
      [2 ** -9, 64, 'finished'],
    ]);
  });

  it.each(['light', 'dark'])('has no accessibility violations in %s', async (theme) => {
    document.documentElement.setAttribute('data-theme', theme);
    const { container } = await render(Landscape, { cells, fit, labels, description: 'A planted bowl', onselect: () => undefined });
    expect(await violations(container)).toEqual([]);
  });

  it('is exported as a picture that needs nothing from the page', async () => {
    const { container } = await render(Landscape, { cells, fit, labels, description: 'A planted bowl' });
    await tick();
    const text = selfContainedSvg(container.querySelector('svg')!, 'The bowl & its cells');
    const file = new DOMParser().parseFromString(text, 'image/svg+xml');
    expect(file.querySelector('parsererror')).toBeNull();
    expect(text).not.toContain('var(--');
    expect(text).not.toContain('class=');
    expect(file.querySelector('title')?.textContent).toBe('The bowl & its cells');
    expect(text).toContain('η 0.0078125, B 128');
    const png = await svgToPng(text, 300, 200);
    const bitmap = await createImageBitmap(png);
    expect([bitmap.width, bitmap.height]).toEqual([600, 400]);
  });
});

describe('laws on logarithmic axes', () => {
  const series = [
    {
      id: 'ours',
      name: 'ours',
      colour: 0,
      points: [
        { x: 1e3, y: 0.03, low: 0.02, high: 0.04, label: 'N 1000', residual: 0.1 },
        { x: 1e4, y: 0.01, low: 0.008, high: 0.012, label: 'N 10000', residual: -0.1 },
        { x: 1e5, y: 0.004, label: 'N 100000', leftOut: 'at the edge of its grid' },
      ],
    },
  ];
  const lines = [
    {
      id: 'fit',
      name: 'fitted',
      colour: 0,
      label: 'η ∝ N^-0.5',
      points: [1e3, 1e4, 1e5].map((x) => ({ x, y: 0.95 * x ** -0.5, low: 0.8 * x ** -0.5, high: 1.2 * x ** -0.5 })),
    },
    {
      id: 'published',
      name: 'published',
      stroke: 'dashed' as const,
      colour: 1,
      label: 'from a paper',
      points: [1e3, 1e5].map((x) => ({ x, y: 2 * x ** -0.6 })),
    },
  ];

  it('draws points, what was left out and why, the law with its band, and residuals', async () => {
    const { container } = await render(Plot, {
      series,
      lines,
      x: { title: 'N', scale: 'log' },
      y: { title: 'η', scale: 'log' },
      residualTitle: 'residuals',
      description: 'a law',
    });
    await tick();
    expect(container.querySelectorAll('.point')).toHaveLength(3);
    expect(container.querySelector('.left-out title')?.textContent).toContain('at the edge of its grid');
    expect(container.querySelectorAll('[data-testid="band"]')).toHaveLength(1);
    expect(container.querySelectorAll('.line.dashed')).toHaveLength(1);
    expect(container.querySelectorAll('.point circle')).toHaveLength(5);
    // A power law is a straight line here: the middle point of the fitted line lies half-way.
    const numbers = container
      .querySelector('[data-line="fit"]')!
      .getAttribute('d')!
      .match(/[\d.]+/g)!
      .map(Number);
    expect(numbers[3]).toBeCloseTo((numbers[1] + numbers[5]) / 2, 0);
    expect(await violations(container)).toEqual([]);
  });

  it('draws points on linear axes, also below zero, with intervals on both', async () => {
    const points = [
      { x: -1, y: 0, low: -0.5, high: 0.5, xLow: -1.5, xHigh: -0.5, label: 'a' },
      { x: 0, y: -1, label: 'b' },
      { x: 1, y: 1, label: 'c' },
    ];
    const { container } = await render(Plot, {
      series: [{ id: 's', name: 's', colour: 0, points, joined: true }],
      x: { title: 'x', scale: 'linear' },
      y: { title: 'y', scale: 'linear' },
      description: 'points',
    });
    await tick();
    expect(container.querySelectorAll('.point circle')).toHaveLength(3);
    expect(container.querySelectorAll('.point .bar')).toHaveLength(2);
    expect(container.querySelector('.line.joined')!.getAttribute('d')!.match(/[ML]/g)).toHaveLength(3);
    expect(await violations(container)).toEqual([]);
  });

  it('draws a ladder: values, their intervals, what has none, and what they are compared with', async () => {
    const { container } = await render(Ladder, {
      rows: [
        { id: 'a', name: 'a', value: 0.2, low: -0.1, high: 0.5, label: 'a: 0.2' },
        { id: 'b', name: 'b', value: -0.3, low: NaN, high: NaN, label: 'b: −0.3' },
        { id: 'c', name: 'c', label: 'c', note: 'at the edge of its grid' },
      ],
      marks: [{ name: 'no shift', value: 0, label: 'no shift' }],
      x: { title: 'octaves', scale: 'linear' },
      description: 'shifts',
    });
    await tick();
    expect(container.querySelectorAll('circle')).toHaveLength(2);
    expect(container.querySelectorAll('.interval')).toHaveLength(1);
    expect(container.querySelectorAll('.mark')).toHaveLength(1);
    expect(container.textContent).toContain('at the edge of its grid');
    const [interval] = container
      .querySelector('.interval')!
      .getAttribute('d')!
      .match(/[\d.]+/g)!
      .map(Number);
    const mark = Number(
      container
        .querySelector('.mark')!
        .getAttribute('d')!
        .match(/[\d.]+/)![0],
    );
    expect(interval).toBeLessThan(mark);
    expect(await violations(container)).toEqual([]);
  });
});

describe('the surface', () => {
  const cells = [0.01, 0.02, 0.04].flatMap((learningRate, i) =>
    [16, 32, 64].map((batch, j) => ({
      learningRate,
      batch,
      state: i === 2 && j === 2 ? ('diverged' as const) : ('finished' as const),
      loss: 2 + 0.1 * ((i - 1) ** 2 + (j - 1) ** 2),
      label: '',
    })),
  );
  const labels = { learningRate: 'lr', batch: 'batch', loss: 'loss', turn: 'turn', tilt: 'tilt' };
  const fit = {
    surface: (rate: number, batch: number) => 2 + 0.1 * ((rate - Math.log2(0.02)) ** 2 + (batch - 5) ** 2),
    minimum: { learningRate: 0.02, batch: 32, loss: 2 },
  };

  it('draws a face for any four finished neighbours, the net of the fit and its minimum, and turns', async () => {
    const { container } = await render(Surface, { cells, fit, labels, description: 'surface' });
    await tick();
    expect(container.querySelectorAll('.face')).toHaveLength(3);
    expect(container.querySelectorAll('.net').length).toBeGreaterThan(10);
    const place = () => container.querySelector('.minimum')!.getAttribute('cx');
    expect(Number(place())).toBeCloseTo(Number(container.querySelector('svg')!.getAttribute('width')) / 2, 3);
    const before = container.querySelector('.face')!.getAttribute('d');
    const slider = container.querySelector<HTMLInputElement>('input')!;
    slider.value = '120';
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await tick();
    expect(container.querySelector('.face')!.getAttribute('d')).not.toBe(before);
    expect(await violations(container)).toEqual([]);
  });

  it('draws what there is of one finished cell, and of none', async () => {
    for (const few of [cells.slice(0, 1), cells.map((cell) => ({ ...cell, state: 'waiting' as const, loss: undefined }))]) {
      const { container } = await render(Surface, { cells: few, labels, description: 'surface' });
      await tick();
      expect(container.querySelectorAll('.face')).toHaveLength(0);
      expect(container.innerHTML).not.toContain('NaN');
    }
  });
});

describe('live curves', () => {
  const walk = (seed: number, points: number): [number, number][] =>
    Array.from({ length: points }, (_, i) => [1000 * (i + 1), 2 + 2 / Math.sqrt(i + 1) + 0.05 * Math.sin(seed + i)]);
  const frames = (n: number) =>
    new Promise<void>((resolve) => {
      const next = (left: number): unknown => (left === 0 ? resolve() : requestAnimationFrame(() => next(left - 1)));
      next(n);
    });
  const props = { xTitle: 'tokens', yTitle: 'loss', description: 'curves' };

  it('draws as many segments for a late point as for an early one', async () => {
    const curves = new CurveSet();
    curves.add('a', { colour: '#0072b2', label: 'a' });
    curves.append('a', [
      [0, 5],
      [1e6, 1],
    ]);
    await render(LiveCurves, { curves, ...props });
    await frames(4);
    const costs: number[] = [];
    for (const at of [10, 500, 1000]) {
      curves.append(
        'a',
        walk(0, at).map(([, y], i): [number, number] => [1e6 - 1 + (i + at) * 1e-6, Math.min(4, y)]),
      );
      await frames(3);
      const before = curves.segments;
      curves.append('a', [[1e6 - 0.5 + at * 1e-6, 2]]);
      await frames(3);
      costs.push(curves.segments - before);
    }
    expect(costs).toEqual([2, 2, 2]);
  });

  it('ends with the same picture whether points came one by one or all at once', async () => {
    const ends: [number, number][] = [
      [0, 5],
      [4e5, 1.5],
    ];
    const pixels = async (batches: [number, number][][]): Promise<Uint8ClampedArray> => {
      const curves = new CurveSet();
      curves.add('frame', { colour: 'rgba(0,0,0,0)', label: 'frame' });
      curves.append('frame', ends);
      curves.add('a', { colour: '#d55e00', label: 'a' });
      const { container, unmount } = await render(LiveCurves, { curves, ...props });
      await frames(4);
      for (const batch of batches) {
        curves.append('a', batch);
        await frames(2);
      }
      const canvas = container.querySelector<HTMLCanvasElement>('canvas.overlay')!;
      const data = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data;
      await unmount();
      return data;
    };
    const all = walk(1, 40).map(([x, y]): [number, number] => [x * 8, y]);
    const once = await pixels([all]);
    const slowly = await pixels(Array.from({ length: 8 }, (_, i) => all.slice(5 * i, 5 * i + 5)));
    let inked = 0;
    let differ = 0;
    for (let i = 3; i < once.length; i += 4) {
      if (once[i] > 100) inked++;
      if (once[i] > 100 !== slowly[i] > 100) differ++;
    }
    expect(inked).toBeGreaterThan(200);
    // Joints of segments are drawn twice, so a few edge pixels may differ.
    expect(differ / inked).toBeLessThan(0.05);
  });
});
