import { NO_PART, noteOfSound, partOfSound, soundOf } from "./play_parts.js";

// What is held down: each finger, key or MIDI key is a source that holds one note of one part. A note sounds until the
// last of its sources lets go, and the pedals of its part, if they hold it, are up again.
//   player: { noteOn(note, velocity, part), noteOff(note, part) }
export class Hands {
  // Notes of parts are numbers, `soundOf`; sustained ones are held by pedals alone, and kept ones by the second pedal.
  constructor(player) {
    Object.assign(this, { player, held: new Map(), sustained: new Set(), pedals: new Set(), kept: new Set() });
  }

  press(source, note, velocity, part = NO_PART) {
    this.release(source);
    this.held.set(source, soundOf(note, part));
    this.sustained.delete(soundOf(note, part));
    this.player.noteOn(note, velocity, part);
  }

  release(source) {
    const sound = this.held.get(source);
    if (sound === undefined) return;
    this.held.delete(source);
    if (this.holds(sound)) return;
    this.sustained.add(sound);
    this.settle(partOfSound(sound));
  }

  holds(sound) {
    return [...this.held.values()].includes(sound);
  }

  // Whether a note sounds in any part.
  sounds(note) {
    return [...this.sustained, ...this.held.values()].some((sound) => noteOfSound(sound) === note);
  }

  // A pedal that holds every key of its part which goes up.
  setPedal(down, part = NO_PART) {
    if (down) this.pedals.add(part);
    else this.pedals.delete(part);
    this.settle(part);
  }

  // One that holds the keys which are down when it goes down.
  setSostenuto(down, part = NO_PART) {
    const before = [...this.kept].filter((sound) => partOfSound(sound) === part);
    if (!down) for (const sound of before) this.kept.delete(sound);
    else if (!before.length)
      for (const sound of this.held.values()) if (partOfSound(sound) === part) this.kept.add(sound);
    this.settle(part);
  }

  // Notes of a part that no pedal holds any more end.
  settle(part) {
    for (const sound of this.sustained)
      if (partOfSound(sound) === part && !this.pedals.has(part) && !this.kept.has(sound)) this.end(sound);
  }

  end(sound) {
    this.sustained.delete(sound);
    if (!this.holds(sound)) this.player.noteOff(noteOfSound(sound), partOfSound(sound));
  }

  // All sources whose name begins so let go; pedals go up where all do.
  releaseAll(kind = "") {
    for (const source of this.held.keys()) if (source.startsWith(kind)) this.release(source);
    if (kind) return;
    this.pedals.clear();
    this.kept.clear();
    for (const sound of this.sustained) this.end(sound);
  }

  // What pedals hold in a part ends; they stay where they are.
  quiet(part) {
    for (const sound of this.sustained) if (partOfSound(sound) === part) this.end(sound);
    for (const sound of this.kept) if (partOfSound(sound) === part) this.kept.delete(sound);
  }

  // The pedals of a part go up.
  lift(part) {
    this.setSostenuto(false, part);
    this.setPedal(false, part);
  }
}
