import { playable } from "./play_controls.js";

export default () => playable();
