import { PitchTracker } from "./play_pitch.js";

// Follows pitch and level of what the microphone hears, in the audio thread; any message ends it.
class MicrophoneWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    this.on = true;
    this.tracker = new PitchTracker(sampleRate, (heard) => this.port.postMessage(heard));
    this.port.onmessage = () => (this.on = false);
  }

  process([[samples]]) {
    if (samples) this.tracker.take(samples);
    return this.on;
  }
}

registerProcessor("ddsp-microphone", MicrophoneWorklet);
