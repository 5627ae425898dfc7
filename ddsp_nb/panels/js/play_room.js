import { FADED_MS } from "./live.js";

// Of a change, so that nothing clicks: in it two thirds of the way are gone.
const FADE_S = 0.01;

// What a room adds to the sound of one node, led to another: beside the direct sound, which stays as early and as loud.
export class Room {
  // impulse: its response without the first sample.
  constructor(node, to, impulse) {
    const { context } = node;
    const buffer = new AudioBuffer({ length: impulse.length, sampleRate: context.sampleRate });
    buffer.copyToChannel(impulse, 0);
    Object.assign(this, { impulse, level: new GainNode(context, { gain: 0 }) });
    node
      .connect(new ConvolverNode(context, { buffer, disableNormalization: true }))
      .connect(this.level)
      .connect(to);
  }

  turn(gain) {
    this.level.gain.setTargetAtTime(gain, this.level.context.currentTime, FADE_S);
  }

  leave() {
    this.turn(0);
    setTimeout(() => this.level.disconnect(), FADED_MS);
  }
}
