// Several versions of a sound that run side by side from one start, so that they can be switched at the same position.
import { audioContext, fallSilent, soundAlone } from "./audio.js";

const FADE_S = 0.01; // from one version to the next
const START_S = 0.005; // ahead, so that all versions begin on the same sample

export class Playback {
  constructor(changed) {
    this.changed = changed;
    this.sounds = new Map(); // name to AudioBuffer
    this.nodes = new Map(); // name to what is sounding
    this.now = null; // name of the version that is heard
    this.mix = null; // name to gain, where several are heard at once
    this.loop = null; // [begin, end] in s
    this.at = 0; // s, where it stands, or stood when it began to run
    this.running = false;
  }

  hold(names, rate, channels) {
    this.rate = rate;
    const context = audioContext(rate);
    this.sounds = new Map(
      names.map((name, i) => {
        const buffer = context.createBuffer(1, Math.max(1, channels[i].length), rate);
        buffer.copyToChannel(channels[i], 0);
        return [name, buffer];
      }),
    );
    if (!this.sounds.has(this.now)) this.now = names[0] ?? null;
    this.at = Math.min(this.at, this.length);
    if (this.running) this.start(this.position());
    else this.changed();
  }

  get length() {
    return Math.max(0, ...[...this.sounds.values()].map((sound) => sound.duration));
  }

  // Seconds; what is heard now left the context some time ago.
  position() {
    if (!this.running) return this.at;
    const context = audioContext(this.rate);
    const t = this.at + Math.max(0, context.currentTime - this.origin - (context.outputLatency || 0));
    if (!this.loop || t < this.loop[1]) return Math.min(t, this.length);
    const [begin, end] = this.loop;
    return begin + ((t - begin) % (end - begin));
  }

  async play() {
    if (!this.sounds.size) return;
    await soundAlone(this, audioContext(this.rate));
    this.start(this.at >= this.length - FADE_S ? (this.loop?.[0] ?? 0) : this.at);
  }

  start(at) {
    this.silence();
    const context = audioContext(this.rate);
    const whole = (t) => Math.round(t * this.rate) / this.rate; // between two samples a browser interpolates: dull
    this.at = whole(at);
    this.origin = whole(context.currentTime + START_S);
    this.running = true;
    for (const [name, buffer] of this.sounds) this.startOne(context, name, buffer);
    this.changed();
  }

  startOne(context, name, buffer) {
    const source = new AudioBufferSourceNode(context, { buffer });
    const gain = new GainNode(context, { gain: this.gainOf(name) });
    source.connect(gain).connect(context.destination);
    if (this.loop) Object.assign(source, { loop: true, loopStart: this.loop[0], loopEnd: this.loop[1] });
    source.start(this.origin, Math.min(this.at, buffer.duration));
    source.onended = () => buffer.duration >= this.length && this.end();
    this.nodes.set(name, { source, gain });
  }

  end() {
    this.silence();
    this.running = false;
    this.at = 0;
    fallSilent(this);
    this.changed();
  }

  silence() {
    for (const { source, gain } of this.nodes.values()) {
      source.onended = null;
      source.stop();
      source.disconnect();
      gain.disconnect();
    }
    this.nodes.clear();
  }

  pause() {
    if (!this.running) return;
    this.at = this.position();
    this.running = false;
    this.silence();
    fallSilent(this);
    this.changed();
  }

  seek(t) {
    const at = Math.max(0, Math.min(t, this.length));
    if (this.loop && (at < this.loop[0] || at >= this.loop[1])) this.loop = null;
    if (this.running) this.start(at);
    else {
      this.at = at;
      this.changed();
    }
  }

  gainOf(name) {
    return this.mix ? (this.mix[name] ?? 0) : Number(name === this.now);
  }

  choose(name) {
    this.now = name;
    this.fade();
    this.changed();
  }

  // Bring all versions to their gains without a click.
  fade() {
    for (const [name, { gain }] of this.nodes) {
      const t = audioContext(this.rate).currentTime;
      gain.gain.cancelScheduledValues(t);
      gain.gain.setValueAtTime(gain.gain.value, t);
      gain.gain.linearRampToValueAtTime(this.gainOf(name), t + FADE_S);
    }
  }

  setLoop(loop) {
    const at = this.position();
    this.loop = loop;
    const inside = !loop || (at >= loop[0] && at < loop[1]);
    if (this.running) this.start(inside ? at : loop[0]);
    else {
      this.at = inside ? at : loop[0];
      this.changed();
    }
  }

  release() {
    this.pause();
    this.sounds.clear();
  }
}
