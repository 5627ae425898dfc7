import { changingButton, columns, row, sayings, showView, slider, still } from "./controls.js";
import { button, choice, make, signed } from "./page.js";
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

// A slider from 0 to what the instrument has.
function limited(engine, key, size, label) {
  const say = (n) => `${n} of ${engine.about?.[size] ?? "…"}`;
  const { element, input, show } = slider(engine, key, { label, min: 0, max: 512, step: 1, say });
  return { element, show: () => ((input.max = engine.about?.[size] ?? 512), show()) };
}

// In which order partials and bands enter.
function orders(engine) {
  const select = choice("Order of growth", Object.entries(ORDER_WORDS), (order) => engine.set({ order }));
  const show = () => (select.value = engine.settings.order);
  return { element: make("label", {}, make("span", {}, "They enter"), select), show };
}

// Like a wheel with a spring.
function bend(engine) {
  const say = (semitones) => `${Math.round(100 * semitones)} ct`;
  const wheel = slider(engine, "bend_semitones", { label: "Bend", min: -2, max: 2, step: 0.01, say });
  const spring = () => engine.set({ bend_semitones: 0 });
  for (const name of ["pointerup", "pointercancel"]) wheel.input.addEventListener(name, spring);
  return wheel;
}

function knobs(engine) {
  const say = (db) => signed(db, "dB");
  return [
    limited(engine, "partials", "n_harmonics", "Partials"),
    limited(engine, "bands", "n_bands", "Noise bands"),
    orders(engine),
    slider(engine, "level_db", { label: "Loudness", min: -30, max: 12, step: 0.5, say }),
    bend(engine),
  ];
}

function octaveButtons(engine) {
  const shift = (words, by, label) => still(button(words, () => shiftOctave(engine, by), { "aria-label": label }));
  return [shift("z: octave −", -1, "Octave down"), shift("x: octave +", 1, "Octave up")];
}

// Sing, and what is sung.
function microphoneControls({ microphone }) {
  const says = () => (microphone.running ? ["■ Stop singing", "Stop singing"] : ["♪ Sing", "Sing"]);
  const now = make("span", { className: "value sung" });
  const show = () => Object.assign(now, { textContent: microphone.now, hidden: !microphone.running });
  return [changingButton(() => microphone.toggle(), says), { element: now, show }];
}

function recordButtons({ performance }) {
  const press = () => (performance.running ? performance.stop() : performance.start());
  const stop = () => [`■ Stop ${performance.seconds.toFixed(0)} s`, "Stop recording"];
  const record = changingButton(press, () => (performance.running ? stop() : ["● Record", "Record"]));
  const files = ["WAV", "MIDI"].map((kind) => {
    const label = `Download what was recorded as ${kind}`;
    const element = button(`${kind} file`, () => performance.save(kind), { "aria-label": label });
    return { element, show: () => (element.disabled = !performance.has(kind)) };
  });
  return [record, ...files];
}

function midiButton(engine, midi) {
  const plugIn = () => {
    // What MIDI says is newer.
    engine.microphone.words = "";
    return midi.connect();
  };
  return still(button("MIDI keyboard …", plugIn, { "aria-label": "MIDI keyboard" }));
}

// The instrument and what it is played with, after other controls.
function showInstrument(engine, midi, view, above) {
  const keys = screenKeys(engine);
  const plug = midiButton(engine, midi);
  const words = () => (engine.about ? engine.microphone.words || midi.words || INVITATION : LOADING);
  const element = showView(
    engine,
    view,
    ...above,
    row(...octaveButtons(engine), plug, ...microphoneControls(engine), ...recordButtons(engine)),
    keys,
    sayings(engine, words),
    columns(...knobs(engine)),
  );
  element.tabIndex = 0;
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Play the instrument");
  keys.element.addEventListener("pointerdown", () => element.focus({ preventScroll: true }));
  computerKeys(engine, element, view.signal);
  guardKeys(engine, view.signal);
  view.signal.addEventListener("abort", () => !engine.views.size && midi.close());
  // For other programs of the page, and tests.
  element.engine = engine;
}

// A widget that is played; `above(engine, view)` are the controls above its own.
export function playable(above = () => []) {
  let [engine, midi] = [null, null];
  return {
    render(view) {
      engine ??= new Engine(view.model);
      midi ??= new Midi(engine);
      showInstrument(engine, midi, view, above(engine, view));
    },
  };
}
