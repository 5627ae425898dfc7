// A board of controls that belong to the kernel: it says how they look, and is told what hands do with them.
import { checkbox, field, named, slider } from "./controls.js";
import { button, caption, make, save, turning } from "./page.js";

const N_ROWS = 6;

// Each of them makes { element, show } for a control: `hand.look` is how the kernel wants it to look, `hand.turn` tells
// what was done with it.
const KINDS = {
  slider(hand) {
    const { label, low, high, step, live } = hand.look;
    const decimals = String(step).split(".")[1]?.length ?? 0;
    const on = { settings: {}, set: ({ value }) => (on.settings.value = value) };
    const made = slider(on, "value", { label, min: low, max: high, step, say: (value) => value.toFixed(decimals) });
    const { input } = made;
    input.oninput = () => {
      on.set({ value: Number(input.value) });
      made.show();
      if (live) hand.turn(on.settings.value, { more: true });
    };
    input.onchange = () => hand.turn(Number(input.value));
    input.ondblclick = () => hand.turn(hand.look.usual);
    const show = ({ value, high }) => {
      input.max = high;
      on.set({ value });
      made.show();
    };
    return { element: made.element, show };
  },
  number(hand) {
    const { low, high, step } = hand.look;
    return field(hand, { type: "number", min: low, max: high, step }, Number);
  },
  line: (hand) => field(hand, { type: "text", placeholder: hand.look.example, spellcheck: false }, String),
  choice: (hand) => listed(hand, {}),
  rows: (hand) => listed(hand, { size: N_ROWS }),
  tabs(hand) {
    const element = make("span", { className: "row", role: "group", "aria-label": hand.look.label });
    const show = ({ options, value }) => {
      if (element.children.length !== options.length)
        element.replaceChildren(...options.map((words, i) => button(words, () => hand.turn(i))));
      [...element.children].forEach((each, i) => {
        each.textContent = options[i];
        each.setAttribute("aria-pressed", i === value);
      });
    };
    return { element, show };
  },
  check(hand) {
    const on = { settings: {}, set: ({ value }) => hand.turn(value) };
    const { element, show } = checkbox(on, "value", hand.look.label);
    return { element, show: ({ value }) => show((on.settings.value = value)) };
  },
  button(hand) {
    const element = button("", () => hand.turn(true));
    const show = ({ label, chief, value, waiting }) => {
      caption(element, hand.busy ? waiting : label);
      if (value !== null) element.setAttribute("aria-pressed", value);
      element.classList.toggle("chief", chief);
    };
    return { element, show };
  },
  file(hand) {
    const { label, accept } = hand.look;
    const input = make("input", { type: "file", accept, hidden: true, "aria-label": label });
    input.onchange = async () => {
      const [file] = input.files;
      if (file) hand.turn(file.name, { buffers: [await file.arrayBuffer()] });
      // The same file can be chosen again.
      input.value = "";
    };
    const choose = button(label, () => input.click());
    return { element: make("span", {}, choose, input), show() {} };
  },
  words() {
    const element = make("span", { className: "words", role: "status" });
    const show = ({ value, wrong }) => {
      element.textContent = value;
      element.classList.toggle("wrong", wrong);
    };
    return { element, show };
  },
  picture({ look: { label } }) {
    const element = make("img", { alt: label, className: "ddsp-figure" });
    return { element, show: ({ value }) => Object.assign(element, { src: value, hidden: !value }) };
  },
  progress({ look: { label } }) {
    const element = make("progress", { "aria-label": label });
    return { element, show: ({ value, high }) => Object.assign(element, { value, max: high }) };
  },
};

function listed(hand, attributes) {
  const select = make("select", attributes);
  select.onchange = () => hand.turn(select.selectedIndex);
  const show = ({ options, value }) => {
    if ([...select.options].map((option) => option.text).join("\n") !== options.join("\n"))
      select.replaceChildren(...options.map((words) => new Option(words)));
    select.selectedIndex = value;
  };
  return { element: named(hand, select), show };
}

// One control in one view: shown as it looks, unless a hand is ahead of what the kernel knows.
function shown(hand) {
  const { element, show } = KINDS[hand.look.kind](hand);
  const update = () => {
    const { look } = hand;
    element.hidden = look.hidden;
    element.title = look.tip;
    for (const control of [element, ...element.querySelectorAll("button, input, select")])
      if ("disabled" in control) Object.assign(control, { disabled: look.disabled, title: look.tip });
    element.classList.toggle("off", look.disabled);
    element.ariaBusy = hand.busy;
    if (!hand.busy || look.waiting) show(look);
  };
  update();
  return { element, update };
}

// Groups that share one place, with a button for each.
function tabbed(groups, elements, shared) {
  const buttons = groups.map(({ heading }, i) =>
    button(heading, () => {
      shared.tab = i;
      turn();
    }),
  );
  const turn = () => {
    buttons.forEach((each, i) => each.setAttribute("aria-pressed", i === shared.tab));
    elements.forEach((each, i) => (each.hidden = i !== shared.tab));
  };
  turn();
  const row = make("div", { className: "row", role: "group", "aria-label": "Groups of controls" }, ...buttons);
  return make("div", { className: "group" }, row, ...elements);
}

function laidOut(model, controls, shared) {
  const groups = model.get("groups");
  const elementOf = ({ heading, controls: members, tab }) => {
    const head = heading && !tab ? [make("b", {}, heading)] : [];
    const inRow = (part) => make("div", { className: "row" }, ...part.map(placed));
    const placed = (part) => (Array.isArray(part) ? inRow(part) : controls[part].element);
    const about = {
      className: model.get("columns") ? "group" : "row",
      role: "group",
      "aria-label": heading || "Controls",
    };
    return make("div", about, ...head, ...members.map(placed));
  };
  const tabs = groups.filter(({ tab }) => tab);
  const elements = groups.filter(({ tab }) => !tab).map(elementOf);
  if (tabs.length) elements.push(tabbed(tabs, tabs.map(elementOf), shared));
  return make("div", { className: model.get("columns") ? "ddsp board columns" : "ddsp board" }, ...elements);
}

// At most one message of a control is on its way: of what a hand does meanwhile, the last is told after the answer.
function handOf(model, look, at, changed) {
  const hand = { look, busy: false, next: null };
  hand.turn = (value, { more = false, buffers = [] } = {}) => {
    if (hand.busy) return (hand.next = [value, { more, buffers }]);
    hand.busy = true;
    turning.add(hand);
    changed(at);
    model.send({ type: "turn", at, value, more }, undefined, buffers);
  };
  hand.answered = () => {
    const { next } = hand;
    Object.assign(hand, { busy: false, next: null });
    turning.delete(hand);
    if (next) hand.turn(...next);
  };
  return hand;
}

export default () => {
  const shared = { hands: [], views: new Set(), tab: 0 };
  return {
    initialize({ model, signal }) {
      const changed = (at) => shared.views.forEach((update) => update(at));
      shared.hands = model.get("looks").map((look, at) => handOf(model, look, at, changed));
      signal?.addEventListener("abort", () => shared.hands.forEach((hand) => turning.delete(hand)));
      model.on("msg:custom", ({ type, at, look, turned, file }, buffers) => {
        if (type !== "look") return;
        const hand = shared.hands[at];
        hand.look = look;
        // Another page may have asked.
        if (file && hand.busy) save(file, buffers[0]);
        if (turned) hand.answered();
        changed(at);
      });
    },
    render({ model, el }) {
      const controls = shared.hands.map(shown);
      const root = laidOut(model, controls, shared);
      // Keys are for the controls, not for JupyterLab.
      root.onkeydown = (event) => !event.ctrlKey && !event.metaKey && event.stopPropagation();
      el.append(root);
      const update = (at) => controls[at].update();
      shared.views.add(update);
      return () => shared.views.delete(update);
    },
  };
};
