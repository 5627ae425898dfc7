import { audioContext, fallSilent, loadWorklet, soundAlone } from "./audio.js";

const WORKBOOK_RATE = 44_100;
// By then a worklet that was told to end has faded out.
export const FADED_MS = 200;

// A widget that sounds while it is played: settings that all its views share, and one worklet that follows them.
//   name, text: of the worklet; message(settings): what the worklet is sent on every change;
//   heard(data): called with what the worklet says; rate: of the sound, Hz.
export class Live {
  constructor({ name, text, settings, message, heard, rate = WORKBOOK_RATE }) {
    Object.assign(this, { name, text, settings, message, heard, rate });
    this.playing = false;
    this.wrong = "";
    this.views = new Set();
  }

  // The sound is told at once, the pictures once for each frame of the screen.
  set(changes) {
    Object.assign(this.settings, changes);
    this.send();
    this.show();
  }

  send(extra = {}) {
    this.node?.port.postMessage({ ...this.message(this.settings), ...extra });
  }

  show() {
    this.due ??= requestAnimationFrame(() => {
      this.due = undefined;
      for (const view of this.views) view();
    });
  }

  // Call this in a click. A second call, or `pause`, before the worklet is there makes the first one void.
  async play(extra) {
    if (this.node) return this.send(extra);
    const start = (this.start = {});
    Object.assign(this, { playing: true, wrong: "" });
    this.show();
    try {
      const context = audioContext(this.rate);
      await soundAlone(this, context);
      await loadWorklet(context, this.name, this.text);
      if (this.start !== start) return;
      this.connect(context, extra);
      // What is seen of the sound was looked for before there was any.
      this.show();
    } catch (error) {
      if (this.start === start) this.pause();
      this.wrong = `The page cannot sound here (${error.message}). Try a current Chrome, Edge or Firefox.`;
    }
  }

  connect(context, extra) {
    this.node = new AudioWorkletNode(context, this.name, { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.heard(data);
    this.lead(this.node, context.destination);
    this.send(extra);
  }

  // The way of its sound.
  lead(node, destination) {
    node.connect(destination);
  }

  // The worklet fades out by itself, so that nothing clicks; what it still says is no longer listened to.
  pause() {
    const { node } = this;
    if (node) {
      node.port.onmessage = null;
      node.port.postMessage({ end: true });
      setTimeout(() => node.disconnect(), FADED_MS);
    }
    Object.assign(this, { node: null, start: null, playing: false });
    fallSilent(this);
    this.heard({ ended: true });
    this.show();
  }

  // A view is shown until its output goes; with the last one the sound goes, too.
  attach(view, signal) {
    this.views.add(view);
    signal.addEventListener("abort", () => {
      this.views.delete(view);
      if (!this.views.size) this.pause();
    });
    this.show();
  }
}
