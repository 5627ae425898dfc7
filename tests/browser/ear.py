"""Samples that widgets of the page play, taken from the audio thread on their way to the loudspeaker."""

import numpy as np

from browser.notebook_page import unpacked

RATE = 44_100

# A worklet beside each one that goes to the loudspeaker keeps what it plays; `keys` are in the audio clock's time.
LISTEN = """() => {
    const text = `registerProcessor('tap', class extends AudioWorkletProcessor {
        process([input]) {
            this.port.postMessage({at: currentFrame, samples: input[0] ? input[0].slice() : null});
            return true;
        }
    })`;
    const url = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
    window.ear = {taps: [], keys: [], context: null};
    const {addModule} = AudioWorklet.prototype, {connect} = AudioNode.prototype;
    AudioWorklet.prototype.addModule = async function(address) {
        if (!this.tapped) await addModule.call(this, url);
        this.tapped = true;
        return addModule.call(this, address);
    };
    AudioNode.prototype.connect = function(to, ...rest) {
        if (to instanceof AudioDestinationNode && this instanceof AudioWorkletNode && !this.tap) {
            const node = new AudioWorkletNode(to.context, 'tap'), tap = {node, chunks: []};
            node.tap = true;
            node.port.onmessage = ({data}) => data.samples && tap.chunks.push(data);
            ear.taps.push(tap);
            ear.context = to.context;
            connect.call(this, node);
            connect.call(node, to);
        }
        return connect.call(this, to, ...rest);
    };
    document.addEventListener('keydown', () => ear.keys.push(ear.context?.currentTime), true);
}"""

# The tap is connected to the loudspeaker, too, but puts nothing out: its samples stay zero.
RECORD = """async seconds => {
    const wait = ms => new Promise(over => setTimeout(over, ms));
    const tap = ear.taps.at(-1), begin = tap.chunks.at(-1)?.at ?? 0, length = Math.round(seconds * 44100);
    while ((tap.chunks.at(-1)?.at ?? 0) < begin + length + 256) await wait(10);
    return pack(tap.chunks.filter(chunk => chunk.at > begin).flatMap(chunk => [...chunk.samples]).slice(0, length));
}"""
ALL = """() => ear.taps.map(({chunks}) => [chunks[0]?.at ?? 0, pack(chunks.flatMap(chunk => [...chunk.samples]))])"""
FORGET = "() => { ear.taps = ear.taps.slice(-1); ear.taps.forEach(tap => tap.chunks = []); ear.keys = []; }"
CLOCK = "() => ({keys: ear.keys, output: ear.context.baseLatency + (ear.context.outputLatency || 0)})"


class Ear:
    """Listens to the page of a `NotebookPage`; begin before anything sounds in it."""

    def __init__(self, page):
        self.page = page
        page.evaluate(LISTEN)

    def hear(self, seconds: float = 0.3, *, settle_s: float = 0.1) -> np.ndarray:
        """[n_samples] of the widget that began last, from now on."""
        self.page.wait_for_timeout(1000 * settle_s)
        return unpacked(self.page.evaluate(RECORD, seconds))

    def forget(self) -> None:
        """Begin a new record."""
        self.page.evaluate(FORGET)

    def record(self) -> list[tuple[int, np.ndarray]]:
        """For each beginning of a widget: the first sample's place in time, and all that it has played."""
        return [(at, unpacked(text)) for at, text in self.page.evaluate(ALL)]

    def late_ms(self) -> float:
        """From the one key that was pressed to the first sample that sounds after it, in the audio clock's time."""
        (start, sound), ((key, *_), _) = self.record()[-1], self.clock()
        return 1000 * ((start + np.flatnonzero(np.abs(sound) > 1e-7)[0]) / RATE - key)

    def clock(self) -> tuple[list[float], float]:
        """Times of the audio clock when keys were pressed, and how long rendered sound takes to the loudspeaker."""
        clock = self.page.evaluate(CLOCK)
        return clock["keys"], clock["output"]
