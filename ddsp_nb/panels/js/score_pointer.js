// What a pointer does on a score: drag edges and stages, draw curves, paint cells, move along the time axis.
import { ordered, within } from "./math.js";
import { pointOn } from "./page.js";
import {
  curveOf,
  isOn,
  isRow,
  lengthOf,
  orderAfterMove,
  places,
  rearranged,
  resized,
  withRow,
} from "./score_stages.js";
import { cellInWords, curveInWords, hitInWords } from "./score_words.js";

// Pixels: less is a click.
const DRAG = 5;

export class Pointer {
  constructor(view) {
    this.view = view;
    // What is being dragged, from where, what it was before, and what came of it.
    this.drag = null;
    const { canvas } = view;
    const on = (act) => (event) => act.call(this, pointOn(canvas, event));
    canvas.onpointerdown = (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      this.begin(pointOn(canvas, event));
    };
    canvas.onpointermove = on((point) => (this.drag ? this.move(point) : this.hover(point)));
    canvas.onpointerup = on(this.finish);
    canvas.onpointerleave = () => this.drag || view.say("");
    canvas.onfocus = canvas.onblur = () => view.say("");
    canvas.onpointercancel = () => {
      this.drag = null;
      view.share({ draft: null });
    };
  }

  begin(point) {
    const { view } = this;
    const { geometry, stages, shared } = view;
    const hit = geometry.hit(point, stages);
    const paints = shared.tool !== "listen" && isRow(hit.area);
    const what = hit.edge !== null ? "edge" : paints ? "paint" : hit.area;
    this.drag = { what, hit, from: point, last: hit, stages, geometry, moved: false };
    if (hit.stage !== null && isRow(hit.area)) {
      view.share({ cursor: { stage: hit.stage, area: hit.area, row: hit.row } });
    } else if (hit.stage !== null) view.choose(hit.stage);
    if (what === "lane") this.drag.curve = curveOf(shared.curve, stages);
    if (what === "paint") this.drag.on = hit.stage === null || !isOn(stages[hit.stage][hit.area], hit.row);
    if (what === "lane" || what === "paint") this.move(point);
  }

  move(point) {
    const { drag } = this;
    drag.moved ||= Math.abs(point.x - drag.from.x) > DRAG;
    const hit = drag.geometry.hit(point, drag.stages);
    const act = { edge: this.dragEdge, head: this.dragStage, lane: this.drawCurve, paint: this.paintCells };
    act[drag.what]?.call(this, point, hit);
    drag.last = hit;
    this.view.draw();
  }

  // Show a draft; the stages that it makes are told to the kernel by `message` when the pointer lets go.
  become(draft, message, stages = draft) {
    this.drag.edited = { stages, message };
    this.view.share({ draft });
  }

  dragEdge({ x }) {
    const { stages, geometry, hit } = this.drag;
    const draft = resized(stages, hit.edge, geometry.t(x), this.view.score.grid_s);
    this.become(draft, { lengths_s: draft.map(lengthOf) });
    this.view.say(`Stage ${hit.edge + 1}: ${lengthOf(draft[hit.edge]).toFixed(2)} s`);
  }

  dragStage(_, { t }) {
    const { moved, hit, stages } = this.drag;
    if (!moved || hit.stage === null) return;
    const isBefore = (stage, i) => i !== hit.stage && (stage.start + stage.stop) / 2 < t;
    const to = stages.filter(isBefore).length;
    const order = orderAfterMove(stages, hit.stage, to);
    this.become(rearranged(stages, order), { order });
    this.view.choose(to);
    this.view.say(`Stage ${hit.stage + 1} becomes stage ${to + 1}`);
  }

  // A quick hand skips stages: those between two places of the pointer are given values between.
  drawCurve({ y }, { t, stage: at }) {
    const { drag } = this;
    const to = { t, value: drag.geometry.value(drag.curve, y) };
    const from = drag.lastValue ?? to;
    const [first, last] = ordered(from.t, to.t);
    const drawn = (drag.drawn ?? drag.stages).map((stage, i) => {
      const { start, stop } = drag.stages[i];
      if (stop <= first || start > last) return stage;
      const share = (within((start + stop) / 2, first, last) - from.t) / (to.t - from.t || 1);
      return drag.curve.set(stage, from.value + share * (to.value - from.value));
    });
    Object.assign(drag, { lastValue: to, drawn });
    this.become(drawn, drag.curve.message(drawn), rearranged(drawn, places(drawn)));
    if (at !== null) this.view.say(curveInWords(at, this.view));
  }

  paintCells(_, hit) {
    const { last, on, stages, edited, hit: first } = this.drag;
    if (hit.area !== first.area) return;
    const steps = Math.max(1, Math.abs(hit.row - last.row));
    const painted = [...(edited?.stages ?? stages)];
    for (let n = 0; n <= steps; n++) {
      const row = last.row + Math.round(((hit.row - last.row) * n) / steps);
      const [low, high] = ordered(last.t + ((hit.t - last.t) * n) / steps, last.t);
      painted.forEach((stage, i) => {
        if (stage.stop <= low || stage.start > high) return;
        painted[i] = { ...stage, [hit.area]: withRow(stage[hit.area], { ...hit, row }, on, this.view) };
      });
    }
    this.become(painted, { [hit.area]: painted.map((stage) => stage[hit.area]) });
    if (hit.stage !== null) this.view.say(cellInWords(hit, this.view));
  }

  finish(point) {
    const { drag, view } = this;
    this.drag = null;
    if (!drag) return;
    const hit = drag.geometry.hit(point, drag.stages);
    if (drag.edited) view.edit(drag.edited.stages, drag.edited.message);
    else if (drag.what === "axis") this.dragAxis(drag, hit);
    else if (drag.what !== "edge" && !drag.moved && hit.stage !== null) view.playStage(hit.stage);
  }

  // Along the time axis: a click moves the playhead, a drag loops the stages under it.
  dragAxis({ moved, hit: from, stages }, { t }) {
    if (!moved) return this.view.playback?.seek(t);
    const [begin, end] = ordered(from.t, t);
    const inside = places(stages).filter((i) => stages[i].stop > begin && stages[i].start < end);
    if (inside.length) this.view.loopStages([inside[0], inside.at(-1)]);
  }

  hover(point) {
    const { view } = this;
    const hit = view.geometry?.hit(point, view.stages);
    if (!hit) return;
    const cell = view.shared.tool === "listen" ? "pointer" : "crosshair";
    const cursors = { head: "grab", lane: "crosshair", axis: "pointer" };
    view.canvas.style.cursor = hit.edge === null ? (cursors[hit.area] ?? cell) : "ew-resize";
    view.say(hitInWords(hit, view));
  }
}
