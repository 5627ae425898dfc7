// Small tools for what widgets show.
import { midiOfHz } from "./math.js";

// An element: `make("button", { className: "x", onclick }, "words", child)`; attributes with a dash are set as such.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export const button = (words, onclick, attributes = {}) => caption(make("button", { onclick, ...attributes }), words);

// Words on a button, after a sign or none. Signs are drawn by widgets.css: not all fonts have them.
export function caption(element, words) {
  const [, sign, text] = words.match(/^([▶■⏸●↻⟲↶↷✓♪★⚙]?) ?(.*)$/);
  element.dataset.sign = sign;
  if (element.textContent !== text) element.textContent = text;
  return element;
}

// A choice from a list: `options` are [value, words]; `chosen` is told the value.
export function choice(label, options, chosen) {
  const element = make("select", { "aria-label": label, title: label });
  element.append(...options.map(([value, words]) => new Option(words, value)));
  element.onchange = () => chosen(element.value);
  return element;
}

// Tell when canvases have another size, or the page another theme; returns a function that ends it.
export function watchLook(canvases, tell) {
  const [sizes, themes] = [new ResizeObserver(tell), new MutationObserver(() => whenShown(canvases, tell))];
  canvases.forEach((canvas) => sizes.observe(canvas));
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
  return () => [sizes, themes].forEach((observer) => observer.disconnect());
}

// While a theme loads, canvases have no size, and some have it again before an observer looks.
function whenShown(canvases, tell, frames = 60) {
  const hidden = [...canvases].some((canvas) => !canvas.clientWidth);
  if (hidden && frames) requestAnimationFrame(() => whenShown(canvases, tell, frames - 1));
  else tell();
}

// A view of `canvas` in `root`, one of the `views` of a widget: `update` brings it up to date, and `draw` has the canvas
// painted, once for each frame of the screen.
export class CanvasView {
  appear(el, views) {
    el.append(this.root);
    views.add(this);
    const unwatch = watchLook([this.canvas], () => this.draw());
    this.leave = () => {
      unwatch();
      cancelAnimationFrame(this.frame);
      this.root.remove();
      views.delete(this);
    };
    this.update();
  }

  draw() {
    if (!this.root.isConnected) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.paint();
    });
  }
}

// Where a pointer is on an element, in pixels.
export function pointOn(element, { clientX, clientY }) {
  const { left, top } = element.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
}

// Keep a key from JupyterLab, which would take it for a command.
export function claim(event) {
  event.preventDefault();
  event.stopPropagation();
}

// A canvas drawn sharply: its pixels are those of the screen, its context is scaled to those of the page.
export function sharpContext(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, width, height };
}

const NOTE_NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

// "A4 +8 ct" of 442 Hz.
export function noteName(hz) {
  const midi = midiOfHz(hz);
  const nearest = Math.round(midi);
  const cents = Math.round(100 * (midi - nearest));
  const name = NOTE_NAMES[((nearest % 12) + 12) % 12] + (Math.floor(nearest / 12) - 1);
  return cents ? `${name} ${cents > 0 ? "+" : "−"}${Math.abs(cents)} ct` : name;
}

export function hertz(hz) {
  return hz < 1000 ? `${Math.round(hz)} Hz` : `${(hz / 1000).toFixed(hz < 10_000 ? 2 : 1)} kHz`;
}

// "+3 dB", "−3 dB", "0 dB".
export const signed = (x, unit) => `${x > 0 ? "+" : x < 0 ? "−" : ""}${Math.abs(x)} ${unit}`;

// Buffers of messages are views into messages: their bytes, and as numbers, are copied, one view after another.
export function bytesOf(...views) {
  const bytes = new Uint8Array(views.reduce((n, view) => n + view.byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of views) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

export const floatsOf = (...views) => new Float32Array(bytesOf(...views).buffer);

// Hand a file to the browser as a download; no request leaves the page.
export function save(name, bytes) {
  const url = URL.createObjectURL(new Blob([bytes]));
  const link = make("a", { href: url, download: name });
  link.click();
  // By then the browser has taken it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// Run all cells of the notebook that shows an element: JupyterLab follows such links in what it trusts, as it does stills.
export function runAllCells(element) {
  const link = make("a", { "data-commandlinker-command": "notebook:run-all-cells" });
  (element.closest(".jp-OutputArea")?.querySelector(".jp-mod-trusted") ?? document.body).append(link);
  link.click();
  link.remove();
}

// What hands do on boards of this page, as long as the kernel has not answered; every widget has its own copy of this
// module.
export const turning = (globalThis[Symbol.for("ddsp_nb turning")] ??= new Set());

// What a page does for the widget of each module: what a run has shown is saved, and what cannot act without its kernel
// looks so. `alone()` is true of a widget that plays on without a kernel.
export function attended(widget) {
  const render = (view) => {
    view.model.on("comm_live_update", () => markStopped(view.el, !widget.alone?.()));
    saveSoon(view.model.widget_manager?.context);
    return widget.render(view);
  };
  return { ...widget, render };
}

function markStopped(el, stopped) {
  const output = el.closest(".jp-OutputArea-output");
  el.inert = stopped;
  if (!output?.querySelector("[inert]") || output.querySelector(".stopped")) return;
  const words = "The kernel was restarted. Run the notebook again to go on.";
  const again = button("Run all cells", () => runAllCells(output));
  output.prepend(make("div", { className: "ddsp row stopped", role: "status" }, words, again));
}

// Once all cells have run and nobody writes; not over what others have changed, which no cache of the browser may hide.
const SETTLED_MS = 1000;
// By which times of a file may differ without a change, for JupyterLab, too.
const CLOCK_MS = 500;
const saves = (globalThis[Symbol.for("ddsp_nb saves")] ??= new WeakMap());
function saveSoon(context) {
  clearTimeout(saves.get(context));
  const { model, sessionContext: { session } = {} } = context ?? {};
  const later = async () => {
    if (!model.dirty || model.readOnly || model.collaborative) return;
    const runs = [...model.cells].some((cell) => cell.executionState === "running");
    if (runs || !session?.kernel || document.querySelector(".jp-mod-editMode")) return saveSoon(context);
    const url = `${session.kernel.serverSettings.baseUrl}api/contents/${encodeURI(context.path)}?content=0`;
    const { last_modified } = await (await fetch(url, { cache: "no-store" })).json();
    if (Date.parse(last_modified) - Date.parse(context.contentsModel.last_modified) > CLOCK_MS) return;
    context.save();
  };
  if (model) saves.set(context, setTimeout(later, SETTLED_MS));
}
