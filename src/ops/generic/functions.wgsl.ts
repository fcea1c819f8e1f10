// Functions of numbers in WGSL, to single precision where the language promises less, and with a say on what is not a
// number where it promises nothing.
import { GELU_FUNCTIONS } from '../gelu/gelu.wgsl.ts';

/** Function `isNotNumber`: by its bits, since compilers may take comparisons of x with itself for true. */
export const NOT_NUMBER = `fn isNotNumber(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isFiniteNumber(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }`;

/** sin on [−π/4, π/4] and cos, by the minimax polynomials of Cephes (sinf.c), after taking off multiples of π/2 in three parts. */
const CIRCULAR = `fn circular(x: f32, quarter: i32) -> f32 {
  let turns = round(x * 0.6366197723675814);
  var r = fma(turns, -1.5703125, x);
  r = fma(turns, -4.837512969970703125e-4, r);
  r = fma(turns, -7.549789948768648e-8, r);
  let s = r * r;
  let sine = r + r * s * (-1.6666654611e-1 + s * (8.3321608736e-3 - s * 1.9515295891e-4));
  let cosine = 1.0 - 0.5 * s + s * s * (4.166664568298827e-2 + s * (-1.388731625493765e-3 + s * 2.443315711809948e-5));
  let which = (i32(turns) + quarter) & 3;
  let v = select(sine, cosine, (which & 1) == 1);
  return select(v, -v, which >= 2);
}`;

/** eˣ − 1 by its series where the difference would lose digits. */
const EXPONENTIAL_MINUS_ONE = `fn exponentialMinusOne(x: f32) -> f32 {
  let series = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0)))))));
  return select(exp(x) - 1.0, series, abs(x) < 0.5);
}`;

/** ln(1 + x) = 2·artanh(x/(2 + x)) by its series where the sum would lose digits. */
const LOGARITHM_ONE_PLUS = `fn logarithmOnePlus(x: f32) -> f32 {
  let s = x / (2.0 + x); let q = s * s;
  let series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0))))));
  return select(log(1.0 + x), series, abs(x) < 0.5);
}`;

/** erf: Abramowitz & Stegun 7.1.26 (error below 1.5e-7), near 0 the series, which keeps the relative error as small. */
const ERROR_FUNCTION = `fn errorFunction(x: f32) -> f32 {
  let a = min(abs(x), 6.0); let q = x * x;
  let series = 1.1283791670955126 * x * (1.0 - q * (1.0 / 3.0 - q * (1.0 / 10.0 - q * (1.0 / 42.0 - q * (1.0 / 216.0 - q / 1320.0)))));
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return select(sign(x) * (1.0 - p * exp(-a * a)), series, a < 0.5);
}`;

/** tanh by its continued fraction near 0, by an exponential that cannot overflow elsewhere. */
const TANGENT_HYPERBOLIC = `fn tangentHyperbolic(x: f32) -> f32 {
  let q = x * x;
  let near = x / (1.0 + q / (3.0 + q / (5.0 + q / (7.0 + q / 9.0))));
  let far = sign(x) * (1.0 - 2.0 / (exp(2.0 * min(abs(x), 30.0)) + 1.0));
  return select(far, near, abs(x) < 0.5);
}`;

/** The quotient rounded down, right also where division is only nearly exact. */
const FLOOR_DIVIDE = `fn floorDivide(a: f32, b: f32) -> f32 {
  var q = floor(a / b);
  let r = fma(-q, b, a);
  if (r != 0.0 && (r < 0.0) != (b < 0.0)) { q -= 1.0; }
  else if (abs(r) >= abs(b)) { q += 1.0; }
  return q;
}`;

/** aᵇ for every sign of a; small whole powers by multiplication. */
const POWER = `fn powerOf(a: f32, b: f32) -> f32 {
  let whole = floor(b) == b;
  if (whole && abs(b) <= 16.0) {
    var p = 1.0;
    for (var n = 0.0; n < abs(b); n += 1.0) { p *= a; }
    return select(p, 1.0 / p, b < 0.0);
  }
  let p = pow(abs(a), b);
  if (a >= 0.0) { return p; }
  if (!whole) { var nothing = 0x7fc00000u; return bitcast<f32>(nothing); }
  return select(p, -p, abs(b % 2.0) == 1.0);
}`;

interface Definition {
  readonly functions?: string;
  /** Of `x`, or of `a` and `b`. */
  readonly value: string;
}

const truth = (condition: string): Definition => ({ value: `select(0.0, 1.0, ${condition})` });
const unlessNotNumber = (value: string, functions = ''): Definition => ({
  functions: `${NOT_NUMBER}\n${functions}`,
  value: `select(${value}, x, isNotNumber(x))`,
});
const extreme = (of: 'max' | 'min'): Definition => ({
  functions: NOT_NUMBER,
  value: `select(${of}(a, b), a + b, isNotNumber(a) || isNotNumber(b))`,
});

/** Operations of one number `x`; names and meanings are those of src/plan/launches.ts. */
export const unaryDefinitions: Readonly<Record<string, Definition>> = {
  copy: { value: 'x' },
  negate: { value: '-x' },
  absolute: { value: 'abs(x)' },
  sign: unlessNotNumber('sign(x)'),
  floor: { value: 'floor(x)' },
  ceil: { value: 'ceil(x)' },
  round: { value: 'round(x)' },
  square: { value: 'x * x' },
  squareRoot: { value: 'sqrt(x)' },
  reciprocalSquareRoot: { value: '1.0 / sqrt(x)' },
  reciprocal: { value: '1.0 / x' },
  exponential: { value: 'exp(x)' },
  exponentialMinusOne: { functions: EXPONENTIAL_MINUS_ONE, value: 'exponentialMinusOne(x)' },
  logarithm: { value: 'log(x)' },
  logarithmOnePlus: { functions: LOGARITHM_ONE_PLUS, value: 'logarithmOnePlus(x)' },
  sine: { functions: CIRCULAR, value: 'circular(x, 0)' },
  cosine: { functions: CIRCULAR, value: 'circular(x, 1)' },
  tangentHyperbolic: unlessNotNumber('tangentHyperbolic(x)', TANGENT_HYPERBOLIC),
  sigmoid: unlessNotNumber('1.0 / (1.0 + exp(-clamp(x, -80.0, 80.0)))'),
  softplus: unlessNotNumber('max(x, 0.0) + logarithmOnePlus(exp(-min(abs(x), 80.0)))', LOGARITHM_ONE_PLUS),
  errorFunction: unlessNotNumber('errorFunction(x)', ERROR_FUNCTION),
  relu: unlessNotNumber('max(x, 0.0)'),
  elu: unlessNotNumber('select(exponentialMinusOne(x), x, x >= 0.0)', EXPONENTIAL_MINUS_ONE),
  step: unlessNotNumber('select(0.0, 1.0, x > 0.0)'),
  not: truth('x == 0.0'),
};

/** Operations of two numbers `a` and `b`. */
export const binaryDefinitions: Readonly<Record<string, Definition>> = {
  add: { value: 'a + b' },
  subtract: { value: 'a - b' },
  multiply: { value: 'a * b' },
  divide: { value: 'a / b' },
  floorDivide: { functions: FLOOR_DIVIDE, value: 'floorDivide(a, b)' },
  modulo: { functions: FLOOR_DIVIDE, value: 'fma(-floorDivide(a, b), b, a)' },
  power: { functions: POWER, value: 'powerOf(a, b)' },
  maximum: extreme('max'),
  minimum: extreme('min'),
  squaredDifference: { value: '(a - b) * (a - b)' },
  equal: truth('a == b'),
  notEqual: truth('a != b'),
  less: truth('a < b'),
  lessEqual: truth('a <= b'),
  greater: truth('a > b'),
  greaterEqual: truth('a >= b'),
  and: truth('a != 0.0 && b != 0.0'),
  or: truth('a != 0.0 || b != 0.0'),
  geluGradient: { functions: GELU_FUNCTIONS, value: 'geluSlope(a) * b' },
};
