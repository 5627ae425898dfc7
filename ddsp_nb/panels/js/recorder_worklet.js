// Collects what it hears, in the audio thread, and sends it in parts; any message ends it.
const PART_SAMPLES = 4096;

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.part = new Float32Array(PART_SAMPLES);
    this.filled = 0;
    this.on = true;
    this.port.onmessage = () => (this.on = false);
  }

  process([[samples]]) {
    for (const sample of samples ?? []) {
      this.part[this.filled++] = sample;
      if (this.filled === PART_SAMPLES) this.send(false);
    }
    if (!this.on) this.send(true);
    return this.on;
  }

  send(last) {
    this.port.postMessage({ part: this.part.slice(0, this.filled), last });
    this.filled = 0;
  }
}

registerProcessor("ddsp-recorder", Recorder);
