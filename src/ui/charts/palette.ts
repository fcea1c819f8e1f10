// Colours of data: a perceptually even ramp for losses and ordered values (viridis, by van der Walt & Smith, read at
// nine stops), and a set of eight that stay apart for colour-blind readers (Okabe & Ito, 2008).

const VIRIDIS: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

/** Red, green and blue (0 to 255) at a place from 0 (dark) to 1 (bright) of the ramp. */
function rampParts(place: number): [number, number, number] {
  const scaled = Math.min(1, Math.max(0, Number.isFinite(place) ? place : 0)) * (VIRIDIS.length - 1);
  const below = Math.min(VIRIDIS.length - 2, Math.floor(scaled));
  const share = scaled - below;
  const [from, to] = [VIRIDIS[below], VIRIDIS[below + 1]];
  return [0, 1, 2].map((part) => Math.round(from[part] + share * (to[part] - from[part]))) as [number, number, number];
}

/** A CSS colour at a place from 0 (dark) to 1 (bright) of the ramp. */
export function ramp(place: number): string {
  const [red, green, blue] = rampParts(place);
  return `rgb(${red}, ${green}, ${blue})`;
}

/** Black or white, whichever reads better on the ramp's colour (relative luminance, WCAG 2.2). */
export function inkOn(place: number): '#000' | '#fff' {
  const linear = rampParts(place).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return luminance > 0.179 ? '#000' : '#fff';
}

/** Colours of separate series, in the order to take them. */
export const seriesColours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f', '#b59f00'] as const;
