import { BLUE, ORANGE, chart, paintableBars } from "./bars.js";
import { checkbox, columns, playButton, presets, question, row, sayings, showView, slider } from "./controls.js";
import { Harmonics, sineDirections } from "./dsp/harmonics.js";
import { Live } from "./live.js";
import { amplitudeOf, decibels, hzOfMidi, within } from "./math.js";
import { button, hertz, make, noteName, signed } from "./page.js";

const HARMONICS = 64;
// One for each harmonic; the bar after them is for all harmonics above.
const BARS = 16;
const NYQUIST_HZ = 22_050;
const [SHOWN_HZ, SHOWN_DB] = [24_000, 60];
// A bar below it is silent.
const SOFTEST_DB = -40;
// Amplitude of a full bar, and what all harmonics together may reach: where they could reach more, all become softer.
const [FULL_BAR, LOUDEST] = [0.25, 0.9];
const QUESTION = "Which bars make a flute, which a clarinet? Try only the first three, then only the odd ones.";

const HELP = "Paint the bars. Or keys: ← → choose, ↑ ↓ by 1 dB, Delete silences.";

const numbers = Array.from({ length: HARMONICS }, (_, i) => i + 1);

// 64 amplitudes as bars: the last one is as high as the loudest harmonic above 16, `tail` are those as shares of it.
function asBars(amplitudes) {
  const above = amplitudes.slice(BARS);
  const loudest = Math.max(...above);
  const tail = numbers.slice(BARS).map((k, i) => (loudest ? above[i] / loudest : (BARS + 1) / k));
  return { bars: [...amplitudes.slice(0, BARS), loudest], tail, count: HARMONICS };
}

function choices(model) {
  const of = (amplitude) => () => asBars(numbers.map(amplitude));
  const recipe = model.get("recipe");
  return {
    sine: of((k) => Number(k === 1)),
    sawtooth: of((k) => 1 / k),
    hollow: of((k) => (k % 2) / k),
    ...(recipe.length && { [model.get("recipe_name")]: of((k) => recipe[k - 1] ?? 0) }),
  };
}

// What the sliders make of the bars: amplitude of each of the 64 harmonics.
function amplitudes({ bars, tail, count, tilt, balance }) {
  return numbers.map((k) => {
    const bar = k <= BARS ? bars[k - 1] : bars[BARS] * tail[k - 1 - BARS];
    const side = Math.min(1, k % 2 ? 1 - balance / 100 : 1 + balance / 100);
    return k <= count ? bar * side * amplitudeOf(tilt * Math.log2(k)) : 0;
  });
}

// No setting clips: the sum of all amplitudes is the highest peak that there can be.
function message(settings) {
  const wanted = amplitudes(settings);
  const sum = wanted.reduce((a, b) => a + b, 0);
  const gain = Math.min(FULL_BAR, LOUDEST / sum);
  const { pitch, cents, rate, wall } = settings;
  return { tone: { amplitudes: wanted.map((a) => gain * a), hz: hzOfMidi(pitch), cents, rate, wall } };
}

function drawbars(live) {
  const { settings } = live;
  const names = [...numbers.slice(0, BARS), "17+"];
  const stepped = (i, db) => {
    const level = settings.bars[i] ? decibels(settings.bars[i]) + db : db > 0 ? SOFTEST_DB : -Infinity;
    return level < SOFTEST_DB - 0.5 ? 0 : Math.min(1, amplitudeOf(level));
  };
  return paintableBars({
    count: BARS + 1,
    label: "Drawbars. Left and right choose a bar, up and down change it, Delete silences it",
    across: names.map((name, i) => [(i + 0.5) / names.length, name]),
    up: [0, 0.5, 1].map((place) => [place, place]),
    place: (i) => settings.bars[i],
    paint: (places) => live.set({ bars: Object.assign([...settings.bars], places), preset: "" }),
    stepped,
    selected: () => settings.selected,
    select: (selected) => live.set({ selected }),
    say: (i) => barInWords(settings, i),
  });
}

const pitchInWords = (hz) => `${noteName(hz)} · ${hertz(hz)}`;

function inWords(settings) {
  if (settings.sweepHz !== null) return `Sweep, three octaves up and back: ${pitchInWords(settings.sweepHz)}`;
  return `${barInWords(settings, settings.selected)}. ${HELP}`;
}

function barInWords({ bars, pitch }, i) {
  const name = i < BARS ? `Harmonic ${i + 1}, ${hertz((i + 1) * hzOfMidi(pitch))}` : "Harmonics 17 to 64, the loudest";
  return `${name}: ${bars[i] ? signed(Number(decibels(bars[i]).toFixed(1)), "dB") : "silent"}`;
}

// Where a harmonic is heard: above the wall it is silent, or folds back.
function heard(hz, wall) {
  if (hz < NYQUIST_HZ) return { hz, folded: false };
  const rest = hz % (2 * NYQUIST_HZ);
  return wall ? null : { hz: Math.min(rest, 2 * NYQUIST_HZ - rest), folded: true };
}

const soundingHz = ({ sweepHz, pitch }) => sweepHz ?? hzOfMidi(pitch);

function spectrum(live) {
  const label = "Spectrum: level of each harmonic in dB against frequency up to 22 kHz";
  const element = make("canvas", { className: "spectrum", role: "img", "aria-label": label });
  const kHz = [0, 5, 10, 15, 20].map((f) => [(1000 * f) / SHOWN_HZ, f ? `${f} kHz` : "0"]);
  const levels = [0, -20, -40].map((db) => [1 + db / SHOWN_DB, `${String(db).replace("-", "−")}`]);
  const show = () => {
    const { g, x, y, ink, paper } = chart(element, { across: kHz, up: [...levels, [0, "dB"]] });
    const wanted = amplitudes(live.settings);
    const loudest = Math.max(1, ...wanted);
    wanted.forEach((amplitude, i) => {
      const place = within(1 + decibels(amplitude / loudest) / SHOWN_DB, 0, 1);
      const at = heard((i + 1) * soundingHz(live.settings), live.settings.wall);
      if (!at || !place) return;
      g.fillStyle = at.folded ? ORANGE : BLUE;
      const [left, top] = [x(at.hz / SHOWN_HZ), y(place)];
      g.fillRect(left - 1, top, 2, y(0) - top);
      // A head, so that colour is not the only sign.
      if (at.folded) g.fillRect(left - 3, top, 6, 3);
    });
    drawWall(g, x, y, { ink, paper }, live.settings.wall);
  };
  return { element, show };
}

function drawWall(g, x, y, { ink, paper }, wall) {
  const left = x(NYQUIST_HZ / SHOWN_HZ);
  const words = wall ? "Nyquist wall" : "wall off: orange is folded back";
  const width = g.measureText(words).width + 8;
  g.globalAlpha = 0.12;
  Object.assign(g, { fillStyle: ink, strokeStyle: ink, lineWidth: 2, textAlign: "right" });
  g.fillRect(left, y(1), x(1) - left, y(0) - y(1));
  g.globalAlpha = 0.8;
  g.fillStyle = paper;
  g.fillRect(left - width, y(1) + 1, width, 15);
  g.globalAlpha = 1;
  g.fillStyle = ink;
  g.fillText(words, left - 5, y(1) + 8);
  g.setLineDash(wall ? [] : [4, 4]);
  g.strokeRect(left, y(1), 0, y(0) - y(1));
  g.setLineDash([]);
}

function wave(live) {
  const label = "One period of the wave";
  const element = make("canvas", { className: "wave", role: "img", "aria-label": label });
  const show = () => {
    const { g, x, y } = chart(element, { across: [[0.5, "one period"]], up: [[0.5, "0"]] });
    const inside = (i) => heard((i + 1) * soundingHz(live.settings), live.settings.wall);
    const points = onePeriod(amplitudes(live.settings).map((a, i) => (inside(i) ? a : 0)));
    const most = Math.max(...points.map(Math.abs)) || 1;
    g.beginPath();
    points.forEach((value, i) => g.lineTo(x(i / (points.length - 1)), y(0.5 + (0.48 * value) / most)));
    Object.assign(g, { strokeStyle: BLUE, lineWidth: 2, lineJoin: "round" });
    g.stroke();
  };
  return { element, show };
}

function onePeriod(levels, n = 512) {
  const bank = new Harmonics(n, HARMONICS);
  bank.aim(1, levels, sineDirections(HARMONICS));
  bank.leave(n + 1);
  bank.stay();
  const points = Array.from({ length: n + 1 }, () => 0);
  bank.add(points, 0, n + 1);
  return points;
}

function sweepButton(live) {
  const { settings } = live;
  const press = () => {
    const sweep = settings.sweepHz === null;
    settings.sweepHz = sweep ? hzOfMidi(settings.pitch) : null;
    live.play({ sweep });
    live.show();
  };
  const element = button("Sweep", press, { "aria-label": "Sweep: up three octaves and back" });
  return { element, show: () => element.setAttribute("aria-pressed", settings.sweepHz !== null) };
}

const sayBalance = (x) => (x ? `${x < 0 ? "even" : "odd"} −${Math.abs(x)} %` : "as drawn");

function sliders(live) {
  const sayPitch = (pitch) => pitchInWords(hzOfMidi(pitch));
  const all = {
    pitch: { label: "Pitch", min: 33, max: 105, step: 1, say: sayPitch },
    count: { label: "Harmonics", min: 1, max: HARMONICS, step: 1, say: String },
    tilt: { label: "Tilt", min: -12, max: 6, step: 0.5, say: (x) => signed(x, "dB/octave") },
    balance: { label: "Odd / even", min: -100, max: 100, step: 5, say: sayBalance },
    cents: { label: "Vibrato", min: 0, max: 100, step: 1, say: (x) => `±${x} cents` },
    rate: { label: "Vibrato rate", min: 0.5, max: 10, step: 0.1, say: (x) => `${x} Hz` },
  };
  return Object.entries(all).map(([key, about]) => slider(live, key, about));
}

function render(live, view) {
  const wall = checkbox(live, "wall", "Nyquist wall");
  showView(
    live,
    view,
    question(QUESTION),
    row(playButton(live), presets(live, choices(view.model)), sweepButton(live), wall),
    drawbars(live),
    sayings(live, () => inWords(live.settings)),
    columns(...sliders(live)),
    row(spectrum(live), wave(live)),
  );
}

export default () => {
  const knobs = { pitch: 57, tilt: 0, balance: 0, cents: 0, rate: 5.5, wall: true };
  const bars = { ...asBars(numbers.map((k) => 1 / k)), preset: "sawtooth", selected: 0 };
  const settings = { ...knobs, ...bars, sweepHz: null };
  const heard = ({ hz = null }) => {
    settings.sweepHz = hz;
    live.show();
  };
  const live = new Live({ name: "ddsp-drawbars", text: WORKLET, settings, message, heard });
  return { alone: () => true, render: (view) => render(live, view) };
};
