// What hands do on a score with a pointer: drag edges and stages, draw curves, paint cells, move along the time axis.
import { curveOf, isOn, lengthOf, orderAfterMove, places, rearranged, resized, withBit } from "./score_stages.js";
import { cellInWords, curveInWords, hitInWords } from "./score_words.js";

const DRAG = 5; // pixels: less is a click

export class Hands {
  constructor(view) {
    this.view = view;
    this.drag = null; // what is being dragged, from where, and what it was before
    this.listen();
  }

  listen() {
    const at = (event) => {
      const box = this.view.canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.view.canvas.onpointerdown = (event) => {
      if (event.button) return;
      this.view.canvas.setPointerCapture(event.pointerId);
      this.view.canvas.focus({ preventScroll: true });
      this.begin(at(event));
    };
    this.view.canvas.onpointermove = (event) => (this.drag ? this.move(at(event)) : this.hover(at(event)));
    this.view.canvas.onpointerup = (event) => this.finish(at(event));
    this.view.canvas.onpointercancel = () => this.giveUp();
    this.view.canvas.onpointerleave = () => this.drag || this.view.say("");
  }

  begin(point) {
    const hit = this.view.geometry.hit(point, this.view.stages);
    const paints = this.view.shared.tool === "paint" && ["partials", "bands"].includes(hit.area);
    const what = hit.edge !== null ? "edge" : hit.area === "lane" ? "curve" : paints ? "paint" : hit.area;
    const stages = this.view.stages;
    this.drag = { what, hit, from: point, last: hit, stages, geometry: this.view.geometry, moved: false };
    if (hit.stage !== null && ["partials", "bands"].includes(hit.area)) {
      this.view.share({ cursor: { stage: hit.stage, area: hit.area, row: hit.row } });
    } else if (hit.stage !== null) this.view.choose(hit.stage);
    if (what === "curve") this.drag.curve = curveOf(this.view.shared.curve, stages);
    if (what === "paint") this.drag.on = hit.stage === null || !isOn(stages[hit.stage][hit.area], hit.row);
    if (what === "curve" || what === "paint") this.move(point);
  }

  move(point) {
    const { drag } = this;
    drag.moved ||= Math.abs(point.x - drag.from.x) > DRAG;
    const hit = drag.geometry.hit(point, drag.stages);
    const act = { edge: this.dragEdge, head: this.dragStage, curve: this.drawCurve, paint: this.paintCells };
    act[drag.what]?.call(this, point, hit);
    drag.last = hit;
    this.view.draw();
  }

  dragEdge({ x }) {
    const { drag } = this;
    const grid = this.view.score.grid_s;
    const draft = resized(drag.stages, drag.hit.edge, drag.geometry.t(x), grid);
    this.view.share({ draft });
    this.view.say(`Stage ${drag.hit.edge + 1}: ${lengthOf(draft[drag.hit.edge]).toFixed(2)} s`);
  }

  dragStage(_, { t }) {
    const { drag } = this;
    if (!drag.moved || drag.hit.stage === null) return;
    const n = drag.stages.length;
    const middle = (stage) => (stage.start + stage.stop) / 2;
    const others = drag.stages.filter((_, i) => i !== drag.hit.stage);
    const to = others.filter((stage) => middle(stage) < t).length;
    drag.order = orderAfterMove(n, drag.hit.stage, to);
    this.view.share({
      draft: rearranged(drag.stages, drag.order),
      cursor: { ...this.view.chosen(), stage: to },
    });
    this.view.say(`Stage ${drag.hit.stage + 1} becomes stage ${to + 1}`);
  }

  // A quick hand skips stages: those between two places of the pointer are given values between.
  drawCurve({ y }, hit) {
    const { drag } = this;
    const value = drag.geometry.value(drag.curve, y);
    const [from, to] = [drag.lastValue ?? { t: hit.t, value }, { t: hit.t, value }];
    const [first, last] = [Math.min(from.t, to.t), Math.max(from.t, to.t)];
    const span = to.t - from.t || 1;
    drag.drawn ??= [...drag.stages];
    drag.stages.forEach((stage, i) => {
      if (stage.stop <= first || stage.start > last) return;
      const middle = Math.min(last, Math.max(first, (stage.start + stage.stop) / 2));
      const share = (middle - from.t) / span;
      drag.drawn[i] = drag.curve.set(drag.drawn[i], from.value + share * (to.value - from.value));
    });
    drag.lastValue = to;
    this.view.share({ draft: drag.drawn });
    if (hit.stage !== null) this.view.say(curveInWords(hit.stage, this.view));
  }

  paintCells(_, hit) {
    const { drag } = this;
    if (hit.area !== drag.hit.area) return;
    const steps = Math.max(1, Math.abs(hit.row - drag.last.row));
    const painted = [...(this.view.shared.draft ?? drag.stages)];
    for (let n = 0; n <= steps; n++) {
      const t = drag.last.t + ((hit.t - drag.last.t) * n) / steps;
      const row = drag.last.row + Math.round(((hit.row - drag.last.row) * n) / steps);
      const [low, high] = [Math.min(t, drag.last.t), Math.max(t, drag.last.t)];
      painted.forEach((stage, i) => {
        if (stage.stop <= low || stage.start > high) return;
        painted[i] = { ...stage, [hit.area]: withBit(stage[hit.area], row, drag.on) };
      });
    }
    this.view.share({ draft: painted });
    if (hit.stage !== null) this.view.say(cellInWords(hit, this.view));
  }

  finish(point) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    const hit = drag.geometry.hit(point, drag.stages);
    const stages = this.view.shared.draft;
    const click = !drag.moved && hit.stage !== null;
    if (drag.what === "edge") {
      if (stages) this.view.edit(stages, { lengths_s: stages.map(lengthOf) });
    } else if (drag.what === "curve") {
      if (drag.drawn) this.view.edit(rearranged(drag.drawn, places(drag.drawn)), drag.curve.message(drag.drawn));
    } else if (drag.what === "paint") {
      if (stages) this.view.edit(stages, { [drag.hit.area]: stages.map((stage) => stage[drag.hit.area]) });
    } else if (drag.what === "head" && drag.order) this.view.edit(stages, { order: drag.order });
    else if (drag.what === "axis") this.dragAxis(drag, hit);
    else if (click) this.view.playStage(hit.stage);
  }

  giveUp() {
    this.drag = null;
    this.view.share({ draft: null });
  }

  // Along the time axis: a click moves the playhead, a drag loops the stages under it.
  dragAxis(drag, hit) {
    if (!drag.moved) return this.view.playback?.seek(hit.t);
    const [begin, end] = [Math.min(drag.hit.t, hit.t), Math.max(drag.hit.t, hit.t)];
    const inside = drag.stages.flatMap((stage, i) => (stage.stop > begin && stage.start < end ? [i] : []));
    if (inside.length) this.view.loopStages([inside[0], inside.at(-1)]);
  }

  hover(point) {
    const hit = this.view.geometry?.hit(point, this.view.stages);
    if (!hit) return;
    const cursors = { head: "grab", lane: "crosshair", axis: "pointer" };
    const cell = this.view.shared.tool === "paint" ? "crosshair" : "pointer";
    this.view.canvas.style.cursor = hit.edge === null ? (cursors[hit.area] ?? cell) : "ew-resize";
    this.view.say(hitInWords(hit, this.view));
  }
}
