// Kinds of messages, and numbers of controllers.
const [NOTE_OFF, NOTE_ON, KEY_PRESSURE, CONTROL, PRESSURE, BEND] = [0x80, 0x90, 0xa0, 0xb0, 0xd0, 0xe0];
const [WHEEL, VOLUME, EXPRESSION, PEDAL, ALL_SOUND_OFF, ALL_NOTES_OFF] = [1, 7, 11, 64, 120, 123];
// Values that General MIDI gives: where volumes change nothing, from where on a pedal is down, and how far a wheel bends.
const USUAL = { [VOLUME]: 100, [EXPRESSION]: 127 };
const PEDAL_DOWN = 64;
const [WHEEL_SEMITONES, WHEEL_STEPS] = [2, 8192];
const NO_MIDI = "This browser has no Web MIDI. Use Chrome, Edge or Firefox, or play with the keys of the computer.";
const REFUSED = "The browser may not use MIDI. Allow it (the sign beside the address), then press MIDI again.";
const NONE = "No MIDI keyboard is plugged in. Plug one in: it is found by itself.";

// MIDI keyboards: asked for on a click only, since a browser then asks its user.
export class Midi {
  constructor(engine) {
    Object.assign(this, { engine, hands: engine.hands, access: null, words: "", volumes: { ...USUAL } });
    this.pressure = { wheel: 0, key: 0 };
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
    for (const gone of (this.names ?? []).filter((name) => !names.includes(name)))
      this.hands.releaseAll(`midi ${gone} `);
    this.names = names;
    for (const port of ports) port.onmidimessage = ({ data }) => this.obey(port.id, data);
    this.words = ports.length ? `Listening to ${ports.map((port) => port.name).join(", ")}.` : NONE;
    this.engine.show();
  }

  obey(port, [status, first = 0, second = 0]) {
    const kind = status & 0xf0;
    const source = `midi ${port} ${status & 15} ${first}`;
    if (kind === NOTE_ON && second) this.hands.press(source, first, second);
    else if (kind === NOTE_ON || kind === NOTE_OFF) this.hands.release(source);
    else if (kind === BEND) this.bend(((second << 7) | first) / WHEEL_STEPS - 1);
    else if (kind === PRESSURE) this.swell({ key: first / 127 });
    else if (kind === KEY_PRESSURE) this.swell({ key: second / 127 });
    else if (kind === CONTROL) this.control(first, second);
  }

  bend(share) {
    this.engine.set({ bend_semitones: WHEEL_SEMITONES * share });
  }

  // A wheel or a key that is pressed makes all notes louder, with the timbre that goes with it.
  swell(change) {
    Object.assign(this.pressure, change);
    this.engine.set({ swell: Math.max(...Object.values(this.pressure)) });
  }

  control(number, value) {
    if (number === PEDAL) this.hands.setPedal(value >= PEDAL_DOWN);
    else if (number === WHEEL) this.swell({ wheel: value / 127 });
    else if (number in USUAL) this.setVolume(number, value);
    else if (number === ALL_SOUND_OFF || number === ALL_NOTES_OFF) this.hands.releaseAll();
    this.engine.show();
  }

  setVolume(number, value) {
    this.volumes[number] = value;
    const decades = Object.entries(this.volumes).map(([n, v]) => Math.log10(Math.max(v, 1) / USUAL[n]));
    this.engine.set({ volume_decades: decades.reduce((a, b) => a + b) });
  }

  close() {
    for (const port of this.access?.inputs.values() ?? []) port.onmidimessage = null;
    if (this.access) this.access.onstatechange = null;
    Object.assign(this, { access: null, names: [], words: "" });
  }
}
