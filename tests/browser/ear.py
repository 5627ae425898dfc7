"""Samples that widgets of the page play, taken from the audio thread on their way to the loudspeaker."""

import numpy as np

from browser.notebook_page import unpacked

RATE = 44_100

# A worklet beside each one that goes to the loudspeaker keeps what it plays; `keys` are in the audio clock's time.
LISTEN = """() => {
    const text = `registerProcessor('tap', class extends AudioWorkletProcessor {
        process([input]) {
            // Nothing once its source has ended: pages that are left open would keep the machine busy.
            if (input[0]) this.port.postMessage({at: currentFrame, samples: input[0].slice()});
            return true;
        }
    })`;
    const url = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
    window.ear = {taps: [], keys: [], started: [], context: null};
    const {start} = AudioBufferSourceNode.prototype;
    AudioBufferSourceNode.prototype.start = function(...place) {
        ear.started.push(pack(this.buffer.getChannelData(0)));
        return start.apply(this, place);
    };
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
            node.port.onmessage = ({data}) => tap.chunks.push(data);
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
RECORD = """async ([settle_s, seconds]) => {
    const wait = ms => new Promise(over => setTimeout(over, ms));
    // The first sound of a page comes once its worklet has been loaded.
    for (let i = 0; i < 1000 && !ear.taps.length; i++) await wait(10);
    // What hands do is told with the next picture; from then on the clock of the sound counts, which may be late, too.
    for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
    const tap = ear.taps.at(-1), {context} = tap.node, length = Math.round(seconds * 44100);
    const begin = (context.currentTime + settle_s) * 44100;
    while ((tap.chunks.at(-1)?.at ?? 0) < begin + length + 256) await wait(10);
    return pack(tap.chunks.filter(chunk => chunk.at > begin).flatMap(chunk => [...chunk.samples]).slice(0, length));
}"""
ALL = """() => ear.taps.map(({chunks}) => [chunks[0]?.at ?? 0, pack(chunks.flatMap(chunk => [...chunk.samples]))])"""
FORGET = """() => {
    ear.taps = ear.taps.slice(-1);
    ear.taps.forEach(tap => tap.chunks = []);
    Object.assign(ear, {keys: [], started: []});
}"""
CLOCK = "() => ({keys: ear.keys, output: ear.context.baseLatency + (ear.context.outputLatency || 0)})"


class Ear:
    """Listens to the page of a `NotebookPage`; begin before anything sounds in it."""

    def __init__(self, page):
        self.page = page
        page.evaluate(LISTEN)

    def hear(self, seconds: float = 0.3, *, settle_s: float = 0.1) -> np.ndarray:
        """[n_samples] of the widget that began last, from settle_s after now on."""
        return unpacked(self.page.evaluate(RECORD, [settle_s, seconds]))

    def hear_out(self) -> np.ndarray:
        """[n_samples] of the one widget that sounds, once it has ended by itself: 0.1 s long it plays nothing more."""
        lengths = [-1]
        for _ in range(100):
            ((_, sound),) = self.record()
            if len(sound) == lengths[-1]:
                return sound
            lengths.append(len(sound))
            self.page.wait_for_timeout(100)
        raise AssertionError(f"The widget plays on: {lengths} samples.")

    def forget(self) -> None:
        """Begin a new record."""
        self.page.evaluate(FORGET)

    def wait_for_start(self) -> None:
        """Wait until a player has begun since `forget`; it may be over before a busy machine looks."""
        self.page.wait_for_function("() => ear.started.length > 0")

    def started(self) -> list[np.ndarray]:
        """[n_samples] of each sound that players began with since `forget`."""
        return [unpacked(text) for text in self.page.evaluate("() => ear.started")]

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
