import { Noise } from "./dsp/noise.js";
import { within } from "./math.js";
import { AHEAD, MOST_AHEAD, rowWidth } from "./play_frames.js";
import { Voice } from "./play_voice.js";
import "./recorder_worklet.js";

// The instrument in the audio thread: voices and their noise. It asks the network's thread for the frames that it
// needs next, so nothing drifts and no timer is involved. Messages: { sizes, port }, { end }, { count }, { look }; to the
// last two it answers { counts: { starved, frames, voices } } and { seen: { gains, voices } }.

// In which all ends, so that nothing clicks.
const FADE_S = 0.01;
// Of full scale: everything is turned down to it, and the level comes back in this time.
const [LOUDEST, RECOVERY_S] = [0.95, 0.5];

class PlayWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    Object.assign(this, { voices: new Map(), ahead: AHEAD, fade: 1 });
    Object.assign(this, { starved: 0, frames: 0, noise_at: Infinity, since_asked: 0 });
    this.port.onmessage = ({ data }) => this.hear(data);
  }

  hear({ sizes, port, count, look, end }) {
    if (sizes) this.begin(sizes, port);
    if (count) this.report();
    if (look) this.show();
    this.ending ||= end;
  }

  begin(sizes, port) {
    Object.assign(this, { sizes, source: port });
    this.noise = new Noise(sizes);
    this.gains = new Float32Array(sizes.n_bands);
    port.onmessage = ({ data }) => this.take(data);
  }

  report() {
    const { starved, frames, voices } = this;
    this.port.postMessage({ counts: { starved, frames, voices: voices.size } });
    Object.assign(this, { starved: 0, frames: 0 });
  }

  // What sounds now, for a picture: on the way to the next frame, as far as that is.
  show() {
    const voices = Array.from(this.voices.values(), ({ hz_to, sin_to, cos_to }) => ({ hz: hz_to, sin_to, cos_to }));
    this.port.postMessage({ seen: { gains: this.gains, voices } });
  }

  // Rows of frames; a voice that is not known begins with its first.
  take(rows) {
    const width = rowWidth(this.sizes);
    for (let at = 0; at < rows.length; at += width) {
      const row = rows.slice(at, at + width);
      const [number, , last] = row;
      // One that is not known and has a last frame has ended before.
      if (!this.voices.has(number) && last) continue;
      if (!this.voices.has(number)) this.voices.set(number, new Voice(this.sizes));
      this.voices.get(number).take(row);
      this.frames++;
    }
  }

  process(_, [[out]]) {
    if (!this.sizes) return !this.ending;
    let late = false;
    for (const [number, voice] of this.voices) {
      late = voice.render(out) || late;
      if (voice.over) this.voices.delete(number);
    }
    if (late) this.ahead = Math.min(this.ahead + 1, MOST_AHEAD);
    if (late) this.starved++;
    this.ask(out.length);
    this.addNoise(out);
    this.finish(out);
    return this.fade > 0;
  }

  // Ask for what will be needed, once a hop for all voices together, which share the reading of the weights: each has
  // `ahead` frames waiting or on their way.
  ask(n_samples) {
    this.since_asked += n_samples;
    if (this.since_asked < this.sizes.hop_length) return;
    this.since_asked = 0;
    const need = [];
    for (let wanted = 1; wanted <= this.ahead; wanted++)
      for (const [number, voice] of this.voices) if (voice.lacks(wanted)) need.push(number);
    if (need.length) this.source.postMessage({ need, ahead: this.ahead });
  }

  addNoise(out) {
    for (let i = 0; i < out.length; i++) {
      if (this.noise_at >= this.sizes.hop_length) {
        this.hiss = this.noise.next(this.sumGains());
        this.noise_at = 0;
      }
      out[i] += this.hiss[this.noise_at++];
    }
  }

  // Powers add up: the gains of all voices together, or null where no noise sounds.
  sumGains() {
    const { gains, sizes } = this;
    gains.fill(0);
    for (const voice of this.voices.values())
      for (let band = 0; band < gains.length; band++) gains[band] += voice.gains[band] ** 2;
    let loudest = 0;
    for (let band = 0; band < gains.length; band++) {
      gains[band] = Math.min(Math.sqrt(gains[band]), sizes.max_noise_gain);
      loudest = Math.max(loudest, gains[band]);
    }
    return loudest ? gains : null;
  }

  // Fade out at the end.
  finish(out) {
    const fade_step = this.ending ? 1 / (FADE_S * sampleRate) : 0;
    for (let i = 0; i < out.length; i++) {
      out[i] *= this.fade;
      this.fade = Math.max(0, this.fade - fade_step);
    }
  }
}

// Turns down what many voices, and a room that adds to them, would clip together. Without a sound to come it ends.
class Limiter extends AudioWorkletProcessor {
  turned_down = 1;

  process([[sound]], [[out]]) {
    let peak = 0;
    for (const sample of sound ?? []) peak = Math.max(peak, Math.abs(sample));
    const before = this.turned_down;
    const recovered = before + out.length / (RECOVERY_S * sampleRate);
    this.turned_down = Math.min(LOUDEST / Math.max(peak, LOUDEST), recovered);
    sound?.forEach((sample, i) => {
      const gain = before + ((this.turned_down - before) * i) / out.length;
      out[i] = within(gain * sample, -1, 1);
    });
    return Boolean(sound);
  }
}

registerProcessor("ddsp-limiter", Limiter);
registerProcessor("ddsp-play", PlayWorklet);
