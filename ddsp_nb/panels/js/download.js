// A button that asks the kernel for a file, and hands it to the browser as a download. No request leaves the page.
import { button, make, save } from "./page.js";

export default {
  render({ model, el }) {
    const words = model.get("words");
    const wait = (waiting) => Object.assign(wanted, { disabled: waiting, textContent: waiting ? "Packing …" : words });
    const wanted = button(words, () => {
      wait(true);
      model.send({ type: "wanted" });
    });
    const hear = ({ type, name }, buffers) => {
      // Another page may have asked.
      if (!wanted.disabled) return;
      wait(false);
      if (type === "file") save(name, buffers[0]);
    };
    model.on("msg:custom", hear);
    el.append(make("div", { className: "ddsp row" }, wanted));
    return () => model.off("msg:custom", hear);
  },
};
