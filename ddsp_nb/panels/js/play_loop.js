// Notes that come again and again, as if hands played them.
export class NoteLoop {
  //   engine: `Engine`, of which this uses hands, playing and show; events: [[seconds, "on" or "off", note, velocity]].
  constructor(engine) {
    Object.assign(this, { engine, events: [], seconds: 0, running: false, timers: [] });
  }

  toggle() {
    if (this.running) this.stop();
    else this.begin();
  }

  begin() {
    Object.assign(this, { running: true, heard: false });
    this.round();
  }

  round() {
    this.timers = this.events.map(([s, ...event]) => setTimeout(() => this.play(...event), 1000 * s));
    this.timers.push(setTimeout(() => this.round(), 1000 * this.seconds));
    this.engine.show();
  }

  // What stops the instrument, or hides the page, stops the loop, too.
  play(kind, note, velocity) {
    const { engine } = this;
    if ((this.heard && !engine.playing) || document.hidden) this.stop();
    else if (kind === "on") engine.hands.press(`loop ${note}`, note, velocity);
    else if (kind === "off") engine.hands.release(`loop ${note}`);
    this.heard = true;
  }

  stop() {
    this.running = false;
    this.timers.forEach(clearTimeout);
    this.engine.hands.releaseAll("loop");
    this.engine.show();
  }
}
