// Where things lie in a score, and its picture.
import { within } from "./math.js";
import { hertz } from "./page.js";
import { isOn } from "./score_stages.js";

// Pixels beside the map, for labels.
const [LEFT, RIGHT] = [58, 10];
// Heights in pixels: of a layer's bar, of the stages' numbers and notes, of few partials and many, of bands, the curve ...
const [LAYER, HEAD, PARTIALS, MOST, BANDS, LANE, AXIS, LABEL] = [7, 24, 142, 512, 58, 50, 20, 13];
const GAP = 5;
// Pixels within which an edge is taken hold of.
const EDGE = 5;
// Opacity of what is DEPTH_DB below the loudest.
const FAINTEST = 0.16;
const DEPTH_DB = 60;
const LABELLED = [1, 8, 16, 24, 32, 48, 64];
// Of ticks of the time axis, where there are no bars.
const TICKS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 600];
// Told apart by all eyes.
const [BLUE, ORANGE, GREEN] = ["0, 114, 178", "213, 94, 0", "0, 130, 90"];

// Places on a canvas of `width` pixels: x of a time, y of a row, and back.
export class Geometry {
  constructor(width, score) {
    const layers = score.layers.length > 1 ? score.layers.length * LAYER + 2 : 0;
    this.width = width;
    this.seconds = Math.max(0.1, score.length_s);
    this.head = [layers, layers + HEAD];
    this.partials = [this.head[1], this.head[1] + within(2 * score.n_partials, PARTIALS, MOST)];
    this.bands = [this.partials[1] + GAP, this.partials[1] + GAP + BANDS];
    this.lane = [this.bands[1] + GAP, this.bands[1] + GAP + LANE];
    this.height = this.lane[1] + AXIS;
    this.counts = { partials: score.n_partials, bands: score.n_bands };
  }

  x(t) {
    return LEFT + (t / this.seconds) * (this.width - LEFT - RIGHT);
  }

  t(x) {
    return ((x - LEFT) / (this.width - LEFT - RIGHT)) * this.seconds;
  }

  // Left edge and width of a stage, with a line of one pixel to the next.
  span(stage) {
    const x = this.x(stage.start);
    return [x, Math.max(1, this.x(stage.stop) - x - 1)];
  }

  row(area, i) {
    const [top, bottom] = this[area];
    const height = (bottom - top) / this.counts[area];
    return [bottom - (i + 1) * height, height];
  }

  value(curve, y) {
    const [top, bottom] = this.lane;
    const share = within((bottom - y) / (bottom - top), 0, 1);
    return curve.low + share * (curve.high - curve.low);
  }

  // What lies under a point: area, stage (null between stages), row, and whose end is near.
  hit({ x, y }, stages) {
    const area = ["head", "partials", "bands", "lane"].find((a) => y >= this[a][0] && y < this[a][1]);
    const t = this.t(x);
    const at = stages.findIndex((stage) => t >= stage.start && t < stage.stop);
    const near = stages.findLastIndex((stage) => Math.abs(this.x(stage.stop) - x) < EDGE);
    const [top, bottom] = this[area] ?? [0, 1];
    return {
      area: area ?? (y >= this.lane[1] ? "axis" : "none"),
      t,
      stage: at < 0 ? null : at,
      row: Math.floor(((bottom - y) / (bottom - top)) * (this.counts[area] ?? 1)),
      edge: near < 0 || area === "lane" ? null : near,
    };
  }
}

export function paintStill(g, geometry, score, stages, { curve, ink, edge, paper }) {
  g.fillStyle = paper;
  g.fillRect(0, 0, geometry.width, geometry.height);
  g.font = "11px sans-serif";
  g.textBaseline = "middle";
  paintLayers(g, geometry, score, ink);
  g.fillStyle = mixed(ink, 0.05);
  for (const [top, bottom] of [geometry.partials, geometry.bands]) {
    for (const stage of stages) {
      const x = geometry.x(stage.start);
      g.fillRect(x, top, geometry.x(stage.stop) - x, bottom - top);
    }
  }
  paintGrid(g, geometry, score, ink);
  stages.forEach((stage, i) => {
    paintCells(g, geometry, stage, "partials", BLUE);
    paintCells(g, geometry, stage, "bands", ORANGE);
    paintHead(g, geometry, stage, i, ink);
  });
  paintCurve(g, geometry, stages, curve, ink);
  paintLabels(g, geometry, score, curve, { ink, edge });
}

const mixed = (ink, share) => `color-mix(in srgb, ${ink} ${100 * share}%, transparent)`;

function paintLayers(g, geometry, score, ink) {
  if (score.layers.length < 2) return;
  score.layers.forEach((layer, i) => {
    g.fillStyle = layer.selected ? `rgb(${BLUE})` : mixed(ink, 0.35);
    const x = geometry.x(layer.start);
    g.fillRect(x, 1 + i * LAYER, Math.max(2, geometry.x(layer.stop) - x), LAYER - 2);
  });
}

function paintCells(g, geometry, stage, area, colour) {
  const levels = stage[`${area}_db`];
  const [x, width] = geometry.span(stage);
  for (let i = 0; i < geometry.counts[area]; i++) {
    if (!isOn(stage[area], i)) continue;
    const share = 1 + Math.max(-DEPTH_DB, levels[i] + Math.min(0, stage.level_db)) / DEPTH_DB;
    const [y, height] = geometry.row(area, i);
    g.fillStyle = `rgba(${colour}, ${FAINTEST + (1 - FAINTEST) * share})`;
    g.fillRect(x, y, width, Math.max(1, height - (height > 2.5 ? 0.6 : 0)));
  }
}

function paintHead(g, geometry, stage, i, ink) {
  const [top, bottom] = geometry.head;
  const [x, width] = geometry.span(stage);
  g.fillStyle = mixed(ink, 0.16);
  g.fillRect(x, top + 2, width, bottom - top - 4);
  g.fillStyle = ink;
  g.textAlign = "left";
  const words = [`${i + 1}`, stage.note].filter(Boolean);
  const texts = [words.join(" · "), words.at(-1), words[0]];
  const text = texts.find((fitting) => g.measureText(fitting).width <= width - 5);
  if (text) g.fillText(text, x + 4, (top + bottom) / 2);
}

function paintCurve(g, geometry, stages, curve, ink) {
  const [top, bottom] = geometry.lane;
  g.fillStyle = mixed(ink, 0.05);
  g.fillRect(LEFT, top, geometry.width - LEFT - RIGHT, bottom - top);
  for (const stage of stages) {
    const share = (within(curve.of(stage), curve.low, curve.high) - curve.low) / (curve.high - curve.low);
    const y = bottom - share * (bottom - top);
    const [x, width] = geometry.span(stage);
    g.fillStyle = `rgba(${GREEN}, 0.35)`;
    g.fillRect(x, y, width, bottom - y);
    g.fillStyle = `rgb(${GREEN})`;
    g.fillRect(x, Math.min(y, bottom - 2), width, 2);
  }
}

// Bars are the piece's, counted from its beginning; the fine grid is the layer's, which may begin off the beat.
function paintGrid(g, geometry, { grid_s: grid, bar_s: bar, origin_s: origin }, ink) {
  if (!grid) return;
  const lines = (from, every, share) => {
    g.fillStyle = mixed(ink, share);
    for (let t = from; t <= geometry.seconds; t += every) {
      g.fillRect(geometry.x(t), geometry.partials[0], 1, geometry.lane[1] - geometry.partials[0]);
    }
  };
  // Lines that would touch say nothing.
  if (geometry.x(grid) - geometry.x(0) >= 4) lines(origin % grid, grid, 0.15);
  lines(0, bar, 0.45);
}

function paintLabels(g, geometry, score, curve, { ink, edge }) {
  g.fillStyle = ink;
  g.textAlign = "right";
  const write = (text, y) => g.fillText(text, LEFT - 6, y);
  write("Stage", (geometry.head[0] + geometry.head[1]) / 2);
  // Partials that are no multiples are known by their frequency.
  const every = Math.ceil(LABEL / geometry.row("partials", 0)[1]);
  const own = score.own_hz.map((hz, i) => [i + 1, hertz(hz)]).filter(([k]) => k % every === every >> 1);
  const multiples = LABELLED.map((k) => [k, k === 1 ? "Partial 1" : String(k)]);
  for (const [k, words] of own.length ? own : multiples.filter(([n]) => n <= score.n_partials)) {
    const [y, height] = geometry.row("partials", k - 1);
    write(words, Math.min(y + height / 2, geometry.partials[1] - 6));
  }
  for (const band of [0, Math.floor(score.n_bands / 2), score.n_bands - 1]) {
    const [y, height] = geometry.row("bands", band);
    const [top, bottom] = geometry.bands;
    write(hertz(score.band_hz[band]).replace(/\.0+ /, " "), within(y + height / 2, top + 6, bottom - 6));
  }
  const [top, bottom] = geometry.lane;
  write(curve.say(curve.high).replace(".0", ""), top + 6);
  write(curve.say(curve.low).replace(".0", ""), bottom - 6);
  g.fillStyle = edge;
  for (const [first, last] of [geometry.partials, geometry.bands, geometry.lane]) {
    g.fillRect(LEFT - 1, first, 1, last - first);
  }
  paintTime(g, geometry, score, ink);
}

function paintTime(g, geometry, { bar_s: bar, grid_s: grid }, ink) {
  g.fillStyle = ink;
  g.textAlign = "left";
  const y = geometry.lane[1];
  const steps = grid ? [1, 2, 4, 8, 16, 32, 64, 128].map((n) => n * bar) : TICKS_S;
  const step = steps.find((seconds) => geometry.x(seconds) - geometry.x(0) > 44) ?? steps.at(-1);
  for (let i = 0; i * step <= geometry.seconds; i++) {
    const x = geometry.x(i * step);
    g.fillRect(x, y, 1, 4);
    const text = grid ? `bar ${Math.round((i * step) / bar) + 1}` : `${Number((i * step).toFixed(1))} s`;
    if (x + 3 + g.measureText(text).width < geometry.width) g.fillText(text, x + 3, y + 11);
  }
}

// What moves: where the keys are, the loop, and the playhead.
export function paintMoving(g, geometry, stages, { cursor, loop, at, ink }) {
  const [top, height] = [geometry.head[0], geometry.lane[1] - geometry.head[0]];
  g.fillStyle = "rgba(255, 190, 0, 0.22)";
  if (loop) g.fillRect(geometry.x(loop[0]), top, geometry.x(loop[1]) - geometry.x(loop[0]), height);
  const stage = cursor && stages[cursor.stage];
  if (stage) {
    g.strokeStyle = ink;
    const x = geometry.x(stage.start);
    const width = Math.max(2, geometry.x(stage.stop) - x);
    g.strokeRect(x - 0.5, top + 1.5, width, height - 2);
    const [y, thick] = geometry.row(cursor.area, cursor.row);
    g.lineWidth = 2;
    g.strokeRect(x, y - 1, width, thick + 2);
    g.lineWidth = 1;
  }
  g.fillStyle = "#d81b3c";
  if (at !== null) g.fillRect(geometry.x(at) - 1, top, 2, height);
}
