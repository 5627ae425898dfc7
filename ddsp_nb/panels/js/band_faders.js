import { paintableBars } from "./bars.js";
import { playButton, presets, question, row, sayings, showView, slider } from "./controls.js";
import { Live } from "./live.js";
import { amplitudeOf, decibels, within } from "./math.js";
import { hertz, signed } from "./page.js";

const BANDS = 64;
const [LOWEST_HZ, NYQUIST_HZ] = [20, 22_050];
const OCTAVES = Math.log2(NYQUIST_HZ / LOWEST_HZ);
const OCTAVES_A_BAND = OCTAVES / (BANDS - 1);
// Of a fader at the bottom.
const SHUT_DB = -60;
// Sounds alone where none was chosen.
const FIRST_BAND = 40;
const QUESTION = "Which noise is wind, which the sea? Open one band alone, then paint a slope and a hill.";
const TICKS_HZ = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];

const HELP = "Paint the bands. Or keys: ← → choose, ↑ ↓ by 1 dB, Delete shuts.";

const bands = Array.from({ length: BANDS }, (_, i) => i);
const centreHz = (band) => LOWEST_HZ * 2 ** (band * OCTAVES_A_BAND);
const inDb = (gain) => within(decibels(gain), SHUT_DB, 0);
const gainOf = (db) => (db > SHUT_DB ? amplitudeOf(db) : 0);

// Narrow bells let little of the white noise through: their presets are turned up.
function choices(model, settings) {
  const of = (db, level) => () => ({ faders: bands.map(db), wind: false, level });
  const alone = () => {
    const selected = settings.selected ?? FIRST_BAND;
    return { ...of((i) => (i === selected ? 0 : SHUT_DB), 12)(), selected };
  };
  const recipe = model.get("recipe");
  return {
    white: of(() => 0, 0),
    pink: of((i) => -3 * i * OCTAVES_A_BAND, 6),
    "one band": alone,
    wind: () => ({ ...of((i) => inDb(Math.exp(-0.5 * ((i - 34) / 3) ** 2)), 12)(), wind: true }),
    ...(recipe.length && { [model.get("recipe_name")]: of((i) => inDb(recipe[i]), 12) }),
  };
}

const message = ({ faders, level, wind }) => ({
  noise: { gains: faders.map(gainOf), level: amplitudeOf(level), wind },
});

function bandInWords({ faders, selected }) {
  const band = selected ?? FIRST_BAND;
  const db = faders[band] > SHUT_DB ? signed(Math.round(faders[band]), "dB") : "shut";
  return `Band ${band}, ${hertz(centreHz(band))}: ${db}`;
}

function faders(live) {
  const { settings } = live;
  const place = (db) => 1 - db / SHUT_DB;
  const db = (at) => (1 - at) * SHUT_DB;
  const paint = (places) => {
    const changed = Object.entries(places).map(([i, at]) => [i, db(at)]);
    const all = Object.assign([...settings.faders], Object.fromEntries(changed));
    live.set({ faders: all, wind: false, preset: "" });
  };
  const tick = (hz) => [
    (Math.log2(hz / LOWEST_HZ) / OCTAVES_A_BAND + 0.5) / BANDS,
    hz < 1000 ? `${hz}${hz === LOWEST_HZ ? " Hz" : ""}` : `${hz / 1000}k`,
  ];
  return paintableBars({
    count: BANDS,
    label: "64 bands of noise. Left and right choose a band, up and down change it, Delete shuts it",
    across: TICKS_HZ.map(tick),
    up: [
      [1, "0 dB"],
      [2 / 3, "−20"],
      [1 / 3, "−40"],
      [0, "shut"],
    ],
    place: (i) => place(settings.faders[i]),
    paint,
    stepped: (i, steps) => place(within(settings.faders[i] + steps, SHUT_DB, 0)),
    selected: () => settings.selected ?? FIRST_BAND,
    select: (selected) => live.set({ selected }),
    say: () => bandInWords(settings),
  });
}

function render(live, view) {
  const level = { label: "Level", min: -30, max: 24, step: 1, say: (x) => signed(x, "dB") };
  const preset = presets(live, choices(view.model, live.settings));
  showView(
    live,
    view,
    question(QUESTION),
    row(playButton(live), preset, slider(live, "level", level)),
    faders(live),
    sayings(live, () => `${bandInWords(live.settings)}. ${HELP}`),
  );
}

export default () => {
  const settings = { faders: bands.map(() => 0), level: 0, wind: false, preset: "white", selected: null };
  const heard = ({ gains }) => {
    // A wind that has been painted over may have said what it is before it knew.
    if (!gains || !settings.wind) return;
    settings.faders = Array.from(gains, inDb);
    live.show();
  };
  const live = new Live({ name: "ddsp-band-faders", text: WORKLET, settings, message, heard });
  return { alone: () => true, render: (view) => render(live, view) };
};
