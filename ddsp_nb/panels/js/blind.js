// A blind comparison below a player's picture: is X the sound A or B? Only the kernel knows; the page has the samples.
import { button, make } from "./page.js";

const HELP =
  "Click the picture; then keys 1, 2, 3 switch to A, B, X, and keys A and B answer. The picture always shows A.";
const UNHEARD = "Listen to X before you answer: press 3 while it plays.";
const SLOW_MS = 1500;
const WAITING = "The next X comes when the notebook's cells have run; after a restart, run this cell again.";

export class BlindBar {
  // Of a player's view; `tell` sends a message to the kernel.
  constructor(view, tell) {
    Object.assign(this, { view, tell });
    this.question = make("span", { className: "question", role: "status" });
    this.answers = ["A", "B"].map((x) => button(`X is ${x}`, () => this.answer(x)));
    this.anew = button("Begin anew, in another order", () => tell({ type: "anew" }));
    this.words = make("div", { className: "words" });
    const row = make("div", { className: "row" }, this.question, ...this.answers, this.anew);
    this.root = make("div", { hidden: true }, row, this.words);
  }

  update() {
    const { playback, state } = this.view;
    if (state.blind !== this.blind) this.ask(state.blind);
    else if (this.phase === "unheard" && playback.running && playback.now === "X") this.enter("heard");
  }

  ask(blind) {
    this.blind = blind;
    this.root.hidden = false;
    this.words.textContent = `${blind.words} ${HELP}`;
    const focused = this.answers.includes(document.activeElement);
    this.answers.forEach((each) => (each.hidden = blind.over));
    this.anew.hidden = !blind.trial;
    if (blind.over && focused) this.anew.focus();
    this.enter(blind.over ? "answered" : "unheard");
  }

  // X is "unheard", then "heard", then "answered".
  enter(phase) {
    this.phase = phase;
    clearTimeout(this.slow);
    this.question.textContent = this.blind.question;
    // Not `disabled`: such a button loses the focus, and JupyterLab takes the next A for a command.
    this.answers.forEach((each) => each.setAttribute("aria-disabled", phase !== "heard"));
  }

  answer(x) {
    if (this.phase === "unheard") this.question.textContent = UNHEARD;
    if (this.phase !== "heard") return;
    const { playback } = this.view;
    this.tell({ type: "answer", trial: this.blind.trial, x, playing: playback.running });
    this.enter("answered");
    // A loop that ran on would go on with this X to the end of its pass.
    playback.pause();
    this.slow = setTimeout(() => (this.question.textContent = WAITING), SLOW_MS);
  }
}
