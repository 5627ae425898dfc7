// Several versions of a sound that run side by side from one start, so that they can be switched at the same position.
import { audioContext, fallSilent, soundAlone } from "./audio.js";

const FADE_S = 0.01; // from one version to the next
const START_S = 0.005; // ahead, so that all versions begin on the same sample

export class Playback {
  constructor(changed) {
    this.watchers = new Set([changed]); // called when anything changes
    this.sounds = new Map(); // name to AudioBuffer
    this.nodes = new Map(); // name to what is sounding
    this.now = null; // name of the version that is heard
    this.mix = null; // name to gain, where several are heard at once
    this.loop = null; // [begin, end] in s
    this.next = null; // what takes over at the end of a pass of the loop
    this.at = 0; // s, where it stands, or stood when it began to run
    this.running = false;
  }

  changed() {
    this.watchers.forEach((tell) => tell());
  }

  // Other sounds, each of one channel or two. What plays goes on at the same place; a loop ends its pass first, and the
  // next pass may be another stretch.
  hold(names, rate, channels, loop = this.next?.loop ?? this.loop) {
    const context = audioContext(rate);
    const same = rate === this.rate;
    this.rate = rate;
    this.sounds = new Map(
      names.map((name, i) => {
        const [sides, length] = [channels[i], Math.max(1, channels[i][0].length)];
        const buffer = context.createBuffer(sides.length, length, rate);
        sides.forEach((samples, side) => buffer.copyToChannel(samples, side));
        return [name, buffer];
      }),
    );
    if (!this.sounds.has(this.now)) this.now = names[0] ?? null;
    if (this.running && this.loop && same) return this.takeOver(context, loop);
    this.loop = loop;
    this.at = Math.min(this.at, this.length);
    if (this.running) this.start(this.position());
    else this.changed();
  }

  takeOver(context, loop) {
    this.adopt(context.currentTime);
    const [begin, end] = this.loop;
    const left = context.currentTime + START_S - (this.origin + end - this.at);
    const passes = Math.max(0, Math.ceil(left / (end - begin)));
    const when = this.whole(this.origin + end - this.at + passes * (end - begin));
    this.stopNodes(this.next?.nodes);
    for (const { source } of this.nodes.values()) {
      source.onended = null; // their end is not the end of the piece
      source.stop(when);
    }
    this.next = { when, loop, nodes: this.sourcesFrom(context, when, loop[0], loop) };
    this.changed();
  }

  // From the end of a pass on, what was to take over is what plays.
  adopt(time) {
    if (!this.next || time < this.next.when) return;
    const { when, loop, nodes } = this.next;
    Object.assign(this, { origin: when, at: loop[0], loop, nodes, next: null });
  }

  get length() {
    return Math.max(0, ...[...this.sounds.values()].map((sound) => sound.duration));
  }

  // Seconds; what is heard now left the context some time ago.
  position() {
    if (!this.running) return this.at;
    const context = audioContext(this.rate);
    const heard = context.currentTime - (context.outputLatency || 0);
    this.adopt(heard);
    const t = this.at + Math.max(0, heard - this.origin);
    if (!this.loop || t < this.loop[1]) return Math.min(t, this.length);
    const [begin, end] = this.loop;
    return begin + ((t - begin) % (end - begin));
  }

  async play() {
    if (!this.sounds.size) return;
    await soundAlone(this, audioContext(this.rate));
    this.start(this.at >= this.length - FADE_S ? (this.loop?.[0] ?? 0) : this.at);
  }

  // A stretch, once; afterwards it stands at its beginning.
  async playOnce(begin, end) {
    if (!this.sounds.size) return;
    await soundAlone(this, audioContext(this.rate));
    this.silence();
    this.loop = null;
    this.start(begin, Math.min(end, this.length));
  }

  whole(t) {
    return Math.round(t * this.rate) / this.rate; // between two samples a browser interpolates: dull
  }

  start(at, end = Infinity) {
    this.silence();
    const context = audioContext(this.rate);
    this.at = this.whole(at);
    this.origin = this.whole(context.currentTime + START_S);
    this.running = true;
    this.nodes = this.sourcesFrom(context, this.origin, this.at, this.loop, end);
    this.changed();
  }

  // All versions from the time `when` of the context on; name to { source, gain }.
  sourcesFrom(context, when, at, loop, end = Infinity) {
    const nodes = new Map();
    for (const [name, buffer] of this.sounds) {
      const source = new AudioBufferSourceNode(context, { buffer });
      const gain = new GainNode(context, { gain: this.gainOf(name) });
      source.connect(gain).connect(context.destination);
      if (loop) Object.assign(source, { loop: true, loopStart: loop[0], loopEnd: loop[1] });
      source.start(when, Math.min(at, buffer.duration));
      if (end < buffer.duration) {
        source.stop(when + end - at);
        gain.gain.setValueAtTime(gain.gain.value, Math.max(when, when + end - at - FADE_S));
        gain.gain.linearRampToValueAtTime(0, when + end - at); // a stage that runs on into the next must not click
      }
      const last = Math.min(end, buffer.duration) >= Math.min(end, this.length);
      source.onended = () => last && this.end(end < Infinity ? at : 0);
      nodes.set(name, { source, gain });
    }
    return nodes;
  }

  end(at) {
    this.silence();
    this.running = false;
    this.at = at;
    fallSilent(this);
    this.changed();
  }

  silence() {
    this.stopNodes(this.nodes);
    this.stopNodes(this.next?.nodes);
    if (this.next) this.loop = this.next.loop; // its sounds are the ones that are held
    Object.assign(this, { nodes: new Map(), next: null });
  }

  stopNodes(nodes = new Map()) {
    for (const { source, gain } of nodes.values()) {
      source.onended = null;
      source.stop();
      source.disconnect();
      gain.disconnect();
    }
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
    if (this.loop && (at < this.loop[0] || at >= this.loop[1])) {
      this.silence();
      this.loop = null;
    }
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
    for (const [name, { gain }] of [...this.nodes, ...(this.next?.nodes ?? [])]) {
      const t = audioContext(this.rate).currentTime;
      gain.gain.cancelScheduledValues(t);
      gain.gain.setValueAtTime(gain.gain.value, t);
      gain.gain.linearRampToValueAtTime(this.gainOf(name), t + FADE_S);
    }
  }

  setLoop(loop) {
    const at = this.position();
    this.silence();
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
