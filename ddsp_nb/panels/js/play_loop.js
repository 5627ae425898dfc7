// Notes that come again and again, as if hands played them.
export class NoteLoop {
  //   engine: `Engine`, of which this uses hands, playing and show; events: [[seconds, "on" or "off", note, velocity]].
  constructor(engine) {
    Object.assign(this, { engine, events: [], seconds: 0, running: false, timers: [] });
  }

  toggle() {
    if (this.running) return this.stop();
    Object.assign(this, { running: true, heard: false });
    this.round();
  }

  round() {
    const after = (seconds, act) => setTimeout(act, 1000 * seconds);
    this.timers = this.events.map(([seconds, ...event]) => after(seconds, () => this.play(...event)));
    this.timers.push(after(this.seconds, () => this.round()));
    this.engine.show();
  }

  // What stops the instrument or hides the page stops the loop, too.
  play(kind, note, velocity) {
    const { hands, playing } = this.engine;
    if ((this.heard && !playing) || document.hidden) this.stop();
    else if (kind === "on") hands.press(`loop ${note}`, note, velocity);
    else if (kind === "off") hands.release(`loop ${note}`);
    this.heard = true;
  }

  stop() {
    this.running = false;
    this.timers.forEach(clearTimeout);
    this.engine.hands.releaseAll("loop");
    this.engine.show();
  }
}
