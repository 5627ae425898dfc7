// What is held down: each finger, key or MIDI key is a source that holds one note. A note sounds until the last of its
// sources lets go, and the pedal, if it is down, is up again.
//   player: { noteOn(note, velocity), noteOff(note) }
export class Hands {
  constructor(player) {
    Object.assign(this, { player, held: new Map(), sustained: new Set(), pedal: false });
  }

  press(source, note, velocity) {
    this.release(source);
    this.held.set(source, note);
    this.sustained.delete(note);
    this.player.noteOn(note, velocity);
  }

  release(source) {
    const note = this.held.get(source);
    if (note === undefined) return;
    this.held.delete(source);
    if (this.holds(note)) return;
    if (this.pedal) this.sustained.add(note);
    else this.player.noteOff(note);
  }

  holds(note) {
    return [...this.held.values()].includes(note);
  }

  sounds(note) {
    return this.sustained.has(note) || this.holds(note);
  }

  setPedal(down) {
    this.pedal = down;
    if (down) return;
    const notes = [...this.sustained];
    this.sustained.clear();
    for (const note of notes) if (!this.holds(note)) this.player.noteOff(note);
  }

  // All sources whose name begins so let go; the pedal goes up with what it belongs to.
  releaseAll(kind = "") {
    for (const source of this.held.keys()) if (source.startsWith(kind)) this.release(source);
    if (!kind || kind.startsWith("midi")) this.setPedal(false);
  }
}
