// A slider through the versions of a player, which fades from each to the next; a picture may be touched in its place.
import { make, pointOn } from "./page.js";

export class Slide {
  // It begins at the share `start` of the way; a picture that is touched has `counts`, the partials of each version.
  constructor(view, { names, start, counts }) {
    Object.assign(this, { view, names, counts });
    const max = names.length - 1;
    this.slider = make("input", { type: "range", max, step: 0.1, "aria-label": names.join(", ") });
    Object.assign(this.slider, { value: start * max, oninput: () => this.move() });
    this.words = make("span", { className: "words" });
    this.root = make("label", { className: "row mix" }, this.slider, this.words);
  }

  // Between two versions both are heard, so that what the next one adds is as strong as it is near.
  move() {
    const { playback } = this.view;
    if (this.counts && playback.length) playback.loop ??= [0, playback.length];
    const at = Number(this.slider.value);
    const [share, [name, next = name]] = [at % 1, this.names.slice(Math.floor(at))];
    const [count, more = count] = this.counts?.slice(Math.floor(at)) ?? [];
    this.count = count + share * (more - count);
    const words = share ? `${name} → ${next}: ${Math.round(100 * share)} %` : name;
    this.slider.ariaValueText = this.words.textContent = words;
    playback.now = this.names[Math.max(Math.round(at), this.counts ? this.names.length - 2 : 0)];
    playback.mix = { [next]: share, [name]: 1 - share };
    playback.fade();
    this.view.draw();
  }

  // The way to the right over the picture is that of the slider; the phrase sounds again and again while it is pressed.
  listen({ canvas, playback }) {
    this.move();
    if (!this.counts) return;
    canvas.onpointermove = (event) => {
      this.slider.value = (this.slider.max * pointOn(canvas, event).x) / canvas.clientWidth;
      this.move();
    };
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      canvas.onpointermove(event);
      this.view.toggle();
    };
    canvas.onpointerup = canvas.onpointercancel = () => playback.pause();
    canvas.onclick = () => this.slider.focus({ preventScroll: true });
  }

  // Hides what lies above the partials that are there, along their pitch; a rest has none.
  cover(context, { hz, hop_s: hop }, { width, height }) {
    const top = (f0) => (f0 > 0 ? this.view.yOf((this.count + 0.5) * f0, height) : height);
    context.fillStyle = "rgba(0, 0, 0, 0.8)";
    context.beginPath();
    hz.forEach((f0, i) => context.lineTo((i * hop * width) / this.view.playback.length, top(f0)));
    context.lineTo(width, 0);
    context.lineTo(0, 0);
    context.fill();
  }
}
