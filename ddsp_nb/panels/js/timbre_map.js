import { changingButton, row } from "./controls.js";
import { within } from "./math.js";
import { claim, floatsOf, make, pointOn, sharpContext } from "./page.js";
import { playable } from "./play_controls.js";
import { NoteLoop } from "./play_loop.js";

// That are mixed where none of them lies; distances below TINY are none.
const [NEAREST, TINY] = [3, 1e-6];
// Pixels around the map, of a click that is on a point, and of names: height, distance from marks beside and above.
const [MARGIN, ON_POINT, LINE, BESIDE, MARK] = [16, 9, 14, 8, 9];
// Of arrow keys, in heights of the map.
const STEP = 0.01;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
// Numbers of an instrument: its place, its timbre, and these.
const [N_PLACE, N_HABITS] = [2, 5];
const PART = /\s*([^:]+?)\s*:\s*([\d.]+)(?:\s+|$)/g;
const STAR = "★";
const LABEL = "Map of instruments. Arrow keys move the ring: what lies there is heard";
const HELP = "Drag the ring, or move it by arrow keys, while keys are held or a phrase loops.";

// What is heard: instruments and their shares. Places are [x, y] in heights of the map, from its lower left corner.
class Mixture {
  constructor(engine) {
    Object.assign(this, { engine, model: engine.model, loop: new NoteLoop(engine), pointer: null });
    Object.assign(this, { names: [], looks: [], places: [], shares: [], at: null, aspect: 1 });
    this.model.on("msg:custom", (content, buffers) => content.type === "map" && this.learn(content, buffers));
    this.model.on("change:words", () => this.model.get("words") !== this.words && this.obey());
  }

  learn({ names, kinds, looks, aspect, phrase, seconds }, buffers) {
    const numbers = floatsOf(...buffers);
    const size = numbers.length / names.length;
    this.rows = names.map((_, i) => numbers.subarray(i * size, (i + 1) * size));
    Object.assign(this, { names, kinds, looks, aspect, places: this.rows.map((all) => all.subarray(0, N_PLACE)) });
    Object.assign(this.loop, { events: phrase, seconds });
    this.obey();
  }

  // Words of Python.
  obey() {
    const words = this.model.get("words");
    const parts = words.includes(":") ? [...words.matchAll(PART)].map(([, ...part]) => part) : [[words, 1]];
    this.play(parts.map(([name, weight]) => [this.names.indexOf(name), Number(weight)]));
    this.at = this.mean.subarray(0, N_PLACE);
  }

  moveTo([x, y]) {
    this.at = [within(x, 0, this.aspect), within(y, 0, 1)];
    this.play(weightsAt(this.places, this.at));
  }

  // Instruments by their weights, in whole hundredths: what is heard is what the words say.
  play(weights) {
    const sum = (all) => all.reduce((total, [, weight]) => total + weight, 0);
    const rounded = weights.map(([i, w]) => [i, Math.round((100 * w) / sum(weights)) / 100]).filter(([, w]) => w > 0);
    this.shares = rounded.map(([i, weight]) => [i, weight / sum(rounded)]);
    const [[first]] = rounded;
    this.words = rounded[1] ? rounded.map(([i, w]) => `${this.names[i]}:${w}`).join(" ") : this.names[first];
    this.spoken = rounded[1] ? rounded.map(([i, w]) => `${w} ${this.names[i]}`).join(" + ") : this.words;
    this.mean = this.rows[0].map((_, j) => this.shares.reduce((all, [i, share]) => all + share * this.rows[i][j], 0));
    const [attack_s, decay_db_per_s, release_s, ...heard_notes] = this.mean.slice(-N_HABITS);
    this.engine.playAs(this.mean.slice(N_PLACE, -N_HABITS), { attack_s, decay_db_per_s, release_s, heard_notes });
  }

  // Let Python know.
  keep() {
    this.model.set("words", this.words);
    this.model.save_changes();
  }
}

// Weights of the instruments nearest to a place: all for one that lies there, and nothing for the next but NEAREST, so
// that no timbre jumps anywhere (Franke and Little).
function weightsAt(places, [x, y]) {
  const far = places.map(([a, b], i) => [Math.max(Math.hypot(a - x, b - y), TINY), i]).sort(([a], [b]) => a - b);
  const edge = Math.max(far[NEAREST]?.[0] ?? Infinity, 2 * TINY);
  return far.slice(0, NEAREST).map(([distance, i]) => [i, (1 / distance - 1 / edge) ** 2]);
}

// Pixels of a place on the canvas, and the place of a pointer.
function geometryOf(canvas, { aspect }) {
  const [width, height] = [canvas.clientWidth - 2 * MARGIN, canvas.clientHeight - 2 * MARGIN];
  const pixel = ([x, y]) => [MARGIN + (x / aspect) * width, MARGIN + (1 - y) * height];
  const placeOf = (event) => {
    const { x, y } = pointOn(canvas, event);
    return [((x - MARGIN) / width) * aspect, 1 - (y - MARGIN) / height];
  };
  return { pixel, placeOf };
}

function draw(canvas, map) {
  const { context: g, width } = sharpContext(canvas);
  const style = getComputedStyle(canvas);
  const ink = style.getPropertyValue("--ink");
  const { pixel } = geometryOf(canvas, map);
  const at = map.places.map(pixel);
  const write = (px, look) =>
    Object.assign(g, { font: `${px}px ${style.fontFamily}`, textBaseline: "middle", ...look });
  if (!map.at) return;
  write(12, { textAlign: "left", fillStyle: ink });
  for (const [i, left, middle] of fitting(g, map, at, width)) g.fillText(map.names[i], left, middle);
  at.forEach((point, i) => {
    const [, colour, mark] = map.looks[map.kinds[i]];
    write(mark === STAR ? 20 : 12, { fillStyle: colour, textAlign: "center" });
    g.fillText(mark, ...point);
  });
  const [x, y] = pixel(map.at);
  Object.assign(g, { strokeStyle: ink, lineWidth: 1.5 });
  g.beginPath();
  for (const [i] of map.shares) {
    g.moveTo(x, y);
    g.lineTo(...at[i]);
  }
  g.moveTo(x + ON_POINT, y);
  g.arc(x, y, ON_POINT, 0, 2 * Math.PI);
  g.stroke();
}

// [instrument, left, middle, width] of names of which none lies over another or over a mark: of what is heard, of stars,
// then of what lies nearest to the pointer.
function fitting(g, { names, kinds, looks, shares, pointer }, at, width) {
  const heard = shares.map(([i]) => i);
  const [x, y] = pointer ?? at[heard[0]];
  const first = (i) => heard.includes(i) || looks[kinds[i]][2] === STAR;
  const rank = at.map(([a, b], i) => (first(i) ? -1 : Math.hypot(a - x, b - y)));
  const [taken, marks] = [[], at.map(([a, b], i) => [i, a, b, 0])];
  for (const i of [...rank.keys()].sort((j, k) => rank[j] - rank[k])) {
    const [[a, middle], size] = [at[i], g.measureText(names[i]).width];
    const over =
      (left, height) =>
      ([, from, other, wide]) =>
        Math.abs(other - middle) < height && from < left + size + 4 && left < from + wide + 4;
    const hides = (left) => taken.some(over(left, LINE)) || (!first(i) && marks.some(over(left, MARK)));
    const free = [a + BESIDE, a - BESIDE - size].find((left) => left >= 0 && left + size <= width && !hides(left));
    if (free !== undefined) taken.push([i, free, middle, size]);
  }
  return taken;
}

// The map, and what a pointer and keys do on it.
function canvasOf(map) {
  const says = { role: "slider", "aria-label": LABEL, "aria-valuenow": 0 };
  const canvas = make("canvas", { className: "timbres", tabIndex: 0, ...says });
  const near = ({ x, y }, [a, b]) => Math.hypot(a - x, b - y) < ON_POINT;
  let dragged = false;
  canvas.onpointerdown = (event) => {
    if (event.button || !map.at) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    dragged = true;
    const { pixel, placeOf } = geometryOf(canvas, map);
    map.moveTo(map.places.find((place) => near(pointOn(canvas, event), pixel(place))) ?? placeOf(event));
  };
  canvas.onpointermove = (event) => {
    map.pointer = Object.values(pointOn(canvas, event));
    if (dragged) map.moveTo(geometryOf(canvas, map).placeOf(event));
    map.engine.show();
  };
  canvas.onlostpointercapture = () => {
    dragged = false;
    map.keep();
  };
  canvas.onkeydown = (event) => {
    const way = ARROWS[event.key];
    if (!way || !map.at) return;
    claim(event);
    map.moveTo([0, 1].map((axis) => map.at[axis] + STEP * way[axis]));
    map.keep();
  };
  const show = () => {
    canvas.style.aspectRatio = map.aspect;
    canvas.setAttribute("aria-valuetext", map.spoken);
    draw(canvas, map);
  };
  return { element: canvas, show };
}

// What is heard, in words, and what the marks mean.
function wordsOf(map) {
  const [heard, legend] = [make("span", { className: "question" }), make("div", { className: "row words" })];
  const entry = ([kind, color, mark]) => make("label", {}, make("span", { style: `color: ${color}` }, mark), kind);
  const show = () => {
    heard.textContent = map.spoken ?? "";
    if (legend.childElementCount !== map.looks.length) legend.replaceChildren(...map.looks.map(entry), HELP);
  };
  return [
    { element: heard, show },
    { element: legend, show },
  ];
}

export default () => {
  let map = null;
  return playable((engine) => {
    map ??= new Mixture(engine);
    const [begin, end] = ["Loop a phrase", "Stop the phrase"];
    const says = () => (map.loop.running ? [`■ ${end}`, end] : [`↻ ${begin}`, begin]);
    const [heard, legend] = wordsOf(map);
    return [
      row(
        changingButton(() => map.loop.toggle(), says),
        heard,
      ),
      canvasOf(map),
      legend,
    ];
  });
};
