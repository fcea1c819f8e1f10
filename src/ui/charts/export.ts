// Charts as files: an SVG that needs nothing from the page it came from, and a PNG of it.

/** What of a computed style an exported element keeps. */
const KEPT = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-dasharray',
  'stroke-linecap',
  'stroke-linejoin',
  'opacity',
  'font-family',
  'font-size',
  'font-weight',
  'font-style',
  'text-anchor',
  'dominant-baseline',
  'visibility',
] as const;

function copyStyle(from: Element, to: Element): void {
  const style = getComputedStyle(from);
  const kept = KEPT.flatMap((name) => {
    const value = style.getPropertyValue(name);
    return value === '' ? [] : [`${name}:${value}`];
  });
  to.setAttribute('style', kept.join(';'));
  to.removeAttribute('class');
  for (let i = 0; i < from.children.length; i++) copyStyle(from.children[i], to.children[i]);
}

/** The colour behind an element: the first opaque background among its ancestors, else white. */
export function backgroundOf(element: Element): string {
  for (let node: Element | null = element; node; node = node.parentElement) {
    const { backgroundColor } = getComputedStyle(node);
    if (backgroundColor !== '' && backgroundColor !== 'transparent' && !backgroundColor.endsWith(', 0)')) return backgroundColor;
  }
  return '#fff';
}

/** The element as a file of its own: styles inlined, size fixed, background drawn, interactive parts (`data-live`) left out. */
export function selfContainedSvg(element: SVGSVGElement, title: string): string {
  const copy = element.cloneNode(true) as SVGSVGElement;
  copyStyle(element, copy);
  const { width, height } = element.getBoundingClientRect();
  const box = element.viewBox.baseVal;
  const [x, y, w, h] = box && box.width > 0 ? [box.x, box.y, box.width, box.height] : [0, 0, width, height];
  for (const live of copy.querySelectorAll('[data-live]')) live.remove();
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('viewBox', `${x} ${y} ${w} ${h}`);
  copy.setAttribute('width', String(w));
  copy.setAttribute('height', String(h));
  const document = element.ownerDocument;
  const background = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [name, value] of Object.entries({ x, y, width: w, height: h, fill: backgroundOf(element) }))
    background.setAttribute(name, String(value));
  const heading = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  heading.textContent = title;
  copy.prepend(heading, background);
  return new XMLSerializer().serializeToString(copy);
}

/** An SVG file as PNG, `scale` pixels for each of its units. */
export async function svgToPng(svg: string, width: number, height: number, scale = 2): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser offers no canvas to draw the picture on.');
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvasToPng(canvas);
}

/** A canvas as PNG. */
export function canvasToPng(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be made.'))), 'image/png');
  });
}
