// The numbers behind live curves: growing arrays that are appended to in place, so that hundreds of curves cost nothing
// until they are drawn.

/** One curve that grows: x and y side by side in buffers that double. */
export class GrowingCurve {
  #x = new Float64Array(64);
  #y = new Float64Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds points; x never falls. Points that are not finite are left out. */
  append(points: readonly (readonly [x: number, y: number])[]): void {
    for (const [x, y] of points) {
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      if (this.#length === this.#x.length) this.#grow();
      this.#x[this.#length] = x;
      this.#y[this.#length] = y;
      this.#length++;
    }
  }

  x(index: number): number {
    return this.#x[index];
  }

  y(index: number): number {
    return this.#y[index];
  }

  /** Index of the point whose x is nearest. */
  nearest(x: number): number {
    let low = 0;
    let high = this.#length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#x[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low > 0 && Math.abs(this.#x[low - 1] - x) < Math.abs(this.#x[low] - x) ? low - 1 : low;
  }

  #grow(): void {
    const [x, y] = [new Float64Array(this.#x.length * 2), new Float64Array(this.#y.length * 2)];
    x.set(this.#x);
    y.set(this.#y);
    [this.#x, this.#y] = [x, y];
  }
}

/** How a curve looks. */
export interface CurveStyle {
  readonly colour: string;
  /** Pixels; 1 by default. */
  readonly width?: number;
  readonly dashed?: boolean;
  /** Shown when the pointer is near. */
  readonly label: string;
}

/** A set of curves on one pair of axes. Components draw it; whoever has the data appends to it. */
export class CurveSet {
  readonly curves = new Map<string, { readonly points: GrowingCurve; style: CurveStyle; drawn: number }>();
  /** Extent of all points, both axes. */
  extent = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity };
  #listeners = new Set<(grew: boolean) => void>();
  /** Segments drawn since the start, for tests of what an append costs. */
  segments = 0;

  /** Makes a curve, or changes how it looks. */
  add(id: string, style: CurveStyle): void {
    const curve = this.curves.get(id);
    if (curve) curve.style = style;
    else this.curves.set(id, { points: new GrowingCurve(), style, drawn: 0 });
  }

  /** Adds points to a curve that was made before. */
  append(id: string, points: readonly (readonly [x: number, y: number])[]): void {
    const curve = this.curves.get(id);
    if (!curve || points.length === 0) return;
    curve.points.append(points);
    let grew = false;
    const { extent } = this;
    for (const [x, y] of points) {
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      if (x < extent.x0 || x > extent.x1 || y < extent.y0 || y > extent.y1) grew = true;
      extent.x0 = Math.min(extent.x0, x);
      extent.x1 = Math.max(extent.x1, x);
      extent.y0 = Math.min(extent.y0, y);
      extent.y1 = Math.max(extent.y1, y);
    }
    for (const listener of this.#listeners) listener(grew);
  }

  /** Forgets one curve (a run that starts again), or all. */
  remove(id: string): void {
    this.curves.delete(id);
    this.#measure();
    for (const listener of this.#listeners) listener(true);
  }

  clear(): void {
    this.curves.clear();
    this.#measure();
    for (const listener of this.#listeners) listener(true);
  }

  /** Calls back after every change; `grew` when the extent did, so that axes must follow. Returns how to stop. */
  watch(listener: (grew: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #measure(): void {
    const extent = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity };
    for (const { points } of this.curves.values())
      for (let i = 0; i < points.length; i++) {
        extent.x0 = Math.min(extent.x0, points.x(i));
        extent.x1 = Math.max(extent.x1, points.x(i));
        extent.y0 = Math.min(extent.y0, points.y(i));
        extent.y1 = Math.max(extent.y1, points.y(i));
      }
    this.extent = extent;
  }
}
