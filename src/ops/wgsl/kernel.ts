// Puts WGSL kernels together: declarations of the memory, of the launch's numbers and of its operands around a body. The
// text depends on which regions the operands lie in and on how they are aligned, never on a size, so that all shapes
// share their pipelines.

/** Memories that a kernel of the model can see; the order is that of the bindings in group 0. */
export const modelRegions = ['parameters', 'gradients', 'activations', 'constants', 'tokens'] as const;
export type ModelRegion = (typeof modelRegions)[number];

/** Binding of the control words in group 0, behind the regions. */
export const CONTROL_BINDING = modelRegions.length;

/**
 * Control words, u32: the micro-step under way, the one to come, the first of this submission, the submission's
 * number; then for each lane in flight (workgroup z) its number and m, the micro-batches in one of its updates.
 */
export const CONTROL = { present: 0, next: 1, first: 2, ticket: 3, lanes: 4, perLane: 2 } as const;

/** Workgroups along x, at most; more of them go on along y. */
export const MOST_GROUPS = 65_535;

/** Where an operand lies: a region, and the word at which it begins there. */
export interface Place {
  readonly region: string;
  readonly offset: number;
}

/** Operands of a launch, by name. Those that are absent are undefined. */
export type Places = Readonly<Record<string, Place | undefined>>;

/** Numbers of a launch, by name: u32 and, where the name is in `integers` or `floats`, i32 and f32. */
export interface LaunchNumbers {
  readonly sizes: Readonly<Record<string, number>>;
  readonly integers?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
}

/** Words from one lane's copy of a region to the next. */
export interface Strides {
  /** Of `parameters` and of `gradients`. */
  readonly parameters: number;
  readonly activations: number;
}

/** What a kernel is made of. */
export interface KernelParts extends LaunchNumbers {
  readonly reads: Places;
  readonly writes: Places;
  /** Whether the sizes allow whole vec4f along the rows of all operands; their offsets are looked at besides. */
  readonly vectors: boolean;
  /** Invocations in a workgroup. */
  readonly threads: number;
  /** Workgroups, for each lane. */
  readonly groups: number;
  /** Declarations at module scope: functions, workgroup memory. */
  readonly declarations?: string;
  /**
   * What an invocation does. It knows `group` (number of the workgroup), `li` (of the invocation in it), `z` (place of the
   * lane in flight), `launch.name` (numbers), and of each operand `x` the word `xAt` at which it begins, with the functions
   * of {@link accessors} on absolute words.
   */
  readonly body: string;
}

/** A kernel and one launch of it, before the lanes are known. */
export interface Kernel {
  readonly code: string;
  /** Fields of the uniform `launch`, in order. */
  readonly fields: ReadonlyMap<string, { readonly type: 'u32' | 'i32' | 'f32'; readonly value: number }>;
  readonly groups: number;
}

/** Puts a kernel together. */
export function kernel(parts: KernelParts, strides: Strides): Kernel {
  const { reads, writes, threads, groups } = parts;
  const operands = new Map<string, Operand>();
  const aligned = alignedRegions([...Object.values(reads), ...Object.values(writes)], parts.vectors);
  for (const [name, place] of Object.entries({ ...reads, ...writes }))
    if (place) operands.set(name, { ...place, region: modelRegion(place.region), written: name in writes });

  const fields = new Map<string, { type: 'u32' | 'i32' | 'f32'; value: number }>();
  fields.set('groups', { type: 'u32', value: groups });
  fields.set('parameterStride', { type: 'u32', value: strides.parameters });
  fields.set('activationStride', { type: 'u32', value: strides.activations });
  for (const [name, { offset }] of operands) fields.set(`${name}Offset`, { type: 'u32', value: offset });
  for (const [name, value] of Object.entries(parts.sizes)) fields.set(name, { type: 'u32', value });
  for (const [name, value] of Object.entries(parts.integers ?? {})) fields.set(name, { type: 'i32', value });
  for (const [name, value] of Object.entries(parts.floats ?? {})) fields.set(name, { type: 'f32', value });

  const used = new Set([...operands.values()].map(({ region }) => region));
  const accumulates = [...operands.values()].some(({ region, written }) => region === 'gradients' && written);
  const code = `${declareRegions(used, aligned)}
struct Launch { ${[...fields].map(([name, { type }]) => `${name}: ${type}`).join(', ')} }
@group(1) @binding(0) var<uniform> launch: Launch;
${accumulates ? 'var<private> adds: bool;' : ''}
${parts.declarations ?? ''}
${[...operands].map(([name, operand]) => accessors(name, operand, aligned.has(operand.region))).join('\n')}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let group = wg.y * ${MOST_GROUPS}u + wg.x;
  if (group >= launch.groups) { return; }
  let z = wg.z;
  let lane = control[${CONTROL.lanes}u + ${CONTROL.perLane}u * z];
  ${accumulates ? `adds = control[${CONTROL.present}u] % control[${CONTROL.lanes + 1}u + ${CONTROL.perLane}u * z] != 0u;` : ''}
  ${[...operands].map(([name, operand]) => `let ${name}At = launch.${name}Offset${laneOffset(operand.region)};`).join('\n  ')}
  ${parts.body}
}
`;
  return { code, fields, groups };
}

interface Operand {
  readonly region: ModelRegion;
  readonly offset: number;
  readonly written: boolean;
}

/** The numbers of a launch as they lie in the uniform. */
export function uniformOf({ fields }: Kernel): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(Math.ceil(fields.size / 4) * 16));
  let at = 0;
  for (const { type, value } of fields.values()) {
    if (type === 'f32') view.setFloat32(at, value, true);
    else if (type === 'i32') view.setInt32(at, value, true);
    else view.setUint32(at, value, true);
    at += 4;
  }
  return view.buffer;
}

/** Regions in which every operand begins at a multiple of four words, where the sizes allow vectors at all. */
function alignedRegions(places: readonly (Place | undefined)[], vectors: boolean): Set<ModelRegion> {
  if (!vectors) return new Set();
  const regions = new Set<ModelRegion>(['parameters', 'gradients', 'activations', 'constants']);
  for (const place of places) if (place && place.offset % 4 !== 0) regions.delete(modelRegion(place.region));
  return regions;
}

function modelRegion(region: string): ModelRegion {
  const found = modelRegions.find((known) => known === region);
  if (!found) throw new Error(`A launch of the model uses the region ${region}.`);
  return found;
}

function declareRegions(used: ReadonlySet<ModelRegion>, aligned: ReadonlySet<ModelRegion>): string {
  const declared = modelRegions.map((region, binding) => {
    if (!used.has(region)) return '';
    const access = region === 'parameters' ? 'read' : 'read_write';
    const type = region === 'tokens' ? 'i32' : aligned.has(region) ? 'vec4f' : 'f32';
    return `@group(0) @binding(${binding}) var<storage, ${access}> ${region}: array<${type}>;\n`;
  });
  return `${declared.join('')}@group(0) @binding(${CONTROL_BINDING}) var<storage, read> control: array<u32>;`;
}

function laneOffset(region: ModelRegion): string {
  switch (region) {
    case 'parameters':
    case 'gradients':
      return ' + lane * launch.parameterStride';
    case 'activations':
      return ' + z * launch.activationStride';
    case 'constants':
    case 'tokens':
      return '';
    default:
      return region satisfies never;
  }
}

/**
 * Functions on an operand `x`, over absolute words: `x1(i)` one of them; `x4(i)` four from i on, i a multiple of four
 * where the sizes allow vectors; `xTail(i, n)` the first n of four, zeros behind them. For one that is written
 * `setX1(i, v)`, `setX4(i, v)` and `setXTail(i, v, n)`; what lies in `gradients` is added to
 * what is there, unless a new sum begins. What lies in `tokens` is read as i32 and has `x1` alone.
 */
function accessors(name: string, { region, written }: Operand, aligned: boolean): string {
  const Name = name[0].toUpperCase() + name.slice(1);
  const each = (of: (j: number) => string): string => [0, 1, 2, 3].map(of).join(', ');
  if (region === 'tokens')
    return `fn ${name}1(i: u32) -> i32 { return tokens[i]; }${written ? `\nfn set${Name}1(i: u32, v: i32) { tokens[i] = v; }` : ''}`;
  const one = (i: string): string => (aligned ? `${region}[(${i}) >> 2u][(${i}) & 3u]` : `${region}[${i}]`);
  const four = aligned ? `${region}[i >> 2u]` : `vec4f(${each((j) => `${region}[i + ${j}u]`)})`;
  const lines = [
    `fn ${name}1(i: u32) -> f32 { return ${one('i')}; }`,
    `fn ${name}4(i: u32) -> vec4f { return ${four}; }`,
    `fn ${name}Tail(i: u32, n: u32) -> vec4f { return vec4f(${each((j) => `select(0.0, ${one(`i + ${j}u`)}, ${j}u < n)`)}); }`,
  ];
  if (written) {
    const sum = (read: string, type: string): string => (region === 'gradients' ? `select(${type}(0), ${read}, adds) + v` : 'v');
    const set4 = aligned
      ? `${region}[i >> 2u] = ${sum(`${name}4(i)`, 'vec4f')};`
      : [0, 1, 2, 3].map((j) => `set${Name}1(i + ${j}u, v[${j}]);`).join(' ');
    const tail = [0, 1, 2, 3].map((j) => `if (${j}u < n) { set${Name}1(i + ${j}u, v[${j}]); }`).join(' ');
    lines.push(
      `fn set${Name}1(i: u32, v: f32) { ${one('i')} = ${sum(`${name}1(i)`, 'f32')}; }`,
      `fn set${Name}4(i: u32, v: vec4f) { ${set4} }`,
      `fn set${Name}Tail(i: u32, v: vec4f, n: u32) { ${tail} }`,
    );
  }
  return lines.join('\n');
}
