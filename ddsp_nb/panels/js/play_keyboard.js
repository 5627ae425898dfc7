import { within } from "./math.js";
import { claim, make, noteName } from "./page.js";
import { hzOfKey } from "./play_parts.js";

// A white key is no narrower, so that a finger finds it: where the page is narrow there are fewer.
const [LEAST_PX, LEAST_WHITE] = [56, 8];
const BLACK = [1, 3, 6, 8, 10];
// Velocities at the far and the near end of a key on the screen.
const [SOFTEST, HARDEST] = [48, 120];
// The computer's keys play those on the screen from the first one on.
const CODES = "KeyA KeyW KeyS KeyE KeyD KeyF KeyT KeyG KeyY KeyH KeyU KeyJ KeyK KeyO KeyL KeyP Semicolon".split(" ");
const [OCTAVE_DOWN, OCTAVE_UP] = ["KeyZ", "KeyX"];
export const [LOWEST_OCTAVE, HIGHEST_OCTAVE] = [0, 7];

// MIDI number of the lowest key on the screen, a C.
const lowestOf = (live) => 12 * (live.settings.octave + 1);

// Keys on the screen, for as many fingers as there are: the nearer to the front a key is struck, the louder.
export function screenKeys(live) {
  const element = make("div", { className: "keys", role: "group", "aria-label": "Keyboard" });
  element.onpointerdown = (event) => {
    const key = keyAt(element, event);
    if (!key) return;
    element.setPointerCapture(event.pointerId);
    element.parentElement.focus({ preventScroll: true });
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
  // A long press of a finger is a held note, and asks for no menu.
  element.oncontextmenu = (event) => event.preventDefault();
  const show = () => {
    const n_white = Math.max(Math.floor(element.clientWidth / LEAST_PX), LEAST_WHITE);
    const shown = element.querySelectorAll(".key:not(.black)").length;
    if (shown !== n_white) element.replaceChildren(...keysOf(n_white));
    element.classList.toggle("guesses", live.settings.guesses);
    [...element.children].forEach((key, i) => showKey(live, key, lowestOf(live) + i));
  };
  return { element, show };
}

// White keys share the width; a black one lies over the edge between two.
function* keysOf(n_white) {
  for (let [step, white] = [0, 0]; white < n_white; step++) {
    const black = BLACK.includes(step % 12);
    const [left, width] = black ? [white - 0.3, 0.6] : [white++, 1];
    const data = { "data-step": String(step), "data-letter": letterOf(CODES[step]) };
    const key = make("div", { className: black ? "key black" : "key", ...data });
    Object.assign(key.style, { left: `${(100 * left) / n_white}%`, width: `${(100 * width) / n_white}%` });
    yield key;
  }
}

// What is printed on a key of the computer, on most keyboards.
const letterOf = (code = "") => (code === "Semicolon" ? ";" : code.slice("Key".length).toLowerCase());

function showKey(live, key, note) {
  const [low, high] = live.about?.heard_notes ?? [0, 127];
  const hz = hzOfKey(live.about?.tuning, note);
  const name = hz ? noteName(hz) : "no note";
  key.classList.toggle("down", live.hands.sounds(note));
  key.classList.toggle("unheard", note < low - 0.5 || note > high + 0.5 || !hz);
  // While one sings, keys are shown anew with each frame of the screen.
  if (key.title === name) return;
  key.title = name;
  key.textContent = BLACK.includes(note % 12) ? "" : name;
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
    claim(event);
    if (event.repeat) return;
    if (octave) return shiftOctave(live, octave);
    const note = lowestOf(live) + step;
    if (note <= 127) live.hands.press(`key ${event.code}`, note, live.about?.plain_velocity);
  };
  const up = ({ code }) => live.hands.release(`key ${code}`);
  element.addEventListener("keydown", down, { signal });
  // Also where the focus has moved on.
  window.addEventListener("keyup", up, { signal });
  const left = ({ relatedTarget }) => element.contains(relatedTarget) || live.hands.releaseAll("key");
  element.addEventListener("focusout", left, { signal });
}

export function shiftOctave(live, by) {
  live.hands.releaseAll("key");
  live.set({ octave: within(live.settings.octave + by, LOWEST_OCTAVE, HIGHEST_OCTAVE) });
}

// Where nobody can see or reach the keys any more, they go up.
export function guardKeys(live, signal) {
  window.addEventListener("blur", () => ["key", "pointer"].forEach((kind) => live.hands.releaseAll(kind)), { signal });
  const hidden = () => document.hidden && live.hands.releaseAll();
  document.addEventListener("visibilitychange", hidden, { signal });
  window.addEventListener("pagehide", () => live.hands.releaseAll(), { signal });
}
