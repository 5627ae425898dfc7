import { Network } from "./play_network.js";
import { hzOfKey } from "./play_parts.js";
import { Voices } from "./play_voices.js";

// The thread between hands and audio thread: it answers each wish of the audio thread for frames, and begins a note
// at once, out of turn. The page's own thread, which may be busy drawing, is not on the way.
// Messages: { use: { wasm, settings, layout, weights } }, { port }, { on: [note, velocity, part] },
// { off: [note, part] }, { slide: { before, note, hands } }, { quiet: true },
// { hands: [[part, bend_semitones, level_db], ...] }, { timbre, habits }, { partial_mask, band_mask, tuning }.

// By then the browser has compiled the network as well as it can.
const WARM_UP_STEPS = 40;

let voices = null;
let port = null;
// Voices whose second frame is due.
const begun = [];
// What was asked for last: instruments that come quicker than they load are left out.
let latest = null;

async function use(instrument) {
  latest = instrument;
  const { instance } = await WebAssembly.instantiate(instrument.wasm, {});
  if (latest !== instrument) return;
  const network = new Network(instance.exports, instrument);
  const still = [{ f0_hz: 440, loudness_db: instrument.settings.usual_db, age_s: 1, state: network.rest() }];
  for (let i = 0; i < WARM_UP_STEPS; i++) network.step(still);
  if (voices) voices.use(network);
  else voices = new Voices(network);
  postMessage({ ready: true });
}

function send(numbers) {
  const rows = voices.frames(numbers);
  port.postMessage(rows, [rows.buffer]);
}

// What waits in the audio thread is sent again: a timbre is heard from the next hop on.
function playAs(wish) {
  const rows = voices.playAs(wish);
  port?.postMessage(rows, [rows.buffer]);
}

function listen(other) {
  port = other;
  port.onmessage = ({ data: { need, ahead } }) => {
    voices.ahead = ahead;
    send(need);
  };
}

// Two frames: the first to sound at once; the second, so that the audio thread need not wait for an answer, once all
// notes of a chord have their first.
function begin(struck) {
  if (!voices || !port || !hzOfKey(voices.network.settings.tuning, struck[0])) return;
  const { number } = voices.noteOn(...struck);
  send([number]);
  if (begun.push(number) === 1) setTimeout(() => send(begun.splice(0)));
}

function set({ tuning, ...masks }) {
  voices.network.settings.tuning = tuning;
  Object.assign(voices, masks);
}

onmessage = ({ data }) => {
  if (data.use) use(data.use).catch((error) => postMessage({ wrong: error.message }));
  else if (data.port) listen(data.port);
  else if (data.on) begin(data.on);
  else if (data.off) voices?.noteOff(...data.off);
  else if (data.hands) voices?.move(data.hands);
  else if (data.slide) voices?.slide(data.slide);
  else if (data.timbre && voices) playAs(data);
  else if (data.quiet) voices?.allOff();
  else if (voices) set(data);
};
