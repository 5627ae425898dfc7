import { N_CHANNELS, Receiver } from "./play_channels.js";

const NO_MIDI = "This browser has no Web MIDI. Use Chrome, Edge or Firefox, or play with the keys of the computer.";
const REFUSED = "The browser may not use MIDI. Allow it (the sign beside the address), then press MIDI again.";
const NONE = "No MIDI keyboard is plugged in. Plug one in: it is found by itself.";
const NO_DRUMS = "Drums (channel 10) have no pitch and are left out.";
const LEARN = "Touch a slider, which forgets its controller; then move the one that it shall learn.";
// Kind of its messages, and where the page keeps what sliders have learned.
const [CONTROLLER, KEPT] = [0xb, "ddsp_nb controllers"];

// MIDI keyboards: asked for on a click only, since a browser then asks its user.
export class Midi {
  constructor(engine) {
    // A receiver for each port that there has been, by its id.
    Object.assign(this, { engine, access: null, words: "", receivers: new Map(), names: [] });
    // Numbers of controllers that move sliders, by the names of these.
    Object.assign(this, { learning: false, slider: null, learned: JSON.parse(localStorage.getItem(KEPT) ?? "{}") });
  }

  async learn() {
    Object.assign(this, { learning: !this.learning, slider: null });
    await this.connect();
    if (this.learning && this.names.length) this.words = LEARN;
  }

  // While one learns: a slider that is touched forgets its controller, and gets the one that is moved next.
  touch(slider) {
    if (this.learning && slider.type === "range") this.teach(slider, undefined);
  }

  teach(slider, number) {
    this.slider = slider;
    this.learned[slider.ariaLabel] = number;
    localStorage.setItem(KEPT, JSON.stringify(this.learned));
    this.engine.show();
  }

  // Whether a controller moves sliders, and then nothing else.
  turn(number, value) {
    if (this.slider) this.teach(this.slider, number);
    if (this.slider) Object.assign(this, { learning: false, slider: null, words: "" });
    const moved = [...this.root.querySelectorAll("input")].filter((input) => this.learned[input.ariaLabel] === number);
    for (const input of moved) {
      input.value = Number(input.min) + (value / 127) * (input.max - input.min);
      input.dispatchEvent(new Event("input"));
    }
    return moved.length > 0;
  }

  async connect() {
    try {
      if (!navigator.requestMIDIAccess) throw new Error(NO_MIDI);
      this.access = await navigator.requestMIDIAccess({ sysex: false });
      this.access.onstatechange = () => this.listen();
      this.listen();
    } catch (error) {
      const refused = ["NotAllowedError", "SecurityError"].includes(error.name);
      const own = error.message === NO_MIDI;
      this.words = refused ? REFUSED : own ? NO_MIDI : `MIDI cannot be used on this computer (${error.message}).`;
    }
    this.engine.show();
  }

  // Listen to all that are plugged in; the keys of one that was pulled out go up.
  listen() {
    const ports = [...this.access.inputs.values()].filter((port) => port.state !== "disconnected");
    const names = ports.map((port) => port.id);
    for (const gone of this.names.filter((name) => !names.includes(name))) this.receivers.get(gone).close();
    this.names = names;
    for (const port of ports) port.onmidimessage = ({ data }) => this.obey(port.id, data);
    for (const name of names) if (!this.receivers.has(name)) this.receivers.set(name, this.receiver(name));
    this.words = ports.length ? `Listening to ${ports.map((port) => port.name).join(", ")}.` : NONE;
    this.engine.show();
  }

  receiver(name) {
    return new Receiver(`midi ${name}`, N_CHANNELS * this.receivers.size, this.engine);
  }

  obey(port, data) {
    if (data[0] >> 4 === CONTROLLER && this.turn(data[1], data[2])) return;
    const receiver = this.receivers.get(port);
    receiver.obey(data);
    if (!receiver.n_drums || this.words.includes(NO_DRUMS)) return;
    this.words += ` ${NO_DRUMS}`;
    this.engine.show();
  }

  close() {
    for (const port of this.access?.inputs.values() ?? []) port.onmidimessage = null;
    if (this.access) this.access.onstatechange = null;
    Object.assign(this, { access: null, names: [], words: "" });
  }
}
