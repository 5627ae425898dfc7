import { button, make } from "./page.js";

// The sound of the page: an AudioContext for each sample rate, shared by all widgets, and one widget sounding at a time.
// Every widget model imports its own copy of its module, so what is shared lies on globalThis.
const page = (globalThis[Symbol.for("ddsp_nb")] ??= { contexts: new Map(), modules: new Map(), playbacks: new Map() });

// Playbacks by the key of their player, for other widgets that show the same sound.
export const playbacks = page.playbacks;

const OTHER_TABS = "ddsp_nb is sounding";
if (!page.channel) {
  page.name = Math.random().toString(36);
  page.channel = new BroadcastChannel(OTHER_TABS);
  page.channel.onmessage = ({ data }) => data !== page.name && page.sounding?.pause();
  document.addEventListener("fullscreenchange", () => page.sounding && showStop(true));
}

// A context runs at the rate of its sounds: resampling would cost them their highest frequencies.
export function audioContext(rate) {
  if (!page.contexts.has(rate)) {
    page.contexts.set(rate, new AudioContext({ latencyHint: "interactive", sampleRate: rate }));
  }
  return page.contexts.get(rate);
}

// Load the text of an AudioWorklet module once for each context that widgets share.
export function loadWorklet(context, name, text) {
  const key = `${name} ${context.sampleRate}`;
  if (!page.modules.has(key)) page.modules.set(key, addWorklet(context, text));
  return page.modules.get(key);
}

export function addWorklet(context, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  return context.audioWorklet.addModule(url).finally(() => URL.revokeObjectURL(url));
}

// A worklet that only listens to the node `source`; `heard` is called with what it says.
export function listener(source, name, heard) {
  const { context } = source;
  const node = new AudioWorkletNode(context, name, { channelCount: 1, channelCountMode: "explicit" });
  node.port.onmessage = ({ data }) => heard(data);
  // A node that leads nowhere is not run.
  const muted = new GainNode(context, { gain: 0 });
  source.connect(node).connect(muted).connect(context.destination);
  return node;
}

// Firefox waits for a loudspeaker without a word.
const SILENT = "No sound: the browser finds no loudspeaker. Connect one, then start the browser again.";
const SILENT_MS = 3000;

// `widget.pause()` is called when another one begins, here or in another tab. Call this in a click: only that lets a
// browser begin to sound.
export async function soundAlone(widget, context) {
  if (page.sounding !== widget) page.sounding?.pause();
  page.sounding = widget;
  page.channel.postMessage(page.name);
  showStop(true);
  if (context.state === "running") return;
  page.silent ??= make("div", { className: "ddsp-stop", role: "alert" }, SILENT);
  setTimeout(() => context.state === "running" || page.stop.replaceWith(page.silent), SILENT_MS);
  await context.resume();
  page.silent.replaceWith(page.stop);
}

export function fallSilent(widget) {
  if (page.sounding !== widget) return;
  page.sounding = null;
  showStop(false);
}

// While anything sounds, a button in the corner stops it, wherever the page was scrolled to.
function showStop(shown) {
  const onclick = () => page.sounding?.pause();
  page.stop ??= button("■ Stop the sound", onclick, { className: "ddsp-stop" });
  // Of a full window nothing outside is seen.
  if (shown) (document.fullscreenElement ?? document.body).append(page.stop);
  else page.stop.remove();
}
