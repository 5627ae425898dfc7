import { BLUE, chart, ORANGE } from "./bars.js";
import { decibels, within } from "./math.js";
import { make, noteName, signed } from "./page.js";

// Where the bands of noise begin, and with them the picture.
const FIRST_HZ = 20;
const LABELS_HZ = [50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const [LABELS_DB, LEAST_DB] = [[0, -20, -40, -60, -80], -100];
// By which the peak that is told falls from one picture to the next.
const FALL_DB = 0.4;
// Pixels: length of the meter, and how far its bar, the words and the notes are from the top.
const [METER_PX, BAR_PX, WORDS_PX, NOTES_PX] = [150, 50, 40, 20];
const SIGHT = "What sounds now: partials as lines, noise as an area, its notes and its level";

// What sounds at this moment, as the synthesizer has it. Each picture of the screen asks the audio thread for the next
// one, while anything sounds. The other controls have no part in that.
//   engine: `Engine`, of which this uses node, meter, hands, rate, looks and asked.
export function sightOf(engine, { signal }) {
  const element = make("canvas", { className: "sight", role: "img", "aria-label": SIGHT });
  let [seen, peak_db] = [{}, LEAST_DB];
  const show = (now = seen) => {
    seen = engine.node ? now : {};
    const { node, meter, hands } = engine;
    const samples = new Float32Array(meter?.fftSize ?? 1);
    if (node) meter.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const rms = Math.sqrt(samples.reduce((sum, x) => sum + x ** 2, 0) / samples.length);
    peak_db = Math.max(decibels(peak), node ? peak_db - FALL_DB : LEAST_DB, LEAST_DB);
    drawSight(element, engine.rate, seen, [peak_db, Math.max(decibels(rms), LEAST_DB)]);
    const sounds = hands.held.size || seen.voices?.length || peak_db > LEAST_DB;
    if (node && sounds && engine.asked !== node) (engine.asked = node).port.postMessage({ look: true });
  };
  engine.looks.add(show);
  signal.addEventListener("abort", () => engine.looks.delete(show));
  return { element, show: () => show() };
}

function drawSight(canvas, rate, { gains = [], voices = [] }, levels_db) {
  const octaves = Math.log(rate / 2 / FIRST_HZ);
  const across = (hz) => Math.log(hz / FIRST_HZ) / octaves;
  const up = (db) => within(1 - db / LEAST_DB, 0, 1);
  const { g, x, y, ink, paper } = chart(canvas, {
    across: LABELS_HZ.map((hz) => [across(hz), hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`]),
    up: LABELS_DB.map((db) => [up(db), db ? signed(db, "") : "0 dB"]),
  });
  const bar = (left, db, width) => g.fillRect(left, y(up(db)), width, y(0) - y(up(db)));
  // Bands are as wide as one another in this picture, not in Hz.
  const step = 1 / (gains.length - 1);
  const share = (band) => octaves * step * Math.exp(octaves * (band * step - 1));
  Object.assign(g, { fillStyle: ORANGE, globalAlpha: 0.5 });
  gains.slice(0, -1).forEach((gain, i) => bar(x(i * step), decibels(gain * Math.sqrt(share(i))), x(step) - x(0)));
  Object.assign(g, { fillStyle: BLUE, globalAlpha: 1 });
  for (const { hz, sin_to, cos_to } of voices)
    for (let k = 1; k <= sin_to.length && k * hz < rate / 2; k++)
      bar(x(across(k * hz)) - 1, decibels(Math.hypot(sin_to[k - 1], cos_to[k - 1])), 2);
  Object.assign(g, { fillStyle: ink, strokeStyle: paper, lineWidth: 4, textAlign: "right" });
  const write = (words, px, middle) => {
    g.font = g.font.replace(/\d+px/, `${px}px`);
    g.strokeText(words, x(1), middle);
    g.fillText(words, x(1), middle);
  };
  const pitches = voices.map(({ hz }) => hz).sort((a, b) => a - b);
  write([...new Set(pitches.map(noteName))].join("  "), 20, NOTES_PX);
  const [peak, rms] = levels_db.map((db) => METER_PX * up(db));
  const words = levels_db.map((db) => signed(Math.round(db), "dB"));
  if (peak) write(`peak ${words[0]}, RMS ${words[1]}`, 12, WORDS_PX);
  g.fillRect(x(1) - METER_PX, BAR_PX, rms, 6);
  g.fillRect(x(1) - METER_PX + peak - 2, BAR_PX - 2, peak && 2, 10);
}
