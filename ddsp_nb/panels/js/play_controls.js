import { changingButton, checkbox, columns, row, sayings, showView, slider, still } from "./controls.js";
import { button, choice, make, signed } from "./page.js";
import { Engine } from "./play_engine.js";
import { computerKeys, guardKeys, screenKeys, shiftOctave } from "./play_keyboard.js";
import { sightOf } from "./play_sight.js";

const INVITATION =
  "Press the keys on the screen, or a w s e d f … of the computer, or sing; z and x move them by an octave.";
const GUESSES = "Show which notes are guesses";
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

// A choice of a setting from a list, [[value, words]], that may become another one.
function listed(engine, key, label, name, options) {
  const select = choice(name, [], (value) => engine.set({ [key]: value }));
  const show = () => {
    const now = options().map(([value, words]) => new Option(words, value));
    if (select.length !== now.length) select.replaceChildren(...now);
    select.value = engine.settings[key];
  };
  return { element: make("label", {}, make("span", {}, label), select), show };
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
  const inRoom = (db) => (engine.rooms.get(engine.settings.room)?.length ? say(db) : "no room");
  return [
    limited(engine, "partials", "n_harmonics", "Partials"),
    limited(engine, "bands", "n_bands", "Noise bands"),
    listed(engine, "order", "They enter", "Order of growth", () => Object.entries(ORDER_WORDS)),
    slider(engine, "level_db", { label: "Loudness", min: -30, max: 12, step: 0.5, say }),
    listed(engine, "room", "Room", "Room", () => [...engine.rooms.keys()].map((name) => [name, name])),
    slider(engine, "wet_db", { label: "Room level", min: -24, max: 12, step: 1, say: inRoom }),
    bend(engine),
  ];
}

function octaveButtons(engine) {
  const shift = (words, by, label) => still(button(words, () => shiftOctave(engine, by), { "aria-label": label }));
  return [shift("z: octave −", -1, "Octave down"), shift("x: octave +", 1, "Octave up")];
}

function singButton({ microphone }) {
  const says = () => (microphone.running ? ["■ Stop singing", "Stop singing"] : ["♪ Sing", "Sing"]);
  return changingButton(() => microphone.toggle(), says);
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

function midiButtons({ midi }) {
  const plug = button("MIDI keyboard …", () => midi.connect(), { "aria-label": "MIDI keyboard" });
  const learn = button("MIDI learn", () => midi.learn());
  return [still(plug), { element: learn, show: () => learn.setAttribute("aria-pressed", midi.learning) }];
}

// Another widget, which the model names.
function guest({ model, host, signal }, name) {
  const element = make("div");
  const fill = async () => model.get(name) && (await host.getWidget(model.get(name))).render({ el: element, signal });
  model.on(`change:${name}`, fill);
  signal.addEventListener("abort", () => model.off(`change:${name}`, fill));
  fill();
  return still(element);
}

// The instrument and what it is played with, after other controls.
function showInstrument(engine, view, above) {
  const { midi, microphone } = engine;
  const words = () => (engine.about ? engine.said || microphone.words || midi.words || INVITATION : LOADING);
  const element = showView(
    engine,
    view,
    ...above(engine, view),
    row(
      ...octaveButtons(engine),
      ...midiButtons(engine),
      guest(view, "tuner"),
      singButton(engine),
      checkbox(engine, "guesses", GUESSES),
    ),
    sightOf(engine, view),
    screenKeys(engine),
    sayings(engine, words),
    row(...recordButtons(engine), guest(view, "grower"), guest(view, "sampler")),
    columns(...knobs(engine)),
    guest(view, "grown"),
  );
  element.classList.add("played");
  // Other programs of the page, and tests, find the engine here.
  Object.assign(element, { tabIndex: 0, role: "group", ariaLabel: "Play the instrument", engine });
  // What was said is old once anything is pressed.
  element.addEventListener("click", () => (engine.said = microphone.words = ""), true);
  for (const name of ["pointerdown", "input"]) element.addEventListener(name, ({ target }) => midi.touch(target));
  midi.root = element;
  computerKeys(engine, element, view.signal);
  guardKeys(engine, view.signal);
}

// A widget that is played; `above(engine, view)` are the controls above its own.
export function playable(above = () => []) {
  let engine = null;
  const render = (view) => showInstrument((engine ??= new Engine(view.model)), view, above);
  return { alone: () => Boolean(engine?.about), render };
}
