import { closeMicrophone, openMicrophone, whyNoMicrophone } from "./microphone.js";
import { noteName } from "./page.js";
import { Singer } from "./play_singer.js";
/* global MICROPHONE */

const ADVICE = "Sing one note at a time, with headphones: the microphone must not hear the instrument.";
const UNPLUGGED = "The microphone was pulled out. Plug one in, then press Sing again.";
const AT_REST = { bend_semitones: 0, sung_db: 0 };

// The microphone as a hand: what is sung is played, from one press of the button to the next. It ends with the sound of
// the engine, whoever ends that, and where the page is hidden.
export class Microphone {
  constructor(engine) {
    Object.assign(this, { engine, words: "", asked: null, open: null, singer: null });
  }

  get running() {
    return Boolean(this.asked);
  }

  // Call this in a click.
  toggle() {
    return this.running ? this.stop() : this.start();
  }

  async start() {
    const asked = (this.asked = {});
    this.words = "";
    this.engine.show();
    try {
      const stream = await openMicrophone();
      const open = new AbortController();
      open.signal.addEventListener("abort", () => closeMicrophone(stream));
      if (this.asked !== asked) return open.abort(); // pressed again, or gone, while the browser asked
      this.open = open;
      await this.engine.play();
      if (this.asked === asked && this.engine.node) await this.listen(stream, open.signal);
      else this.stop();
    } catch (error) {
      if (this.asked !== asked) return;
      this.stop();
      this.words = whyNoMicrophone(error, "Sing");
    }
    this.engine.show();
  }

  // In a context of its own, at the microphone's rate: not every browser takes one into a context with another.
  async listen(stream, signal) {
    const context = new AudioContext({ latencyHint: "interactive" });
    signal.addEventListener("abort", () => context.close());
    stream.getTracks()[0].onended = () => (this.stop(), (this.words = UNPLUGGED));
    document.addEventListener("visibilitychange", () => document.hidden && this.stop(), { signal });
    window.addEventListener("pagehide", () => this.stop(), { signal });
    const url = URL.createObjectURL(new Blob([MICROPHONE], { type: "text/javascript" }));
    await context.audioWorklet.addModule(url).finally(() => URL.revokeObjectURL(url));
    if (signal.aborted) return;
    const node = new AudioWorkletNode(context, "ddsp-microphone", {
      channelCount: 1,
      channelCountMode: "explicit",
    });
    const muted = new GainNode(context, { gain: 0 }); // a node that leads nowhere is not run
    const singer = (this.singer = new Singer(this.engine));
    node.port.onmessage = ({ data }) => signal.aborted || singer.follow(data);
    context.createMediaStreamSource(stream).connect(node).connect(muted).connect(context.destination);
    await context.resume();
    this.words = ADVICE;
  }

  stop() {
    if (!this.asked) return;
    const { open, singer, engine } = this;
    Object.assign(this, { asked: null, open: null, singer: null, words: "" });
    open?.abort();
    singer?.end();
    const rest = () => this.singer || engine.set(AT_REST);
    if (singer && engine.about) setTimeout(rest, 1000 * engine.about.release_s); // the last note fades at its pitch
    engine.show();
  }

  // What is sung and what sounds for it.
  get now() {
    const { sung_hz, played_hz } = this.singer ?? {};
    return played_hz ? `${noteName(sung_hz)} → ${noteName(played_hz)}` : "";
  }
}
