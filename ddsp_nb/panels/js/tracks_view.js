// Partials as lines over time and frequency, as wide as they are loud. The kernel plays those that hands choose.
import { BLUE, chart, ORANGE } from "./bars.js";
import { presets, row, sayings, showView, slider } from "./controls.js";
import { Live } from "./live.js";
import { decibels, within } from "./math.js";
import { claim, floatsOf, make, noteName, pointOn } from "./page.js";

const [ALL, CHOSEN, OTHERS] = ["all", "the chosen", "all others"];
// Below the loudest, where lines have no width; pixels of the widest; and how soft the lowest may be to be the first.
const [DEPTH_DB, WIDEST, FIRST_DB] = [70, 7, -30];
const TICKS_HZ = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];
const HELP = "Click a line to hear it alone. Shift adds another, a drag takes several. Keys: ↑ ↓, Enter, Escape.";

class Tracks extends Live {
  constructor(model) {
    super({ settings: { strongest: model.get("strongest"), preset: ALL, chosen: [], hover: null }, heard() {} });
    const { order, hop_s } = model.get("look");
    const [numbers, n] = [floatsOf(model.get("lines")), order.length];
    const frames = numbers.length / 2 / n;
    const loudest = numbers.subarray(n * frames).reduce((a, b) => Math.max(a, b), 1e-9);
    const line = (i) => Array.from(numbers.subarray(i * frames, (i + 1) * frames));
    this.all = order.map((_, i) => {
      const [hz, db] = [line(i), line(n + i).map((level) => decibels(level / loudest))];
      const peak = db.indexOf(Math.max(...db));
      const loud = hz.filter((_, f) => db[f] > db[peak] - 20).toSorted((a, b) => a - b);
      return { number: i + 1, hz, db, peak, median_hz: loud[loud.length >> 1] };
    });
    Object.assign(this, { model, order, n, hop_s, frames, sounding: order, picked: new Set() });
    model.on("msg:custom", ({ numbers: sounding }) => {
      Object.assign(this, { sounding, busy: false });
      return this.waits ? this.send() : this.show();
    });
  }

  // The kernel renders one after the other; where hands are quicker, the last counts. The slider is not of the chosen.
  send({ begin_s = null } = {}) {
    if (this.settings.strongest !== this.model.get("strongest")) this.settings.preset = ALL;
    const { strongest, preset, chosen } = this.settings;
    this.model.set({ strongest });
    this.model.save_changes();
    if ((this.waits = this.busy)) return;
    this.busy = true;
    const strong = this.order.slice(0, strongest);
    const numbers = { [ALL]: strong, [CHOSEN]: chosen, [OTHERS]: strong.filter((k) => !chosen.includes(k)) }[preset];
    this.model.send({ numbers, alone: preset === CHOSEN, begin_s });
  }

  choose(numbers, more) {
    const [before, picked] = [new Set(more ? this.settings.chosen : []), new Set(numbers)];
    const chosen = [...before.symmetricDifference(picked)].toSorted((a, b) => a - b);
    Object.assign(this.settings, { chosen, hover: null, preset: chosen.length ? CHOSEN : ALL });
    const begins = chosen.map((k) => this.all[k - 1].db.findIndex(isFinite));
    this.send({ begin_s: Math.max(0, Math.min(...begins, this.frames) - 1) * this.hop_s });
    this.show();
  }

  inWords() {
    const { hover, chosen } = this.settings;
    if (!hover && chosen.length !== 1) return chosen.length ? `Partials ${chosen.join(", ")}` : HELP;
    const { number, median_hz: hz, db, peak } = this.all[(hover ?? chosen[0]) - 1];
    const first_hz = this.all.find((one) => one.db[one.peak] > FIRST_DB).median_hz;
    const ratio = `${(hz / first_hz).toFixed(3)} × ${Math.round(first_hz)} Hz`;
    const name = `Partial ${number} of ${this.n}: ${hz.toFixed(1)} Hz (${noteName(hz)})`;
    const fall = db.slice(peak).findIndex((level) => level < db[peak] - 20) * this.hop_s;
    const words = `${name}, ${ratio}, ${db[peak].toFixed(0).replace("-", "−")} dB`;
    return fall > 0 ? `${words}, falls by 20 dB in ${fall.toFixed(2)} s` : words;
  }

  draw(canvas) {
    const [low, high] = [this.all[0].median_hz / 1.2, 1.2 * this.all.at(-1).median_hz];
    const seconds = (this.frames - 1) * this.hop_s;
    const up = (hz) => Math.log2(hz / low) / Math.log2(high / low);
    const across = [0, 0.25, 0.5, 0.75, 1].map((share) => [share, `${(share * seconds).toFixed(2)} s`]);
    const ticks = TICKS_HZ.filter((hz) => hz > low && hz < high).map((hz) => [up(hz), hz < 1e4 ? hz : `${hz / 1000}k`]);
    const { g, x, y, ink } = chart(canvas, { across, up: [...ticks, [1, "Hz"]] });
    this.place = ({ hz }, f) => [x(f / (this.frames - 1)), y(up(hz[f]))];
    this.frameAt = (px) => within(Math.round(((px - x(0)) / (x(1) - x(0))) * (this.frames - 1)), 0, this.frames - 1);
    const skip = Math.ceil(this.frames / canvas.clientWidth);
    const there = Array.from({ length: Math.ceil(this.frames / skip) }, (_, f) => [f * skip, -1]);
    const edges = [...there, ...there.map(([f]) => [f, 1]).toReversed()];
    for (const k of this.order.toReversed()) {
      const [one, chosen] = [this.all[k - 1], this.settings.chosen.includes(k) || this.picked.has(k)];
      const colour = chosen || k === this.settings.hover ? ORANGE : this.sounding.includes(k) ? BLUE : ink;
      Object.assign(g, { fillStyle: colour, globalAlpha: colour === ink ? 0.3 : 1 });
      g.beginPath();
      for (const [f, side] of edges) {
        const [left, middle] = this.place(one, f);
        // Colour is not the only sign.
        const wide = chosen ? 1.5 * WIDEST : WIDEST;
        g.lineTo(left, middle + (side / 2) * Math.max(0, wide * (1 + one.db[f] / DEPTH_DB)));
      }
      g.fill();
    }
  }

  // Numbers of the line nearest to a point, where silent ones are further away, and of those between it and the last.
  at({ x, y }, last) {
    const f = this.frameAt(x);
    const below = (one) => this.place(one, f)[1] - y;
    const far = (one) => Math.abs(below(one)) + (isFinite(one.db[f]) ? 0 : 8);
    const nearest = this.all.reduce((a, b) => (far(b) < far(a) ? b : a));
    const between = last ? this.all.filter((one) => below(one) * (below(one) + y - last.y) < 0) : [];
    return [nearest, ...between].map(({ number }) => number);
  }
}

function canvasOf(tracks) {
  const says = { role: "application", "aria-label": `Partials over time and frequency. ${HELP}` };
  const canvas = make("canvas", { className: "tracks", tabIndex: 0, ...says });
  let last = null;
  const move = (event) => {
    const point = pointOn(canvas, event);
    const numbers = tracks.at(point, last);
    tracks.settings.hover = event.type === "pointerleave" ? null : numbers[0];
    if (event.type === "pointerdown" || last) {
      numbers.forEach((k) => tracks.picked.add(k));
      last = point;
    }
    tracks.show();
  };
  canvas.onpointermove = canvas.onpointerleave = move;
  canvas.onpointerdown = (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    move(event);
  };
  canvas.onlostpointercapture = (event) => {
    const picked = [...tracks.picked];
    tracks.picked.clear();
    last = null;
    tracks.choose(picked, event.shiftKey);
  };
  canvas.onkeydown = (event) => {
    const { chosen } = tracks.settings;
    const near = (k) => [within(k, 1, tracks.n)];
    const steps = { ArrowUp: near((chosen.at(-1) ?? 0) + 1), ArrowDown: near((chosen[0] ?? 2) - 1) };
    const numbers = { ...steps, Enter: chosen, Escape: [] }[event.key];
    if (!numbers) return;
    tracks.choose(numbers, event.shiftKey);
    claim(event);
  };
  return { element: canvas, show: () => tracks.draw(canvas) };
}

export default () => {
  let tracks = null;
  return {
    render(view) {
      tracks ??= new Tracks(view.model);
      const hear = presets(tracks, { [ALL]: Object, [CHOSEN]: Object, [OTHERS]: Object }, "Hear");
      const say = (n) => `${n} of ${tracks.n}`;
      const fewer = slider(tracks, "strongest", { label: "Of the strongest", min: 1, max: tracks.n, step: 1, say });
      const words = sayings(tracks, () => tracks.inWords());
      showView(tracks, view, row(hear, fewer), canvasOf(tracks), words);
    },
  };
};
