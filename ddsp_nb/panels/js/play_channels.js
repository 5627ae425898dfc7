import { within } from "./math.js";

// Kinds of messages.
const [NOTE_OFF, NOTE_ON, KEY_PRESSURE, CONTROL, PRESSURE, BEND, SYSTEM] = [0x80, 0x90, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0];
// Numbers of controllers; from the last on all end notes.
const [WHEEL, VOLUME, EXPRESSION, PEDAL, SOSTENUTO] = [1, 7, 11, 64, 66];
const [ALL_SOUND_OFF, RESET, ALL_NOTES_OFF] = [120, 121, 123];
// A registered parameter is chosen by two numbers, or taken out of reach by those of a maker's own, and then set.
const [DATA, DATA_FINE, MORE, LESS, OWN_FINE, OWN, REGISTERED_FINE, REGISTERED] = [6, 38, 96, 97, 98, 99, 100, 101];
const PARAMETER_CONTROLS = [DATA, DATA_FINE, MORE, LESS, OWN_FINE, OWN, REGISTERED_FINE, REGISTERED];
// Its two numbers as one.
const [BEND_RANGE, ZONE, NO_PARAMETER] = [0, 6, (127 << 7) | 127];
// Values that General MIDI gives: where volumes change nothing, from where on a pedal is down, how far a wheel bends.
const USUAL = { [VOLUME]: 100, [EXPRESSION]: 127 };
const PEDAL_DOWN = 64;
const [RANGE_CENTS, WHEEL_STEPS, MOST_SEMITONES] = [200, 8192, 96];
const DRUMS = 9;
export const N_CHANNELS = 16;
// MPE: the first or the last channel speaks for the channels beside it, each of which has a note of its own.
const [LOWER, UPPER, MEMBER_CENTS] = [0, N_CHANNELS - 1, 4800];

// What the messages of one channel mean: `MidiDecoder` of Python.
class Channel {
  //   name: that its keys begin with; engine: `Engine`, of which this uses hands and tell.
  constructor(name, part, engine) {
    Object.assign(this, { name, part, engine, hands: engine.hands, struck: new Map(), volumes: { ...USUAL } });
    Object.assign(this, { parameter: NO_PARAMETER, range_cents: RANGE_CENTS, wheel: 0, zone_semitones: 0 });
    this.pressure = { wheel: 0, key: 0 };
  }

  obey(kind, first, second) {
    if (kind === NOTE_ON && second) this.press(first, second);
    else if (kind === NOTE_ON || kind === NOTE_OFF) this.release(first);
    else if (kind === BEND) this.bend(((second << 7) | first) / WHEEL_STEPS - 1);
    else if (kind === PRESSURE) this.swell({ key: first / 127 });
    else if (kind === KEY_PRESSURE) this.swell({ key: second / 127 });
    else if (kind === CONTROL) this.control(first, second);
  }

  // A key that is struck again before it goes up sounds until it has gone up as often.
  press(note, velocity) {
    const n = (this.struck.get(note) ?? 0) + 1;
    this.struck.set(note, n);
    this.hands.press(`${this.name} ${note} ${n}`, note, velocity, this.part);
  }

  release(note) {
    const n = this.struck.get(note) ?? 0;
    this.struck.set(note, Math.max(n - 1, 0));
    this.hands.release(`${this.name} ${note} ${n}`);
  }

  get own_semitones() {
    return (this.wheel * this.range_cents) / 100;
  }

  bend(wheel = this.wheel) {
    this.wheel = wheel;
    const bend_semitones = within(this.own_semitones + this.zone_semitones, -MOST_SEMITONES, MOST_SEMITONES);
    this.engine.tell(this.part, { bend_semitones });
  }

  setRange(cents) {
    this.range_cents = cents;
    this.bend();
  }

  // A wheel or a key that is pressed makes notes louder, with the timbre that goes with it.
  swell(change) {
    Object.assign(this.pressure, change);
    this.engine.tell(this.part, { swell: Math.max(...Object.values(this.pressure)) });
  }

  control(number, value) {
    if (number === PEDAL) this.hands.setPedal(value >= PEDAL_DOWN, this.part);
    else if (number === SOSTENUTO) this.hands.setSostenuto(value >= PEDAL_DOWN, this.part);
    else if (number === WHEEL) this.swell({ wheel: value / 127 });
    else if (number in USUAL) this.setVolume(number, value);
    else if (number === RESET) this.reset();
    else if (number === ALL_SOUND_OFF || number >= ALL_NOTES_OFF) this.quiet();
    else if (PARAMETER_CONTROLS.includes(number)) this.setParameter(number, value);
  }

  setVolume(number, value) {
    this.volumes[number] = value;
    const decades = Object.entries(this.volumes).map(([n, v]) => Math.log10(Math.max(v, 1) / USUAL[n]));
    this.engine.tell(this.part, { volume_decades: decades.reduce((a, b) => a + b) });
  }

  // Volume and bend range stay as they are.
  reset() {
    this.parameter = NO_PARAMETER;
    this.hands.lift(this.part);
    this.setVolume(EXPRESSION, USUAL[EXPRESSION]);
    this.swell({ wheel: 0, key: 0 });
    this.bend(0);
  }

  quiet() {
    this.struck.clear();
    this.hands.releaseAll(`${this.name} `);
    this.hands.quiet(this.part);
  }

  setParameter(number, value) {
    const { parameter, range_cents } = this;
    if (number === OWN || number === OWN_FINE) this.parameter = NO_PARAMETER;
    else if (number === REGISTERED) this.parameter = (value << 7) | (parameter & 127);
    else if (number === REGISTERED_FINE) this.parameter = (parameter & ~127) | value;
    else if (parameter !== BEND_RANGE) return;
    else if (number === DATA) this.setRange(100 * value);
    else if (number === DATA_FINE) this.setRange(range_cents - (range_cents % 100) + value);
    else this.setRange(Math.max(range_cents + (number === MORE ? 1 : -1), 0));
  }
}

// What arrives at a port: channels, zones of MPE, and drums, which have no pitch; `MidiReceiver` of Python.
export class Receiver {
  //   name: that all its keys begin with; first_part: of its channels.
  constructor(name, first_part, engine) {
    const channel = (_, i) => new Channel(`${name} ${i}`, first_part + i, engine);
    Object.assign(this, { name, engine, channels: Array.from({ length: N_CHANNELS }, channel) });
    // Channels that others speak for, and drums that were left out.
    Object.assign(this, { members: { [LOWER]: [], [UPPER]: [] }, n_drums: 0 });
  }

  obey([status, first = 0, second = 0]) {
    const [kind, number] = [status & 0xf0, status & 15];
    if (kind === SYSTEM) return;
    if (number === DRUMS && !Object.values(this.members).flat().includes(DRUMS)) {
      if (kind === NOTE_ON && second) this.n_drums++;
      return;
    }
    const isZone = kind === CONTROL && first === DATA && this.channels[number].parameter === ZONE;
    if (isZone && number in this.members) return this.setZone(number, second);
    for (const reached of this.reached(kind, number, first)) this.channels[reached].obey(kind, first, second);
    this.bendZone(number);
  }

  // Channels that a message counts for: those of a zone for controllers and pressure, and its members for a bend range.
  reached(kind, number, control) {
    if (kind === CONTROL && PARAMETER_CONTROLS.includes(control))
      return Object.values(this.members).find((zone) => zone.includes(number)) ?? [number];
    return kind === CONTROL || kind === PRESSURE ? [number, ...(this.members[number] ?? [])] : [number];
  }

  // What the wheel of a whole zone adds to its members', where it has moved.
  bendZone(speaker) {
    const semitones = this.channels[speaker].own_semitones;
    for (const member of this.members[speaker] ?? []) {
      const channel = this.channels[member];
      if (channel.zone_semitones === semitones) continue;
      channel.zone_semitones = semitones;
      channel.bend();
    }
  }

  // Begin a zone, which takes its channels from the other one, or end it where it has no members.
  setZone(speaker, asked) {
    const n = Math.min(asked, N_CHANNELS - 1);
    const other = UPPER - speaker;
    const before = Object.values(this.members).flat();
    const left = Math.min(this.members[other].length, Math.max(N_CHANNELS - 2 - n, 0));
    const size = { [speaker]: n, [other]: left };
    this.members[LOWER] = Array.from({ length: size[LOWER] }, (_, i) => 1 + i);
    this.members[UPPER] = Array.from({ length: size[UPPER] }, (_, i) => UPPER - size[UPPER] + i);
    const now = Object.values(this.members).flat();
    this.channels[speaker].setRange(RANGE_CENTS);
    for (const member of new Set([...before.filter((one) => !now.includes(one)), ...this.members[speaker]])) {
      this.channels[member].zone_semitones = 0;
      this.channels[member].setRange(now.includes(member) ? MEMBER_CENTS : RANGE_CENTS);
    }
    this.bendZone(LOWER);
    this.bendZone(UPPER);
  }

  // Its keys and pedals go up.
  close() {
    this.engine.hands.releaseAll(`${this.name} `);
    for (const { part } of this.channels) this.engine.hands.lift(part);
  }
}
