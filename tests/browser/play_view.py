"""The instrument that is played in the page, under the hands of a test."""

COUNT = "async root => root.engine.node && await root.engine.ask(root.engine.node.port, {})"


CONTROLS = """async (root, asked) => {
    const answer = await root.engine.ask(root.engine.worker, {controls: asked});
    return [answer.frames.map(([a, g]) => [[...a], [...g]]), answer.ms_a_frame];
}"""
ASKED = {"f0_hz": [440 * 2 ** (i / 40) for i in range(-40, 60)], "loudness_db": [-30 + i % 17 for i in range(100)]}


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
        return self.view.evaluate(COUNT)

    def held(self):
        return self.view.evaluate("root => [...root.engine.hands.held.values()]")

    def click(self, button):
        self.view.get_by_role("button", name=button, exact=True).click()

    def controls(self, asked):
        """[amplitudes, noise gains] of each frame by the page's network, and the ms that one took."""
        frames, ms_a_frame = self.view.evaluate(CONTROLS, asked)
        return [[frame[part] for frame in frames] for part in (0, 1)], ms_a_frame

    def controls_of_pytorch(self, asked, model="model"):
        """The same by a model of the kernel."""
        self.page.do(
            f"""from ddsp_nb.playing.own_timbre import OwnTimbre
timbre = OwnTimbre({model}).eval()
f0, db = torch.tensor({asked["f0_hz"]})[None], torch.tensor({asked["loudness_db"]}).float()[None]
levels = [x[0].tolist() for x in timbre.levelled(f0, db, timbre.rest())[:2]]"""
        )
        return self.page.value("levels")

    def wait_for_silence(self):
        for _ in range(100):
            counts = self.counts()
            if not counts or not counts["voices"]:
                return
            self.page.page.wait_for_timeout(30)
        raise AssertionError(f"{counts['voices']} voices are stuck")
