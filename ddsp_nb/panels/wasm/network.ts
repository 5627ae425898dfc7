// Arithmetic of the control network (AssemblyScript), four numbers at a time: plain JavaScript takes six times as long,
// too long for 8 voices. All addresses are in bytes; rows of matrices lie one after another. `cols` and `size` are
// multiples of 4, everything else may be any number. After a change, compile it anew, in this folder:
//   npx --yes --package assemblyscript@0.28.20 asc network.ts -O3 --runtime stub --noAssert --enable simd -o network.wasm
// Not relaxed SIMD: where a browser does not know it, the whole module fails, and it is only 5 % faster.

const LANE_BYTES = 16;
// Each weight is read once for so many voices or queries, and so many rows of a matrix for all of them.
const INPUTS_AT_ONCE = 4;
const ROWS_AT_ONCE = 4;
// Of PyTorch's LayerNorm.
const EPSILON: f32 = 1e-5;
// Beyond it exp leaves float32.
const MOST: f32 = 87;
const LOG2_E: f32 = 1.4426950408889634;
// ln 2 in two parts: the first has few digits, so that a whole multiple of it is exact.
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440054690583e-4;
// Of float32.
const EXPONENT_BIAS = 127;
const MANTISSA_BITS = 23;

// y = W x + b for each of n inputs x [n, cols], to y [n, rows]. A few rows for all inputs, then the next ones: large
// matrices come from far, and are read once.
export function affine(w: usize, b: usize, x: usize, y: usize, rows: i32, cols: i32, n: i32): void {
  const line: usize = <usize>cols << 2, out: usize = <usize>rows << 2;
  let r = 0;
  for (; r + ROWS_AT_ONCE <= rows; r += ROWS_AT_ONCE) {
    let from = x, to = y, i = 0;
    for (; i + INPUTS_AT_ONCE <= n; i += INPUTS_AT_ONCE) {
      twoRows(w, b, from, to, line, out);
      twoRows(w + 2 * line, b + 8, from, to + 8, line, out);
      from += line * INPUTS_AT_ONCE;
      to += out * INPUTS_AT_ONCE;
    }
    for (; i < n; i++) {
      fourRows(w, b, from, to, line);
      from += line;
      to += out;
    }
    w += line * ROWS_AT_ONCE;
    b += LANE_BYTES;
    y += LANE_BYTES;
  }
  for (; r < rows; r++) {
    for (let i = 0; i < n; i++) oneRow(w, b, x + <usize>i * line, y + <usize>i * out, line);
    w += line;
    b += 4;
    y += 4;
  }
}

function oneRow(w: usize, b: usize, x: usize, y: usize, line: usize): void {
  let a = f32x4.splat(0);
  for (let c: usize = 0; c < line; c += LANE_BYTES) a = f32x4.add(a, f32x4.mul(v128.load(w + c), v128.load(x + c)));
  f32.store(y, sum(a) + f32.load(b));
}

// Four rows and one input.
function fourRows(w: usize, b: usize, x: usize, y: usize, line: usize): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  const w1 = w + line, w2 = w1 + line, w3 = w2 + line;
  for (let c: usize = 0; c < line; c += LANE_BYTES) {
    const v = v128.load(x + c);
    a0 = f32x4.add(a0, f32x4.mul(v128.load(w + c), v));
    a1 = f32x4.add(a1, f32x4.mul(v128.load(w1 + c), v));
    a2 = f32x4.add(a2, f32x4.mul(v128.load(w2 + c), v));
    a3 = f32x4.add(a3, f32x4.mul(v128.load(w3 + c), v));
  }
  f32.store(y, sum(a0) + f32.load(b));
  f32.store(y + 4, sum(a1) + f32.load(b + 4));
  f32.store(y + 8, sum(a2) + f32.load(b + 8));
  f32.store(y + 12, sum(a3) + f32.load(b + 12));
}

// Two rows and four inputs, whose results are `out` bytes apart: 8 voices take a fifth less than by fewer at once.
function twoRows(w: usize, b: usize, x: usize, y: usize, line: usize, out: usize): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  const next = w + line, x1 = x + line, x2 = x1 + line, x3 = x2 + line;
  for (let c: usize = 0; c < line; c += LANE_BYTES) {
    const v = v128.load(w + c), u = v128.load(next + c);
    const v0 = v128.load(x + c), v1 = v128.load(x1 + c), v2 = v128.load(x2 + c), v3 = v128.load(x3 + c);
    a0 = f32x4.add(a0, f32x4.mul(v, v0));
    a1 = f32x4.add(a1, f32x4.mul(v, v1));
    a2 = f32x4.add(a2, f32x4.mul(v, v2));
    a3 = f32x4.add(a3, f32x4.mul(v, v3));
    b0 = f32x4.add(b0, f32x4.mul(u, v0));
    b1 = f32x4.add(b1, f32x4.mul(u, v1));
    b2 = f32x4.add(b2, f32x4.mul(u, v2));
    b3 = f32x4.add(b3, f32x4.mul(u, v3));
  }
  const c0 = f32.load(b), c1 = f32.load(b + 4), y1 = y + out, y2 = y1 + out, y3 = y2 + out;
  f32.store(y, sum(a0) + c0);
  f32.store(y1, sum(a1) + c0);
  f32.store(y2, sum(a2) + c0);
  f32.store(y3, sum(a3) + c0);
  f32.store(y + 4, sum(b0) + c1);
  f32.store(y1 + 4, sum(b1) + c1);
  f32.store(y2 + 4, sum(b2) + c1);
  f32.store(y3 + 4, sum(b3) + c1);
}

@inline function sum(a: v128): f32 {
  return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3));
}

// e^x = 2^k e^r with |r| at most ln 2 / 2, where eight terms of the series are exact to float32.
@inline function exp(x: v128): v128 {
  x = f32x4.min(f32x4.max(x, f32x4.splat(-MOST)), f32x4.splat(MOST));
  const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(LOG2_E)));
  let r = f32x4.sub(x, f32x4.mul(k, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(LN2_LOW)));
  let p = f32x4.splat(1.0 / 5040);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 720));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 120));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 24));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 6));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  const power = i32x4.shl(
    i32x4.add(i32x4.trunc_sat_f32x4_s(k), i32x4.splat(EXPONENT_BIAS)), MANTISSA_BITS
  );
  return f32x4.mul(p, power);
}

@inline function sigmoid(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp(f32x4.neg(x))));
}

// x sigmoid(x), in place.
export function silu(x: usize, size: i32): void {
  for (let end = x + (<usize>size << 2); x < end; x += LANE_BYTES) {
    const v = v128.load(x);
    v128.store(x, f32x4.mul(v, sigmoid(v)));
  }
}

// max(x, 0), in place.
export function relu(x: usize, size: i32): void {
  for (let end = x + (<usize>size << 2); x < end; x += LANE_BYTES)
    v128.store(x, f32x4.max(v128.load(x), f32x4.splat(0)));
}

// LayerNorm of each of n rows, in place.
export function normalise(x: usize, gain: usize, bias: usize, size: i32, n: i32): void {
  const line: usize = <usize>size << 2;
  for (let i = 0; i < n; i++, x += line) {
    let total = f32x4.splat(0), squares = f32x4.splat(0);
    for (let c: usize = 0; c < line; c += LANE_BYTES) total = f32x4.add(total, v128.load(x + c));
    const mean = f32x4.splat(sum(total) / <f32>size);
    for (let c: usize = 0; c < line; c += LANE_BYTES) {
      const d = f32x4.sub(v128.load(x + c), mean);
      squares = f32x4.add(squares, f32x4.mul(d, d));
    }
    const scale = f32x4.splat(<f32>1 / sqrt<f32>(sum(squares) / <f32>size + EPSILON));
    for (let c: usize = 0; c < line; c += LANE_BYTES) {
      const d = f32x4.mul(f32x4.sub(v128.load(x + c), mean), scale);
      v128.store(x + c, f32x4.add(f32x4.mul(d, v128.load(gain + c)), v128.load(bias + c)));
    }
  }
}

// PyTorch's GRU: from what input and state [3 size: r, z, n] each bring, the next state [size], in place.
//   h = (1 - z) tanh(n_input + r n_state) + z h
export function gates(input: usize, state: usize, h: usize, size: i32): void {
  const line: usize = <usize>size << 2;
  for (let c: usize = 0; c < line; c += LANE_BYTES) {
    const r = sigmoid(f32x4.add(v128.load(input + c), v128.load(state + c)));
    const z = sigmoid(f32x4.add(v128.load(input + line + c), v128.load(state + line + c)));
    const x = f32x4.add(v128.load(input + 2 * line + c), f32x4.mul(r, v128.load(state + 2 * line + c)));
    const twice = sigmoid(f32x4.add(x, x));
    // tanh x = 2 sigmoid(2 x) - 1
    const n = f32x4.sub(f32x4.add(twice, twice), f32x4.splat(1));
    const before = v128.load(h + c);
    v128.store(h + c, f32x4.add(n, f32x4.mul(z, f32x4.sub(before, n))));
  }
}
