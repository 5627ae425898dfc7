import { root, sayings, showView, slider } from "./controls.js";
import { make } from "./page.js";
import { Engine } from "./play_engine.js";
import { computerKeys, guardKeys, screenKeys, shiftOctave } from "./play_keyboard.js";
import { Midi } from "./play_midi.js";

const INVITATION =
  "Press the keys on the screen, or a w s e d f … of the computer, or sing; z and x move them by an octave. " +
  "Faint keys are notes that the recording did not have.";
const LOADING = "The instrument is on its way …";
const ORDER_WORDS = {
  low: "low to high",
  high: "high to low",
  odd: "odd first",
  octaves: "octaves first",
  loudest: "loudest first",
  random: "by chance",
};

function button(words, onclick, title = words) {
  return make("button", { type: "button", onclick, "aria-label": title }, words);
}

// Which partials and bands come first, and how many of them sound.
function growthKnobs(engine) {
  const say = (of) => (n) => `${n} of ${engine.about?.[of] ?? "…"}`;
  const partials = limited(engine, "partials", "n_harmonics", { label: "Partials", say: say("n_harmonics") });
  const bands = limited(engine, "bands", "n_bands", { label: "Noise bands", say: say("n_bands") });
  return [partials, bands, orders(engine)];
}

// A slider from 0 to what the instrument has.
function limited(engine, key, of, { label, say }) {
  const { element, show } = slider(engine, key, { label, min: 0, max: 512, step: 1, say });
  const input = element.querySelector("input");
  return { element, show: () => (Object.assign(input, { max: engine.about?.[of] ?? 512 }), show()) };
}

function orders(engine) {
  const options = Object.entries(ORDER_WORDS).map(([value, words]) => make("option", { value }, words));
  const select = make("select", { "aria-label": "Order of growth" }, ...options);
  select.onchange = () => engine.set({ order: select.value });
  const show = () => (select.value = engine.settings.order);
  return { element: make("label", {}, make("span", {}, "They enter"), select), show };
}

function loudnessKnobs(engine) {
  const level = {
    label: "Loudness",
    min: -30,
    max: 12,
    step: 0.5,
    say: (db) => `${db > 0 ? "+" : ""}${db} dB`,
  };
  const cents = (x) => `${Math.round(100 * x)} ct`;
  const bend = slider(engine, "bend_semitones", { label: "Bend", min: -2, max: 2, step: 0.01, say: cents });
  const input = bend.element.querySelector("input");
  for (const name of ["pointerup", "pointercancel"])
    // as a wheel with a spring
    input.addEventListener(name, () => engine.set({ bend_semitones: 0 }));
  return [slider(engine, "level_db", level), bend];
}

function recorder(engine) {
  const { recording } = engine;
  const toggle = button("● Record", () => (recording.running ? recording.stop() : recording.start()));
  const wave = button("WAV", () => recording.saveWave(), "Download what was recorded as WAV");
  const midi = button("MIDI file", () => recording.saveMidi(), "Download what was recorded as MIDI");
  const show = () => {
    const { running, seconds, done } = recording;
    toggle.textContent = running ? `■ Stop ${seconds.toFixed(0)} s` : "● Record";
    toggle.setAttribute("aria-label", running ? "Stop recording" : "Record");
    wave.disabled = midi.disabled = running || !done;
  };
  return [toggle, wave, midi].map((element, i) => ({ element, show: i ? () => {} : show }));
}

// Sing, and what is sung.
function microphoneKnobs({ microphone }) {
  const toggle = button("♪ Sing", () => microphone.toggle(), "Sing");
  const now = make("span", { className: "value sung" });
  const show = () => {
    toggle.textContent = microphone.running ? "■ Stop singing" : "♪ Sing";
    toggle.setAttribute("aria-label", microphone.running ? "Stop singing" : "Sing");
    now.textContent = microphone.now;
    now.hidden = !microphone.running;
  };
  return [
    { element: toggle, show },
    { element: now, show() {} },
  ];
}

function words(engine, midi) {
  return sayings(engine, () => {
    if (!engine.about) return LOADING;
    return engine.microphone.words || midi.words || INVITATION;
  });
}

function plugIn(engine, midi) {
  engine.microphone.words = ""; // what MIDI says is newer
  return midi.connect();
}

function render(engine, midi, view) {
  const octaves = [-1, 1].map((by) => {
    const name = by < 0 ? "Octave down" : "Octave up";
    return {
      element: button(by < 0 ? "z: octave −" : "x: octave +", () => shiftOctave(engine, by), name),
      show() {},
    };
  });
  const plug = { element: button("MIDI keyboard …", () => plugIn(engine, midi), "MIDI keyboard"), show() {} };
  const keys = screenKeys(engine);
  const [knobs, levels, sing, record, says] = [
    growthKnobs(engine),
    loudnessKnobs(engine),
    microphoneKnobs(engine),
    recorder(engine),
    words(engine, midi),
  ];
  const row = (...parts) => make("div", { className: "row" }, ...parts.map(({ element }) => element));
  const grid = make("div", { className: "knobs" }, ...[...knobs, ...levels].map(({ element }) => element));
  const element = root(row(...octaves, plug, ...sing, ...record), keys.element, says.element, grid);
  element.tabIndex = 0;
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Play the instrument");
  keys.element.addEventListener("pointerdown", () => element.focus({ preventScroll: true }));
  computerKeys(engine, element, view.signal);
  guardKeys(engine, view.signal);
  showView(engine, view, element, [keys, ...knobs, ...levels, ...sing, ...record, says]);
  view.signal.addEventListener("abort", () => !engine.views.size && midi.close());
  element.engine = engine; // for other programs of the page, and tests
}

export default () => {
  let [engine, midi] = [null, null];
  return {
    render(view) {
      engine ??= new Engine(view.model);
      midi ??= new Midi(engine);
      render(engine, midi, view);
    },
  };
};
