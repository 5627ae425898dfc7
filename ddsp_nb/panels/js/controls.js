import { button, caption, make, watchLook } from "./page.js";

// Each control is { element, show }: `show` brings it up to date with the settings of `live`.

export function playButton(live) {
  const press = () => (live.playing ? live.pause() : live.play());
  const { element, show } = changingButton(press, () => (live.playing ? ["■ Stop", "Stop"] : ["▶ Play", "Play"]));
  element.className = "play";
  return { element, show };
}

// A button that does one thing and then another: `says()` is what is on it now, and its name.
export function changingButton(onclick, says) {
  const element = button("", onclick);
  const show = () => {
    const [words, label] = says();
    caption(element, words);
    element.setAttribute("aria-label", label);
  };
  return { element, show };
}

// An element that never changes, among controls that do.
export const still = (element) => ({ element, show() {} });

export const question = (words) => still(make("div", { className: "question" }, words));

// Buttons of which one may be pressed: `choices` is name to settings, `what` they are.
export function presets(live, choices, what = "Preset") {
  const buttons = Object.entries(choices).map(([name, settings]) => {
    const onclick = () => live.set({ ...settings(), preset: name });
    return button(name, onclick, { "aria-label": `${what}: ${name}` });
  });
  const element = make("span", { className: "row", role: "group", "aria-label": what }, ...buttons);
  const show = () =>
    buttons.forEach((button) => button.setAttribute("aria-pressed", button.textContent === live.settings.preset));
  return { element, show };
}

// A slider of the setting `key`; `say(value)` is read out beside it.
export function slider(live, key, { label, min, max, step, say }) {
  const input = make("input", { type: "range", min, max, step, "aria-label": label });
  // Not <output>, which is read out twice.
  const output = make("span", { className: "value" });
  input.oninput = () => live.set({ [key]: Number(input.value) });
  const show = () => {
    const controller = live.midi?.learned[label];
    const words = say(live.settings[key]) + (controller === undefined ? "" : ` · CC ${controller}`);
    input.value = live.settings[key];
    input.setAttribute("aria-valuetext", words);
    output.textContent = words;
  };
  return { element: make("label", {}, make("span", {}, label), input, output), input, show };
}

export function checkbox(live, key, label) {
  const input = make("input", { type: "checkbox", "aria-label": label });
  input.onchange = () => live.set({ [key]: input.checked });
  const show = () => (input.checked = live.settings[key]);
  return { element: make("label", {}, input, label), show };
}

// What the widget has to say: `words()`, or what went wrong.
export function sayings(live, words) {
  const element = make("div", { className: "words" });
  const show = () => {
    // Bars say their value themselves.
    element.setAttribute("aria-live", live.wrong ? "assertive" : "off");
    element.textContent = live.wrong || words();
    element.classList.toggle("wrong", Boolean(live.wrong));
  };
  return { element, show };
}

// Controls beside one another, or under one another in columns.
export const row = (...controls) => together("row", controls);
export const columns = (...controls) => together("knobs", controls);

function together(className, controls) {
  const element = make("div", { className }, ...controls.map((control) => control.element));
  return { element, show: () => controls.forEach((control) => control.show()) };
}

// Show a view of controls, which are brought up to date on every change, and when size or theme are others; returns its
// root. Keys are for the controls, not for JupyterLab, which would move or cut cells.
export function showView(live, { el, signal }, ...controls) {
  const element = make("div", { className: "ddsp" }, ...controls.map((control) => control.element));
  element.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey) event.stopPropagation();
  });
  el.append(element);
  const show = () => controls.forEach((control) => control.show());
  // In the next frame: a new theme takes its time, and canvases have no size until it is there.
  const unwatch = watchLook(element.querySelectorAll("canvas"), () => live.show());
  signal.addEventListener("abort", unwatch);
  show();
  live.attach(show, signal);
  return element;
}

// A control with its label beside it; a bare one has it for screen readers alone.
export function named({ look: { label, bare } }, control) {
  control.setAttribute("aria-label", label);
  return make("label", {}, make("span", { hidden: bare }, label), control);
}

// A field to write in, which tells `hand` what was written. What is being typed is left alone.
export function field(hand, attributes, read) {
  const input = make("input", attributes);
  let typing = false;
  input.oninput = () => (typing = true);
  input.onchange = () => {
    typing = false;
    hand.turn(read(input.value));
  };
  const show = ({ value }) => {
    if (!typing) input.value = value;
  };
  return { element: named(hand, input), show };
}
