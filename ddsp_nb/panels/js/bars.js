import { within } from "./math.js";
import { make, sharpContext } from "./page.js";

// Pixels around a chart, for its labels.
const [LEFT, RIGHT, TOP, BOTTOM] = [36, 12, 10, 20];
// These can be told apart by all eyes; the last is that of the bar that keys change.
export const BLUE = "#0072b2";
export const ORANGE = "#d55e00";
const SKY = "#56b4e9";
const STEPS_DB = { ArrowUp: 1, ArrowDown: -1, PageUp: 6, PageDown: -6 };

// Lines and labels of a chart: `across` and `up` are pairs of place (0 to 1) and label. Returns where to draw:
// x and y give pixels for places.
export function chart(canvas, { across, up }) {
  const { context: g, width, height } = sharpContext(canvas);
  const style = getComputedStyle(canvas);
  const [ink, edge, paper] = ["--ink", "--edge", "--paper"].map((name) => style.getPropertyValue(name));
  const x = (place) => LEFT + place * (width - LEFT - RIGHT);
  const y = (place) => height - BOTTOM - place * (height - TOP - BOTTOM);
  Object.assign(g, { font: `11px ${style.fontFamily}`, strokeStyle: edge, fillStyle: ink, lineWidth: 1 });
  g.textBaseline = "middle";
  g.textAlign = "right";
  for (const [place, label] of up) {
    const line = Math.round(y(place)) + 0.5;
    g.fillText(label, LEFT - 5, line);
    g.strokeRect(LEFT, line, width - LEFT - RIGHT, 0);
  }
  g.textAlign = "center";
  for (const [place, label] of across) {
    const half = g.measureText(label).width / 2;
    g.fillText(label, Math.min(x(place), width - half), height - BOTTOM / 2 + 2);
  }
  return { g, x, y, ink, paper };
}

function drawBars(canvas, bars) {
  const { g, x, y, ink } = chart(canvas, bars);
  const [step, gap] = [1 / bars.count, bars.count > 32 ? 1 : 4];
  for (let i = 0; i < bars.count; i++) {
    const [left, top, right] = [x(i * step) + gap / 2, y(bars.place(i)), x((i + 1) * step) - gap / 2];
    g.fillStyle = i === bars.selected() ? SKY : BLUE;
    g.fillRect(left, top, right - left, y(0) - top);
    if (i !== bars.selected()) continue;
    // Colour is not the only sign.
    g.strokeStyle = ink;
    g.strokeRect(left - 1, y(1), right - left + 2, y(0) - y(1));
  }
}

// Bars side by side in one canvas: painted with the pointer across them, or changed by keys.
//   count, label; across, up: labels of the chart; place(i): height of a bar, 0 to 1; paint({i: place}): set some;
//   stepped(i, dB): the place some dB away; selected(), select(i): the bar of the keys; say(i): its value in words.
export function paintableBars(bars) {
  const says = { "aria-label": bars.label, "aria-orientation": "vertical", "aria-valuemin": 0 };
  const canvas = make("canvas", { className: "paint", tabIndex: 0, role: "slider", ...says });
  canvas.setAttribute("aria-valuemax", 1);
  canvas.addEventListener("keydown", (event) => onKey(event, bars));
  listenToPointer(canvas, bars);
  const show = () => {
    const i = bars.selected();
    drawBars(canvas, bars);
    canvas.setAttribute("aria-valuenow", bars.place(i).toFixed(3));
    canvas.setAttribute("aria-valuetext", bars.say(i));
  };
  return { element: canvas, show };
}

function onKey(event, bars) {
  const i = bars.selected();
  const selects = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: bars.count - 1 };
  if (event.key in selects) bars.select(within(selects[event.key], 0, bars.count - 1));
  else if (event.key in STEPS_DB) bars.paint({ [i]: bars.stepped(i, STEPS_DB[event.key]) });
  else if (event.key === "Delete" || event.key === "Backspace") bars.paint({ [i]: 0 });
  else return;
  event.preventDefault();
}

function listenToPointer(canvas, bars) {
  let last = null;
  const pointed = (event) => {
    const box = canvas.getBoundingClientRect();
    const across = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    const up = (box.bottom - BOTTOM - event.clientY) / (box.height - TOP - BOTTOM);
    return { i: within(Math.floor(across * bars.count), 0, bars.count - 1), place: within(up, 0, 1) };
  };
  const paint = (event) => {
    const now = pointed(event);
    bars.paint(stroke(last ?? now, now));
    bars.select(now.i);
    last = now;
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus();
    paint(event);
  });
  canvas.addEventListener("pointermove", (event) => last && paint(event));
  canvas.addEventListener("lostpointercapture", () => (last = null));
}

// A quick pointer skips bars: those between two of its places get places between.
function stroke(from, to) {
  const places = { [to.i]: to.place };
  const way = to.i - from.i;
  for (let n = 1; n < Math.abs(way); n++) {
    const share = n / Math.abs(way);
    places[from.i + n * Math.sign(way)] = from.place + share * (to.place - from.place);
  }
  return places;
}
