import { hzOfMidi, within } from "./math.js";
import { make, noteName } from "./page.js";

const N_OCTAVES = 3;
const BLACK = [1, 3, 6, 8, 10]; // semitones of an octave
const PLAIN_VELOCITY = 96; // of keys that do not feel how hard they are struck
const [SOFTEST, HARDEST] = [48, 120]; // at the far and the near end of a key on the screen
const FIRST_STEP = 12; // of the keys on the screen that the computer's play: their middle octave and what follows
const CODES = "KeyA KeyW KeyS KeyE KeyD KeyF KeyT KeyG KeyY KeyH KeyU KeyJ KeyK KeyO KeyL KeyP Semicolon".split(" ");
const [OCTAVE_DOWN, OCTAVE_UP] = ["KeyZ", "KeyX"];
export const [LOWEST_OCTAVE, HIGHEST_OCTAVE] = [0, 7];

const lowestOf = (live) => 12 * (live.settings.octave + 1); // MIDI number of C

// Keys on the screen, for as many fingers as there are: the nearer to the front a key is struck, the louder.
export function screenKeys(live) {
  const keys = Array.from({ length: 12 * N_OCTAVES + 1 }, (_, i) => {
    const black = BLACK.includes(i % 12);
    const letter = letterOf(CODES[i - FIRST_STEP]);
    return make("div", {
      className: black ? "key black" : "key",
      "data-step": String(i),
      "data-letter": letter,
    });
  });
  const element = make("div", { className: "keys", role: "group", "aria-label": "Keyboard" }, ...keys);
  const place = keyWidths(keys);
  element.onpointerdown = (event) => {
    const key = keyAt(element, event);
    if (!key) return;
    element.setPointerCapture(event.pointerId);
    strike(live, key, event);
  };
  element.onpointermove = (event) => {
    const source = `pointer ${event.pointerId}`;
    if (!live.hands.held.has(source)) return;
    const key = keyAt(element, event);
    if (key && noteOf(live, key) !== live.hands.held.get(source)) strike(live, key, event);
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
    element.addEventListener(name, (event) => live.hands.release(`pointer ${event.pointerId}`));
  element.oncontextmenu = (event) => event.preventDefault(); // a long press of a finger is a held note
  const show = () => keys.forEach((key, i) => showKey(live, key, lowestOf(live) + i));
  place();
  return { element, show };
}

// What is printed on a key of the computer, on most keyboards.
const letterOf = (code = "") => (code === "Semicolon" ? ";" : code.slice("Key".length).toLowerCase());

// White keys share the width; a black one lies over the edge between two.
function keyWidths(keys) {
  const n_white = keys.filter((key) => !key.classList.contains("black")).length;
  return () => {
    let white = 0;
    for (const key of keys) {
      const black = key.classList.contains("black");
      const [left, width] = black ? [white - 0.3, 0.6] : [white++, 1];
      Object.assign(key.style, { left: `${(100 * left) / n_white}%`, width: `${(100 * width) / n_white}%` });
    }
  };
}

function showKey(live, key, note) {
  const [low, high] = live.about?.heard_notes ?? [0, 127];
  const name = noteName(hzOfMidi(note));
  key.classList.toggle("down", live.hands.sounds(note));
  key.classList.toggle("far", note < low - 0.5 || note > high + 0.5);
  if (key.title === name) return; // while one sings, this is asked for each frame of the screen
  key.title = name;
  key.textContent = note % 12 ? "" : name;
}

function keyAt(element, { clientX, clientY }) {
  const key = document.elementFromPoint(clientX, clientY)?.closest(".key");
  return key?.parentElement === element ? key : null;
}

const noteOf = (live, key) => lowestOf(live) + Number(key.dataset.step);

function strike(live, key, { pointerId, clientY }) {
  const { top, height } = key.getBoundingClientRect();
  const near = within((clientY - top) / height, 0, 1);
  const note = noteOf(live, key);
  if (note <= 127) live.hands.press(`pointer ${pointerId}`, note, Math.round(SOFTEST + near * (HARDEST - SOFTEST)));
}

// Keys of the computer play where the view has the focus; by their place, so that other layouts are a piano, too.
export function computerKeys(live, element, signal) {
  const down = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const step = CODES.indexOf(event.code);
    const octave = { [OCTAVE_DOWN]: -1, [OCTAVE_UP]: 1 }[event.code];
    if (step < 0 && !octave) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat) return;
    if (octave) return shiftOctave(live, octave);
    const note = lowestOf(live) + FIRST_STEP + step;
    if (note <= 127) live.hands.press(`key ${event.code}`, note, PLAIN_VELOCITY);
  };
  const up = ({ code }) => live.hands.release(`key ${code}`);
  element.addEventListener("keydown", down, { signal });
  window.addEventListener("keyup", up, { signal }); // also where the focus has moved on
  const left = ({ relatedTarget }) => element.contains(relatedTarget) || live.hands.releaseAll("key");
  element.addEventListener("focusout", left, { signal });
}

export function shiftOctave(live, by) {
  live.hands.releaseAll("key");
  live.set({ octave: within(live.settings.octave + by, LOWEST_OCTAVE, HIGHEST_OCTAVE) });
}

// Where nobody can see or reach the keys any more, they go up.
export function guardKeys(live, signal) {
  window.addEventListener("blur", () => ["key", "pointer"].forEach((kind) => live.hands.releaseAll(kind)), {
    signal,
  });
  const hidden = () => document.hidden && live.hands.releaseAll();
  document.addEventListener("visibilitychange", hidden, { signal });
  window.addEventListener("pagehide", () => live.hands.releaseAll(), { signal });
}
