// Several versions of a sound that run side by side from one start, so that they can be switched at the same position.
import { audioContext, fallSilent, soundAlone } from "./audio.js";
import { within } from "./math.js";

// From one version to the next.
const FADE_S = 0.01;
// Ahead of the clock, so that all versions begin on the same sample.
const START_S = 0.005;

export class Playback {
  constructor(changed) {
    // Called when anything changes.
    this.watchers = new Set([changed]);
    // Name to AudioBuffer, and name to { source, gain } of what is sounding.
    [this.sounds, this.nodes] = [new Map(), new Map()];
    // Name of the version that is heard, or name to gain where several are heard at once.
    [this.now, this.mix] = [null, null];
    // [begin, end] in s, and what takes over at the end of a pass of the loop.
    [this.loop, this.next] = [null, null];
    // Where it stands, or stood when it began to run, in s.
    this.at = 0;
    this.running = false;
  }

  get context() {
    return audioContext(this.rate);
  }

  get length() {
    return Math.max(0, ...[...this.sounds.values()].map((sound) => sound.duration));
  }

  changed() {
    this.watchers.forEach((tell) => tell());
  }

  // Other sounds, each of one channel or two. What plays goes on at the same place; a loop ends its pass first, and the
  // next pass may be another stretch.
  hold(names, rate, channels, loop = this.next?.loop ?? this.loop) {
    const same = rate === this.rate;
    this.rate = rate;
    const bufferOf = (sides) => {
      const buffer = this.context.createBuffer(sides.length, Math.max(1, sides[0].length), rate);
      sides.forEach((samples, side) => buffer.copyToChannel(samples, side));
      return buffer;
    };
    this.sounds = new Map(names.map((name, i) => [name, bufferOf(channels[i])]));
    if (!this.sounds.has(this.now)) this.now = names[0] ?? null;
    if (this.running && this.loop && same) return this.takeOver(loop);
    this.loop = loop;
    this.at = Math.min(this.at, this.length);
    this.moveTo(this.position());
  }

  takeOver(loop) {
    const now = this.context.currentTime;
    this.adopt(now);
    const [begin, end] = this.loop;
    const passEnd = this.origin + end - this.at;
    const passes = Math.max(0, Math.ceil((now + START_S - passEnd) / (end - begin)));
    const when = this.whole(passEnd + passes * (end - begin));
    this.stopNodes(this.next?.nodes);
    for (const { source } of this.nodes.values()) {
      // Their end is not the end of the piece.
      source.onended = null;
      source.stop(when);
    }
    this.next = { when, loop, nodes: this.sourcesFrom(when, loop[0], loop) };
    this.changed();
  }

  // From the end of a pass on, what was to take over is what plays.
  adopt(time) {
    if (!this.next || time < this.next.when) return;
    const { when, loop, nodes } = this.next;
    Object.assign(this, { origin: when, at: loop[0], loop, nodes, next: null });
  }

  // Seconds; what is heard now left the context some time ago.
  position() {
    if (!this.running) return this.at;
    const heard = this.context.currentTime - (this.context.outputLatency || 0);
    this.adopt(heard);
    const t = this.at + Math.max(0, heard - this.origin);
    if (!this.loop || t < this.loop[1]) return Math.min(t, this.length);
    const [begin, end] = this.loop;
    return begin + ((t - begin) % (end - begin));
  }

  async play() {
    if (!this.sounds.size) return;
    await soundAlone(this, this.context);
    this.start(this.at >= this.length - FADE_S ? (this.loop?.[0] ?? 0) : this.at);
  }

  // A stretch, once; afterwards it stands at its beginning.
  async playOnce(begin, end) {
    if (!this.sounds.size) return;
    await soundAlone(this, this.context);
    this.silence();
    this.loop = null;
    this.start(begin, Math.min(end, this.length));
  }

  // The nearest time of a sample: between two of them a browser interpolates, which is dull.
  whole(t) {
    return Math.round(t * this.rate) / this.rate;
  }

  start(at, end = Infinity) {
    this.silence();
    this.at = this.whole(at);
    this.origin = this.whole(this.context.currentTime + START_S);
    this.running = true;
    this.nodes = this.sourcesFrom(this.origin, this.at, this.loop, end);
    this.changed();
  }

  // All versions from the time `when` of the context on; name to { source, gain }.
  sourcesFrom(when, at, loop, end = Infinity) {
    const { context } = this;
    const nodes = new Map();
    for (const [name, buffer] of this.sounds) {
      const source = new AudioBufferSourceNode(context, { buffer });
      const gain = new GainNode(context, { gain: this.gainOf(name) });
      source.connect(gain).connect(context.destination);
      if (loop) Object.assign(source, { loop: true, loopStart: loop[0], loopEnd: loop[1] });
      source.start(when, Math.min(at, buffer.duration));
      if (end < buffer.duration) {
        // A stage that runs on into the next must not click.
        const stop = when + end - at;
        source.stop(stop);
        gain.gain.setValueAtTime(gain.gain.value, Math.max(when, stop - FADE_S));
        gain.gain.linearRampToValueAtTime(0, stop);
      }
      const last = Math.min(end, buffer.duration) >= Math.min(end, this.length);
      source.onended = () => last && this.stand(end < Infinity ? at : 0);
      nodes.set(name, { source, gain });
    }
    return nodes;
  }

  stand(at) {
    this.running = false;
    this.at = at;
    this.silence();
    fallSilent(this);
    this.changed();
  }

  pause() {
    if (this.running) this.stand(this.position());
  }

  silence() {
    this.stopNodes(this.nodes);
    this.stopNodes(this.next?.nodes);
    // The sounds of what was to take over are the ones that are held.
    if (this.next) this.loop = this.next.loop;
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

  // Go on from another place, or stand there.
  moveTo(at) {
    if (this.running) return this.start(at);
    this.at = at;
    this.changed();
  }

  seek(t) {
    const at = within(t, 0, this.length);
    if (this.loop && (at < this.loop[0] || at >= this.loop[1])) {
      this.silence();
      this.loop = null;
    }
    this.moveTo(at);
  }

  setLoop(loop) {
    const at = this.position();
    this.silence();
    this.loop = loop;
    this.moveTo(!loop || (at >= loop[0] && at < loop[1]) ? at : loop[0]);
  }

  choose(name) {
    this.now = name;
    this.fade();
    this.changed();
  }

  gainOf(name) {
    return this.mix ? (this.mix[name] ?? 0) : Number(name === this.now);
  }

  // Bring all versions to their gains without a click.
  fade() {
    for (const [name, { gain }] of [...this.nodes, ...(this.next?.nodes ?? [])]) {
      const t = this.context.currentTime;
      gain.gain.cancelScheduledValues(t);
      gain.gain.setValueAtTime(gain.gain.value, t);
      gain.gain.linearRampToValueAtTime(this.gainOf(name), t + FADE_S);
    }
  }

  release() {
    this.pause();
    this.sounds.clear();
  }
}
