// GELU and its derivative in WGSL, in the form src/ops/gelu/gelu.ts defines: u·σ(z), z = √(8/π)·(u + 0.044715·u³).

/**
 * `gelu4` and `geluSlope4` on vec4f, and `geluSlope` on f32. The logistic's argument is kept within ±60, where it has
 * long been 0 or 1 to single precision: exponentials that overflow are not defined everywhere.
 */
export const GELU_FUNCTIONS = `
fn logistic4(u: vec4f) -> vec4f { return 1.0 / (1.0 + exp(-clamp(1.5957691216057308 * (u + 0.044715 * u * u * u), vec4f(-60.0), vec4f(60.0)))); }
fn gelu4(u: vec4f) -> vec4f { return u * logistic4(u); }
fn geluSlope4(u: vec4f) -> vec4f { let s = logistic4(u); return s + u * s * (1.0 - s) * 1.5957691216057308 * (1.0 + 0.134145 * u * u); }
fn geluSlope(u: f32) -> f32 { return geluSlope4(vec4f(u)).x; }`;
