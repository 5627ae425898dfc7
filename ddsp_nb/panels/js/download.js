// A button that asks the kernel for a file, and hands it to the browser as a download. No request leaves the page.
import { make, save } from "./page.js";

export default {
  render({ model, el }) {
    const words = model.get("words");
    const button = make("button", { type: "button" }, words);
    const wait = (waiting) => Object.assign(button, { disabled: waiting, textContent: waiting ? "Packing …" : words });
    button.onclick = () => {
      wait(true);
      model.send({ type: "wanted" });
    };
    const hear = ({ type, name }, buffers) => {
      // Another page may have asked.
      if (!button.disabled) return;
      wait(false);
      if (type === "file") save(name, buffers[0]);
    };
    model.on("msg:custom", hear);
    el.append(make("div", { className: "ddsp row" }, button));
    return () => model.off("msg:custom", hear);
  },
};
