import { Noise } from "./dsp/noise.js";
import { within } from "./math.js";

// White noise through 64 bands in the audio thread. Messages: { noise: { gains, level, wind }, end }.
// While the wind blows, it says what the gains are: { gains }.
const BANDS = 64;
const HOP = 512;
// In which the sound begins and ends, so that nothing clicks.
const FADE_S = 0.01;
// Noise peaks at five times its RMS once in a million samples: then it does not clip.
const LOUDEST_RMS = 0.16;
// The wind wanders around this band, as a bell with this standard deviation in bands.
const [WIND_BAND, WIND_WIDTH] = [34, 3];

class BandFadersWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    this.bank = new Noise({ sample_rate: sampleRate, hop_length: HOP, n_bands: BANDS });
    this.at = HOP;
    this.gate = 0;
    this.blown_s = 0;
    this.port.onmessage = ({ data }) => {
      this.noise = data.noise ?? this.noise;
      this.ending ||= data.end;
    };
  }

  process(_, [[out]]) {
    if (!this.noise) return !this.ending;
    const step = (this.ending ? -1 : 1) / (FADE_S * sampleRate);
    for (let i = 0; i < out.length; i++) {
      if (this.at >= HOP) this.nextHop();
      this.gate = within(this.gate + step, 0, 1);
      out[i] = this.gate * this.sound[this.at++];
    }
    return this.gate > 0;
  }

  nextHop() {
    const { wind, gains, level } = this.noise;
    const wanted = wind ? this.blow() : gains;
    const rms = Math.sqrt(this.bank.binGains(wanted).reduce((sum, gain) => sum + gain ** 2, 0) / HOP);
    const loudness = LOUDEST_RMS * Math.min(level, rms ? 1 / rms : 0);
    this.sound = this.bank.next(wanted.map((gain) => loudness * gain));
    this.at = 0;
  }

  // A bell of bands that wanders: two slow swings that never meet in the same way.
  blow() {
    this.blown_s += HOP / sampleRate;
    const at = WIND_BAND + 11 * Math.sin(0.9 * this.blown_s) + 7 * Math.sin(2.13 * this.blown_s + 1);
    const gains = Float32Array.from({ length: BANDS }, (_, i) => Math.exp(-0.5 * ((i - at) / WIND_WIDTH) ** 2));
    this.port.postMessage({ gains });
    return gains;
  }
}

registerProcessor("ddsp-band-faders", BandFadersWorklet);
