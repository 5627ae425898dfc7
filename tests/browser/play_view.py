"""The instrument that is played in the page, under the hands of a test, and its network beside PyTorch's."""

import base64
import json

import torch

from browser.notebook_page import unpacked
from ddsp_nb.panels.keyboard.weights import WASM, heard_timbre, packed, settings
from ddsp_nb.panels.page import module
from ddsp_nb.playing.own_timbre import OwnTimbre

NETWORK = """async ([text, wasm, settings, layout, weights, asked, timbre]) => {
    const {Network} = await import(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})));
    const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const {instance} = await WebAssembly.instantiate(bytes(wasm), {});
    const network = new Network(instance.exports, {settings, layout, weights: new Float32Array(bytes(weights).buffer)});
    const {n_harmonics, n_bands} = settings, state = network.rest(), begun = performance.now();
    if (timbre) network.playAs(new Float32Array(timbre));
    const frames = asked.f0_hz.map((hz, i) => {
        const [loudness_db, age_s] = [asked.loudness_db[i], asked.age_s[i]];
        network.step([{f0_hz: Math.fround(hz), loudness_db, age_s, state}]);
        return [[...network.amplitudes.slice(0, n_harmonics)], [...network.gains.slice(0, n_bands)]];
    });
    return JSON.stringify([frames, (performance.now() - begun) / frames.length]);
}"""
# The whole way of the page, without its threads: a note whose timbre changes after so many samples.
OFFLINE = """async ([network, voices, worklet, wasm, settings, layout, weights, timbre, note, told, n_samples]) => {
    const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const load = text => import(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})));
    globalThis.AudioWorkletProcessor = class { constructor() { this.port = {postMessage() {}}; } };
    globalThis.registerProcessor = (_, kind) => { globalThis.processor = kind; };
    globalThis.sampleRate = settings.sample_rate;
    const [{Network}, {Voices}] = [await load(network), await load(voices)];
    await load(worklet);
    const {instance} = await WebAssembly.instantiate(bytes(wasm), {});
    const instrument = {settings, layout, weights: new Float32Array(bytes(weights).buffer)};
    const answering = new Voices(new Network(instance.exports, instrument)), sounding = new processor();
    answering.band_mask.fill(0);
    sounding.hear({sizes: settings, port: {postMessage: ({need}) => sounding.take(answering.frames(need))}});
    const {number} = answering.noteOn(note, 48), sound = new Float32Array(n_samples);
    sounding.take(answering.frames([number, number]));
    for (let at = 0; at < n_samples; at += 128) {
        if (at === told) sounding.take(answering.playAs({timbre: new Float32Array(timbre), habits: {}}));
        sounding.process([], [[sound.subarray(at, at + 128)]]);
    }
    return pack(sound);
}"""
# What ends all sound of the instrument, besides its own buttons: code of a view.
WAYS_TO_STOP = {
    "hidden": """root => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});
        document.dispatchEvent(new Event('visibilitychange')); delete document.hidden; }""",
    "another widget": "root => [...document.querySelectorAll('.ddsp .play')].at(-1).click()",
}
ASKED = {
    "f0_hz": [440 * 2 ** (i / 40) for i in range(-40, 60)],
    "loudness_db": [-30 + i % 17 for i in range(100)],
    "age_s": [0.012 * (i % 60) ** 1.5 for i in range(100)],
}


def sent(model):
    """All that the page gets of an instrument for one voice, as JavaScript takes it from a test."""
    coded = lambda data: base64.b64encode(data).decode()
    layout, weights = packed(model)
    return [coded(WASM.read_bytes()), settings(model, None, 1), layout, coded(weights.tobytes())]


def partials_of_the_page(page, model, timbre, *, note, told, n_samples):
    """[n_samples] of a held note without its noise, which goes on in another timbre that is told before a sample."""
    modules = map(module, ("play_network", "play_voices", "play_worklet"))
    row = heard_timbre(timbre, model.config).tolist()
    return unpacked(page.evaluate(OFFLINE, [*modules, *sent(model), row, note, told, n_samples]))


def controls_of_the_page(page, model, asked=ASKED, timbre=None):
    """[amplitudes, noise gains] of each frame by the page's network, and the ms that one took.

    A timbre [n_timbre] is one that comes as a message.
    """
    told = timbre if timbre is None else heard_timbre(timbre, model.config).tolist()
    # As text, which leaves the page quicker than a list of numbers.
    frames, ms_a_frame = json.loads(page.evaluate(NETWORK, [module("play_network"), *sent(model), asked, told]))
    return [[frame[part] for frame in frames] for part in (0, 1)], ms_a_frame


def controls_of_pytorch(model, asked=ASKED, timbre=None):
    """The same by PyTorch."""
    played, row = OwnTimbre(model).eval(), None if timbre is None else timbre[None]
    frames = [torch.tensor(values).float()[None] for values in asked.values()]
    return [levels[0].tolist() for levels in played.levelled(*frames, played.rest(), row)[:2]]


class PlayView:
    """A view of `PlayPanel`, and what can be done to it.

    Args:
        page: `NotebookPage`.
        view: locator of its root.
    """

    def __init__(self, page, view):
        self.page, self.view = page, view

    def wait(self):
        self.page.wait_for(self.view, "root => root.engine.ready")

    def set(self, **settings):
        self.view.evaluate("(root, settings) => root.engine.set(settings)", settings)

    def press(self, note, velocity=96, source="test"):
        self.view.evaluate("(root, [s, n, v]) => root.engine.hands.press(s + n, n, v)", [source, note, velocity])

    def release(self, note, source="test"):
        self.view.evaluate("(root, s) => root.engine.hands.release(s)", source + str(note))

    def release_all(self):
        self.view.evaluate("root => root.engine.hands.releaseAll()")

    def counts(self):
        return self.view.evaluate("root => root.engine.count()")

    def held(self):
        return self.view.evaluate("root => [...root.engine.hands.held.values()]")

    def click(self, button):
        self.view.get_by_role("button", name=button, exact=True).click()

    def wait_for_voices(self, n):
        for _ in range(200):
            voices = (self.counts() or {"voices": 0})["voices"]
            if voices == n:
                return
            self.page.page.wait_for_timeout(30)
        raise AssertionError(f"{voices} voices sound, not {n}")

    def wait_for_silence(self):
        self.wait_for_voices(0)
