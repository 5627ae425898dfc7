import { A4_HZ, within } from "./math.js";

// The control network of the workbook for notes that are played: pitch and loudness to the levels of partials and
// bands, as `OwnTimbre.levelled` in Python. Products and activations of layers run in WebAssembly; what is done once
// for each partial or band is done here.

// Voices that share one reading of the weights.
export const MOST_AT_ONCE = 8;
// Inputs of the GRU, filled up with zeros to whole lanes of WebAssembly.
const N_INPUTS = 4;
const MEMORY_PAGE_BYTES = 65_536;
// As in PyTorch.
const SOFTPLUS_IS_LINEAR_FROM = 20;

export class Network {
  // wasm: exports of network.wasm; instrument: { settings, layout, weights }, as Python packs it.
  constructor(wasm, { settings, layout, weights }) {
    Object.assign(this, { wasm, settings });
    const { n_harmonics, n_bands, hidden_size, n_layers, layers } = settings;
    const [n_levels, n_queries] = [n_harmonics + n_bands, Math.max(n_harmonics, n_bands)];
    const widest = Math.max(...Object.values(layers).flatMap((all) => all.map(([, n_outputs]) => n_outputs)));
    const scratch = {
      queries: n_queries * Math.max(...["partials", "bands"].map((kind) => layers[kind][0][2])),
      odd: Math.max(n_queries, MOST_AT_ONCE) * widest,
      even: Math.max(n_queries, MOST_AT_ONCE) * widest,
      expected: MOST_AT_ONCE * n_levels,
      inputs: MOST_AT_ONCE * N_INPUTS,
      from_input: MOST_AT_ONCE * 3 * hidden_size,
      from_state: MOST_AT_ONCE * 3 * hidden_size,
      state: n_layers * MOST_AT_ONCE * hidden_size,
      corrections: MOST_AT_ONCE * n_levels,
    };
    this.at = this.reserve([...layout, ...Object.entries(scratch)]);
    this.numbers.set(weights, this.at[layout[0][0]]);
    this.table = Object.fromEntries(
      layout.map(([name, n]) => [name, this.numbers.subarray(this.at[name], this.at[name] + n)]),
    );
    const { coded } = settings;
    this.coded = ["partials", "bands"].flatMap((kind) => coded.map((layer) => `${kind}.${layer}`));
    // Without a code.
    this.biases = this.coded.map((layer) => this.table[`${layer}.bias`].slice());
    this.playAs(this.table.timbre);
    this.amplitudes = new Float32Array(MOST_AT_ONCE * n_harmonics);
    this.gains = new Float32Array(MOST_AT_ONCE * n_bands);
  }

  // Places, in numbers, of arrays that lie one after another; each begins on a lane, as Python packs them.
  reserve(arrays) {
    const { memory } = this.wasm;
    // Behind what the module keeps for itself.
    let end = memory.buffer.byteLength / 4;
    const places = {};
    for (const [name, n] of arrays) {
      places[name] = end;
      end += Math.ceil(n / 4) * 4;
    }
    memory.grow(Math.ceil((4 * end - memory.buffer.byteLength) / MEMORY_PAGE_BYTES));
    // Growing takes earlier views away.
    this.numbers = new Float32Array(memory.buffer);
    return places;
  }

  rest() {
    return new Float32Array(this.settings.n_layers * this.settings.hidden_size);
  }

  // Another timbre from the next frame on: numbers of its code, then by how much it moves each band.
  playAs(timbre) {
    const { code_size } = this.settings;
    this.noise_bias = timbre.slice(code_size);
    this.coded.forEach((layer, i) => {
      const [bias, codes] = [this.table[`${layer}.bias`], this.table[`${layer}.codes`]];
      bias.set(this.biases[i]);
      for (let to = 0, at = 0; to < bias.length; to++)
        for (let j = 0; j < code_size; j++, at++) bias[to] += codes[at] * timbre[j];
    });
  }

  // The next frame of some voices, at most MOST_AT_ONCE: [{ f0_hz, loudness_db, age_s, state }], whose states move on.
  // Levels are then in `amplitudes` [n_voices, n_harmonics] and `gains` [n_voices, n_bands].
  step(played) {
    // The network is asked for what it heard, which of very quiet recordings is softer than what is played.
    const voices = played.map((voice) => ({ ...voice, loudness_db: voice.loudness_db - this.settings.lift_db }));
    voices.forEach((voice, i) => this.expect(voice, i));
    this.remember(voices);
    const [heard, corrections] = [this.stateOf(this.settings.n_layers - 1, 0), this.at.corrections];
    this.run("amplitude", heard, corrections, voices.length);
    this.run("noise", heard, corrections + voices.length * this.settings.n_harmonics, voices.length);
    voices.forEach((voice, i) => this.combine(voice, i, voices.length));
    voices.forEach((voice, i) => this.level(voice, i));
  }

  // What the instrument expects, log levels beside the loudness.
  expect({ f0_hz, loudness_db, age_s }, i) {
    const { n_harmonics, n_bands, usual_db, lift_db, loudness_step_db } = this.settings;
    const to = this.at.expected + i * (n_harmonics + n_bands);
    const loudness = (loudness_db - usual_db + lift_db) / loudness_step_db;
    const played = { f0_hz, common: [Math.log2(f0_hz / A4_HZ), loudness, this.ageOf(age_s)] };
    this.ask("partials", n_harmonics, to, (k) => partialQuery(this, played, k + 1));
    for (let k = 0; k < n_harmonics; k++)
      if (!isSafe(this.settings, f0_hz * (k + 1))) this.numbers[to + k] = this.settings.min_log_amplitude;
    this.ask("bands", n_bands, to + n_harmonics, (band) => bandQuery(this, played, band));
    for (let band = 0; band < n_bands; band++) this.numbers[to + n_harmonics + band] += this.noise_bias[band];
  }

  // Time since the onset as the network reads it.
  ageOf(age_s) {
    const { shortest_s, longest_s } = this.settings;
    return Math.log2(1 + Math.min(age_s, longest_s) / shortest_s);
  }

  // One query for each partial or band through the small network that all of them share.
  ask(kind, n, to, query) {
    const { queries } = this.at;
    const [, , size] = this.settings.layers[kind][0];
    const [mean, std] = [this.table[`${kind}.mean`], this.table[`${kind}.std`]];
    for (let i = 0; i < n; i++) this.write(queries + size * i, query(i), mean, std, this.settings.corrector_clamp);
    this.run(kind, queries, to, n);
  }

  // Inputs of a network, normalised; zeros after them fill a lane.
  write(to, inputs, mean, std, clamp) {
    for (let j = 0; j < inputs.length; j++) this.numbers[to + j] = clamped((inputs[j] - mean[j]) / std[j], clamp);
  }

  // n inputs through layers in their order, which are called as PyTorch's classes are; results are [n, n_outputs].
  run(name, inputs, to, n) {
    const layers = this.settings.layers[name];
    const { odd, even } = this.at;
    let x = inputs;
    layers.forEach(([kind, n_outputs, n_inputs], i) => {
      const [weight, bias] = [`${name}.${i}.weight`, `${name}.${i}.bias`];
      if (kind === "Linear") {
        const y = i === layers.length - 1 ? to : x === odd ? even : odd;
        this.affine(weight, bias, x, y, n_outputs, n_inputs, n);
        x = y;
      } else if (kind === "LayerNorm") this.wasm.normalise(4 * x, 4 * this.at[weight], 4 * this.at[bias], n_outputs, n);
      // SiLU and ReLU.
      else this.wasm[kind.toLowerCase()](4 * x, n * n_outputs);
    });
  }

  // The GRU: states [n_layers, n_voices, hidden_size] move on by a frame.
  remember(voices) {
    const { hidden_size: size, n_layers, input_clamp } = this.settings;
    const { numbers, at, table } = this;
    voices.forEach(({ f0_hz, loudness_db, age_s, state }, i) => {
      const heard = [Math.log2(f0_hz / A4_HZ), loudness_db, this.ageOf(age_s)];
      this.write(at.inputs + N_INPUTS * i, heard, table.input_mean, table.input_std, input_clamp);
      for (let l = 0; l < n_layers; l++) numbers.set(state.subarray(l * size, (l + 1) * size), this.stateOf(l, i));
    });
    for (let l = 0; l < n_layers; l++) this.layer(l, voices.length);
    voices.forEach(({ state }, i) => {
      for (let l = 0; l < n_layers; l++) {
        const from = this.stateOf(l, i);
        state.set(numbers.subarray(from, from + size), l * size);
      }
    });
  }

  layer(l, n) {
    const { hidden_size: size } = this.settings;
    const { from_input, from_state, inputs } = this.at;
    const from = l ? this.stateOf(l - 1, 0) : inputs;
    this.affine(`gru.weight_ih_l${l}`, `gru.bias_ih_l${l}`, from, from_input, 3 * size, l ? size : N_INPUTS, n);
    this.affine(`gru.weight_hh_l${l}`, `gru.bias_hh_l${l}`, this.stateOf(l, 0), from_state, 3 * size, size, n);
    for (let i = 0; i < n; i++) {
      const row = 3 * size * i;
      this.wasm.gates(4 * (from_input + row), 4 * (from_state + row), 4 * this.stateOf(l, i), size);
    }
  }

  stateOf(layer, voice) {
    return this.at.state + (layer * MOST_AT_ONCE + voice) * this.settings.hidden_size;
  }

  // Expectation and correction to levels: softplus for partials, sigmoid for bands.
  combine({ loudness_db }, i, n_voices) {
    const { n_harmonics, n_bands, nepers_per_db, max_noise_gain, min_level, max_level } = this.settings;
    const { numbers, at } = this;
    const expected = at.expected + i * (n_harmonics + n_bands);
    const level = (j) => within(Math.exp(nepers_per_db * loudness_db + numbers[expected + j]), min_level, max_level);
    const corrected = at.corrections + i * n_harmonics;
    for (let k = 0; k < n_harmonics; k++)
      this.amplitudes[i * n_harmonics + k] = softplus(inverseSoftplus(level(k)) + numbers[corrected + k]);
    const corrected_band = at.corrections + n_voices * n_harmonics + i * n_bands;
    for (let b = 0; b < n_bands; b++) {
      const share = Math.min(level(n_harmonics + b), max_noise_gain);
      const x = Math.log(share / (1 - share)) + numbers[corrected_band + b];
      this.gains[i * n_bands + b] = 1 / (1 + Math.exp(-x));
    }
  }

  // Turn both up or down so that together they have the loudness that is asked for.
  level({ f0_hz, loudness_db }, i) {
    const { n_harmonics, n_bands, nyquist_hz, nepers_per_db } = this.settings;
    const { lift_db, min_db, max_loudness_step_db, max_noise_gain } = this.settings;
    const amplitudes = this.amplitudes.subarray(i * n_harmonics, (i + 1) * n_harmonics);
    const gains = this.gains.subarray(i * n_bands, (i + 1) * n_bands);
    let power = quadraticForm(this.table.noise_power, gains);
    for (let k = 1; k <= n_harmonics && f0_hz * k < nyquist_hz; k++) power += amplitudes[k - 1] ** 2 / 2;
    const wrong_db = loudness_db - 10 * Math.log10(Math.max(power, 10 ** (min_db / 10)));
    const gain = Math.exp(nepers_per_db * (Math.min(wrong_db, max_loudness_step_db) + lift_db));
    for (let k = 0; k < n_harmonics; k++) amplitudes[k] *= gain;
    for (let b = 0; b < n_bands; b++) gains[b] = Math.min(gains[b] * gain, max_noise_gain);
  }

  affine(weight, bias, from, to, rows, columns, n) {
    const { at, wasm } = this;
    wasm.affine(4 * at[weight], 4 * at[bias], 4 * from, 4 * to, rows, columns, n);
  }
}

const clamped = (x, most) => within(x, -most, most);
const inverseSoftplus = (y) => y + Math.log(-Math.expm1(-y));
const softplus = (x) => (x > SOFTPLUS_IS_LINEAR_FROM ? x : Math.log1p(Math.exp(x)));

// x M x of a square matrix, row by row.
function quadraticForm(matrix, x) {
  let total = 0;
  for (let i = 0, at = 0; i < x.length; i++) {
    let row = 0;
    for (let j = 0; j < x.length; j++, at++) row += matrix[at] * x[j];
    total += row * x[i];
  }
  return total;
}

// What is known about partial k, as `Queries.at_partials` in Python.
function partialQuery({ settings, table }, { f0_hz, common }, k) {
  const hz = Math.min(Math.fround(f0_hz * k), settings.nyquist_hz);
  const shared = Math.max(logWidth(table, hz) - Math.log(f0_hz), 0);
  const safe = Number(isSafe(settings, hz));
  return [Math.log2(k), 1 / k, Math.log2(hz / 1000), k % 2, shared, safe, ...common];
}

// Recordings have partials up to there, and of higher ones the network has learned nothing.
const isSafe = ({ nyquist_hz, safe_nyquist }, hz) => Math.fround(hz) < safe_nyquist * nyquist_hz;

// What is known about a noise band, as `Queries.at_bands` in Python.
function bandQuery({ settings, table }, { f0_hz, common }, band) {
  const hz = table.bands_hz[band];
  const order = hz / f0_hz;
  const from_partial = Math.min(Math.abs(order - Math.max(Math.round(order), 1)), 1);
  const above = Number(order > settings.n_harmonics + 0.5);
  const width = logWidth(table, hz) - Math.log(f0_hz);
  return [Math.log2(hz / 1000), within(Math.log2(order), -3, 7), from_partial, above, width, ...common];
}

// Natural logarithm of the width of a mel band at a frequency.
function logWidth({ centres_hz, log_widths }, hz) {
  let [low, high] = [0, centres_hz.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (centres_hz[middle] < hz) low = middle;
    else high = middle;
  }
  const share = within((hz - centres_hz[low]) / (centres_hz[high] - centres_hz[low]), 0, 1);
  return log_widths[low] + share * (log_widths[high] - log_widths[low]);
}
