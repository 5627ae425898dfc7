import { changingButton, row, still } from "./controls.js";
import { within } from "./math.js";
import { claim, make, pointOn, sharpContext } from "./page.js";
import { playable } from "./play_controls.js";
import { NoteLoop } from "./play_loop.js";

// A map of instruments. Places are [x, y] in units of its height: x goes to `aspect`, y to 1, from the bottom.

// That are mixed where none of them lies.
const NEAREST = 3;
// Distances below it are none.
const TINY = 1e-6;
// Pixels around the map, of a click that is on a point, and of names: height, and distance from their points.
const [MARGIN, ON_POINT, LINE, BESIDE] = [16, 9, 14, 8];
// Of arrow keys; with Shift the second.
const STEPS = [0.01, 0.05];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
// Numbers of an instrument after those of its timbre.
const N_HABITS = 5;
const PART = /\s*([^:]+?)\s*:\s*([\d.]+)(?:\s+|$)/g;
const HELP = "Drag the ring, or move it by arrow keys, while keys are held or a phrase loops.";

class TimbreMap {
  constructor(engine) {
    const unknown = { names: [], kinds: [], looks: [], places: [], aspect: 1, rows: null };
    Object.assign(this, { engine, model: engine.model, at: null, pointer: null, shares: [], ...unknown });
    this.loop = new NoteLoop(engine);
    this.model.on("msg:custom", (content, buffers) => content.type === "map" && this.learn(content, buffers));
    this.model.on("change:words", () => this.model.get("words") !== this.words && this.obey());
  }

  learn({ names, kinds, looks, aspect, phrase, seconds }, [places, rows]) {
    const [flat, numbers] = [places, rows].map(({ buffer, byteOffset, byteLength }) => {
      return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    });
    const size = numbers.length / names.length;
    Object.assign(this, { names, kinds, looks, aspect });
    Object.assign(this.loop, { events: phrase, seconds });
    this.places = names.map((_, i) => [flat[2 * i], flat[2 * i + 1]]);
    this.rows = names.map((_, i) => numbers.subarray(i * size, (i + 1) * size));
    this.obey();
  }

  // [[number of an instrument, its weight], ...] of words of Python.
  obey() {
    const words = this.model.get("words");
    const parts = words.includes(":")
      ? [...words.matchAll(PART)].map(([, name, w]) => [name, Number(w)])
      : [[words, 1]];
    const known = parts.map(([name, weight]) => [this.names.indexOf(name), weight]).filter(([i]) => i >= 0);
    if (!known.length) return;
    this.play(known);
    this.at = [0, 1].map((axis) => this.mixed((i) => this.places[i][axis]));
  }

  // The mean of a number of the instruments that are heard.
  mixed(number) {
    return this.shares.reduce((sum, [i, share]) => sum + share * number(i), 0);
  }

  moveTo([x, y]) {
    this.at = [within(x, 0, this.aspect), within(y, 0, 1)];
    this.play(weightsAt(this.places, this.at));
  }

  // Instruments by their weights, in hundredths: what is heard is what the words say.
  play(weights) {
    const hundredths = weights.map(([i, weight]) => [i, Math.round(100 * weight) / 100]).filter(([, w]) => w > 0);
    const total = hundredths.reduce((sum, [, weight]) => sum + weight, 0);
    const named = hundredths.map(([i, weight]) => `${this.names[i]}:${weight}`);
    this.shares = hundredths.map(([i, weight]) => [i, weight / total]);
    this.words = named.length > 1 ? named.join(" ") : this.names[hundredths[0][0]];
    const played = Float32Array.from(this.rows[0], (_, j) => this.mixed((i) => this.rows[i][j]));
    const [attack_s, decay_db_per_s, release_s, ...heard_notes] = played.slice(-N_HABITS);
    this.engine.playAs(played.slice(0, -N_HABITS), { attack_s, decay_db_per_s, release_s, heard_notes });
  }

  // Let Python know.
  keep() {
    this.model.set("words", this.words);
    this.model.save_changes();
  }

  get spoken() {
    if (!this.shares.length) return "";
    if (this.shares.length === 1) return this.names[this.shares[0][0]];
    return this.shares.map(([i, share]) => `${share.toFixed(2)} ${this.names[i]}`).join(" + ");
  }
}

// Weights of the instruments nearest to a place: 1 for one that lies there, and none for the next but NEAREST, so that
// nothing jumps anywhere (Franke and Little).
function weightsAt(places, [x, y]) {
  const far = places.map(([a, b], i) => [Math.max(Math.hypot(a - x, b - y), TINY), i]).sort(([a], [b]) => a - b);
  const edge = Math.max(far[NEAREST]?.[0] ?? Infinity, 2 * TINY);
  const weights = far.slice(0, NEAREST).map(([distance, i]) => [i, (1 / distance - 1 / edge) ** 2]);
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  return weights.map(([i, weight]) => [i, weight / total]);
}

// The map as it is drawn: pixels of places, and back.
function geometryOf({ clientWidth, clientHeight }, aspect) {
  const [width, height] = [clientWidth - 2 * MARGIN, clientHeight - 2 * MARGIN];
  return {
    pixel: ([x, y]) => [MARGIN + (x / aspect) * width, MARGIN + (1 - y) * height],
    place: ({ x, y }) => [((x - MARGIN) / width) * aspect, 1 - (y - MARGIN) / height],
  };
}

function draw(canvas, map) {
  const { context: g, width } = sharpContext(canvas);
  const style = getComputedStyle(canvas);
  const [ink, paper] = ["--ink", "--paper"].map((name) => style.getPropertyValue(name));
  const { pixel } = geometryOf(canvas, map.aspect);
  const at = map.places.map(pixel);
  const font = style.fontFamily;
  Object.assign(g, { textBaseline: "middle", textAlign: "center", font: `12px ${font}`, lineWidth: 2 });
  at.forEach(([x, y], i) => {
    const [, colour, mark] = map.looks[map.kinds[i]];
    Object.assign(g, { fillStyle: colour, font: `${mark === "★" ? 20 : 12}px ${font}` });
    g.fillText(mark, x, y);
  });
  if (!map.at) return;
  const [x, y] = pixel(map.at);
  g.strokeStyle = ink;
  for (const [i] of map.shares) line(g, [x, y], at[i]);
  circle(g, [x, y], 9);
  Object.assign(g, { font: `12px ${font}`, textAlign: "left", fillStyle: ink, strokeStyle: paper, lineWidth: 3 });
  for (const [i, left, middle] of fitting(g, map, at, width)) {
    g.strokeText(map.names[i], left, middle);
    g.fillText(map.names[i], left, middle);
  }
}

function line(g, from, to) {
  g.globalAlpha = 0.4;
  g.beginPath();
  g.moveTo(...from);
  g.lineTo(...to);
  g.stroke();
  g.globalAlpha = 1;
}

function circle(g, [x, y], radius) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  g.stroke();
}

// [instrument, left, middle] of names that do not lie over one another: first what is heard, stars, and what lies near
// the pointer.
function fitting(g, map, at, width) {
  const heard = map.shares.map(([i]) => i);
  const [px, py] = map.pointer ?? at[heard[0]];
  const first = (i) => heard.includes(i) || map.looks[map.kinds[i]][2] === "★";
  const rank = at.map(([x, y], i) => (first(i) ? -1 : Math.hypot(x - px, y - py)));
  const order = at.map((_, i) => i).sort((i, j) => rank[i] - rank[j]);
  const taken = [];
  for (const i of order) {
    const [[x, y], size] = [at[i], g.measureText(map.names[i]).width];
    const free = [x + BESIDE, x - BESIDE - size].find((left) => {
      const apart = ([, from, middle, other]) =>
        Math.abs(middle - y) >= LINE || from >= left + size + 4 || left >= from + other + 4;
      return left >= 0 && left + size <= width && taken.every(apart);
    });
    if (free !== undefined) taken.push([i, free, y, size]);
  }
  return taken;
}

// The canvas, and what a pointer and keys do on it.
function mapCanvas(map) {
  const says = {
    role: "slider",
    "aria-label": "Map of instruments: arrow keys move what is heard",
    "aria-valuenow": 0,
  };
  const canvas = make("canvas", { className: "timbres", tabIndex: 0, ...says });
  const placeOf = (event) => geometryOf(canvas, map.aspect).place(pointOn(canvas, event));
  let dragged = false;
  canvas.onpointerdown = (event) => {
    if (event.button || !map.places.length) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    dragged = true;
    map.moveTo(nearby(map, canvas, event) ?? placeOf(event));
  };
  canvas.onpointermove = (event) => {
    const { x, y } = pointOn(canvas, event);
    map.pointer = [x, y];
    if (dragged) map.moveTo(placeOf(event));
    map.engine.show();
  };
  canvas.onlostpointercapture = () => {
    dragged = false;
    map.keep();
  };
  canvas.onpointerleave = () => {
    map.pointer = null;
    map.engine.show();
  };
  canvas.onkeydown = (event) => {
    const way = ARROWS[event.key];
    if (!way || !map.at) return;
    claim(event);
    map.moveTo(map.at.map((x, axis) => x + STEPS[Number(event.shiftKey)] * way[axis]));
    map.keep();
  };
  const show = () => {
    canvas.style.aspectRatio = map.aspect;
    canvas.setAttribute("aria-valuetext", map.spoken);
    draw(canvas, map);
  };
  return { element: canvas, show };
}

// The place of an instrument that was clicked.
function nearby(map, canvas, event) {
  const [{ x, y }, { pixel }] = [pointOn(canvas, event), geometryOf(canvas, map.aspect)];
  return map.places.find((place) => {
    const [a, b] = pixel(place);
    return Math.hypot(a - x, b - y) < ON_POINT;
  });
}

function legend(map) {
  const element = make("div", { className: "row words" });
  const show = () => {
    if (element.childElementCount === map.looks.length) return;
    const entries = map.looks.map(([kind, colour, mark]) => {
      const sign = make("span", {}, mark);
      sign.style.color = colour;
      return make("label", {}, sign, kind);
    });
    element.replaceChildren(...entries);
  };
  return { element, show };
}

function heard(map) {
  const element = make("span", { className: "question", role: "status" });
  return { element, show: () => (element.textContent = map.spoken) };
}

export default () => {
  let map = null;
  return playable((engine) => {
    map ??= new TimbreMap(engine);
    const says = () =>
      map.loop.running ? ["■ Stop the phrase", "Stop the phrase"] : ["↻ Loop a phrase", "Loop a phrase"];
    const loop = changingButton(() => map.loop.toggle(), says);
    return [row(loop, heard(map)), mapCanvas(map), legend(map), still(make("div", { className: "words" }, HELP))];
  });
};
