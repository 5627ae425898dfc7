// One line at the foot of a notebook, in sight from all of it: it shows another recording than the current one.
import { button, make, runAllCells } from "./page.js";

export default {
  render({ model, el }) {
    const words = make("span", { role: "status" });
    const run = button("Run all cells", () => runAllCells(el), { className: "chief" });
    const bar = make("div", { className: "ddsp row notice" }, words, run);
    const show = () => {
      words.textContent = model.get("words");
      bar.hidden = !words.textContent;
      // Outside of JupyterLab and Notebook, it stays where it is.
      if (!bar.hidden) (el.closest(".jp-NotebookPanel") ?? el).append(bar);
    };
    model.on("change:words", show);
    // By then the output is in the page.
    const frame = requestAnimationFrame(show);
    return () => {
      cancelAnimationFrame(frame);
      model.off("change:words", show);
      bar.remove();
    };
  },
};
