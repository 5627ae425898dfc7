import { Harmonics, sineDirections } from "./dsp/harmonics.js";
import { within } from "./math.js";

// A tone of 64 sines in the audio thread. Messages: { tone: { amplitudes, hz, cents, rate, wall }, sweep, end }.
// While it sweeps, it says where it is: { hz }, and { hz: null } at the end.
const HARMONICS = 64;
const SINES = sineDirections(HARMONICS);
// Changes and fades take about this long, so that nothing clicks.
const SMOOTH_S = 0.01;
// Three octaves up, and back.
const SWEEP_S = 6;
// A harmonic fades out so far below the wall.
const TAPER_HZ = 500;
const REPORT_S = 0.04;

class DrawbarsWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    this.harmonics = new Harmonics(sampleRate, HARMONICS);
    this.vibrato_periods = 0;
    this.gate = 0;
    this.smoothed = new Float64Array(HARMONICS);
    this.sounding = new Float64Array(HARMONICS);
    this.port.onmessage = ({ data }) => this.hear(data);
  }

  hear({ tone, sweep, end }) {
    if (tone && !this.tone) {
      this.smoothed.set(tone.amplitudes);
      this.base = tone.hz;
    }
    this.tone = tone ?? this.tone;
    this.ending ||= end;
    if (sweep !== undefined) [this.swept, this.reported] = sweep ? [0, -1] : [null, 0];
  }

  process(_, [[out]]) {
    if (!this.tone) return !this.ending;
    const seconds = out.length / sampleRate;
    const hz = this.nextPitch(seconds);
    // The block in which the gate closes still leads there: its last sample is not silent, the next block is.
    const silent = this.ending && !this.gate;
    this.gate = within(this.gate + ((this.ending ? -1 : 1) * seconds) / SMOOTH_S, 0, 1);
    this.nextLevels(hz, 1 - Math.exp(-seconds / SMOOTH_S));
    this.harmonics.folds = !this.tone.wall;
    this.harmonics.leave(out.length);
    this.harmonics.aim(hz, this.sounding, SINES);
    this.harmonics.add(out, 0, out.length);
    return !silent;
  }

  nextPitch(seconds) {
    const { hz, cents, rate } = this.tone;
    this.base += (1 - Math.exp(-seconds / SMOOTH_S)) * (hz - this.base);
    this.vibrato_periods = (this.vibrato_periods + rate * seconds) % 1;
    const swung = this.base * 2 ** ((cents / 1200) * Math.sin(2 * Math.PI * this.vibrato_periods));
    return typeof this.swept === "number" ? swung * 2 ** this.nextOctaves(seconds) : swung;
  }

  nextOctaves(seconds) {
    this.swept += seconds;
    const over = this.swept >= SWEEP_S;
    const octaves = over ? 0 : 3 * (1 - Math.abs(1 - (2 * this.swept) / SWEEP_S));
    if (over || this.swept > this.reported + REPORT_S) {
      this.port.postMessage({ hz: over ? null : this.base * 2 ** octaves });
      this.reported = this.swept;
    }
    if (over) this.swept = null;
    return octaves;
  }

  nextLevels(hz, pull) {
    const { amplitudes, wall } = this.tone;
    for (let i = 0; i < HARMONICS; i++) {
      this.smoothed[i] += pull * (amplitudes[i] - this.smoothed[i]);
      const room = wall ? within((sampleRate / 2 - (i + 1) * hz) / TAPER_HZ, 0, 1) : 1;
      this.sounding[i] = this.gate * room * this.smoothed[i];
    }
  }
}

registerProcessor("ddsp-drawbars", DrawbarsWorklet);
