import { closeMicrophone, hearMicrophone, openMicrophone, whyNoMicrophone } from "./microphone.js";
import { Singer } from "./play_singer.js";

const ADVICE = "Sing one note at a time, with headphones: the microphone must not hear the instrument.";
const UNPLUGGED = "The microphone was pulled out. Plug one in, then press Sing again.";
const AT_REST = { bend_semitones: 0, sung_db: 0 };

// The microphone plays the instrument: what is sung sounds from one press of the button to the next. It ends with the
// sound of the engine, whoever ends that, and where the page is hidden.
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
      // The button was pressed again, or the page has gone, while the browser asked its user.
      if (this.asked !== asked) return open.abort();
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

  async listen(stream, signal) {
    stream.getTracks()[0].onended = () => (this.stop(), (this.words = UNPLUGGED));
    document.addEventListener("visibilitychange", () => document.hidden && this.stop(), { signal });
    window.addEventListener("pagehide", () => this.stop(), { signal });
    const singer = (this.singer = new Singer(this.engine));
    const follow = (heard) => signal.aborted || singer.follow(heard);
    const { context } = await hearMicrophone(stream, { name: "ddsp-microphone", text: MICROPHONE }, follow);
    if (signal.aborted) return context.close();
    signal.addEventListener("abort", () => context.close());
    this.words = ADVICE;
  }

  stop() {
    if (!this.asked) return;
    const { open, singer, engine } = this;
    Object.assign(this, { asked: null, open: null, singer: null, words: "" });
    open?.abort();
    singer?.end();
    const rest = () => this.singer || engine.set(AT_REST);
    // The last note fades at its pitch.
    if (singer && engine.about) setTimeout(rest, 1000 * engine.about.release_s);
    engine.show();
  }
}
