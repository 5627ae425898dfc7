"""A panel to compose a growth: controls on the left, the piece as picture and sound on the right."""

from pathlib import Path

import ipywidgets

from ddsp_nb import plots
from ddsp_nb.audio import save_audio
from ddsp_nb.errors import GrowthError
from ddsp_nb.features import Features
from ddsp_nb.growth import ADSR, NOISE_CHOICES, STRATEGIES, Growth, GrowthPlan, grow
from ddsp_nb.model import DDSPModel
from ddsp_nb.schedule import Schedule, make_schedule
from ddsp_nb.widgets import axes, errors_in_words, picture, player, png, say, wav_bytes

NOISE_WORDS = {"last": "in the last stage", "every": "in every stage", "bands": "band by band", "none": "never"}
LABEL = {"description_width": "110px"}
WIDE = ipywidgets.Layout(width="330px")


class GrowthPanel(ipywidgets.HBox):
    """Turn the knobs of a `GrowthPlan`, see its stages at once, then hear and export the piece.

    Args:
        model: a trained model.
        features: of the recording that it plays.
        seed: of the noise.
    """

    def __init__(self, model: DDSPModel, features: Features, *, seed: int = 0):
        self.instrument, self.features, self.seed = model, features, seed
        self.played = model.controls(features)  # once: it is most of what a render would take
        self.growth: Growth | None = None  # None where the controls have moved since the last rendering
        super().__init__([self._build_controls(), self._build_results()])
        for control in self.controls.values():
            control.observe(lambda _: self.refresh(), "value")
        self.refresh()

    def _build_controls(self):
        plan = GrowthPlan()
        self.controls = {
            "strategy": _dropdown("Strategy", {name.capitalize(): name for name in STRATEGIES}, plan.strategy),
            "n_stages": _slider("Stages", plan.n_stages, 1, self.instrument.config.n_harmonics, 1, whole=True),
            "stage_duration_s": _slider("Stage length (s)", plan.stage_duration_s, 0.1, 5, 0.05),
            "silence_duration_s": _slider("Silence (s)", plan.silence_duration_s, 0, 2, 0.05),
            "noise": _dropdown("Noise", {NOISE_WORDS[name]: name for name in NOISE_CHOICES}, plan.noise),
            "attack_s": _slider("Attack (s)", plan.adsr.attack_s, 0, 2, 0.01),
            "decay_s": _slider("Decay (s)", plan.adsr.decay_s, 0, 2, 0.01),
            "sustain": _slider("Sustain level", plan.adsr.sustain, 0, 1, 0.01),
            "release_s": _slider("Release (s)", plan.adsr.release_s, 0, 2, 0.01),
        }
        return ipywidgets.VBox([*self.controls.values(), *self._build_actions()], layout={"min_width": "350px"})

    def _build_actions(self):
        self.render_button = ipywidgets.Button(description="Render and play", icon="play", button_style="success")
        self.file_name = ipywidgets.Text(value="output/growth.wav", description="File", style=LABEL, layout=WIDE)
        self.replace_box = ipywidgets.Checkbox(value=False, description="replace an existing file", indent=False)
        self.export_button = ipywidgets.Button(description="Export", icon="download")
        self.render_button.on_click(lambda _: self.render(play=True))
        self.export_button.on_click(lambda _: self.export())
        return [self.render_button, self.file_name, ipywidgets.HBox([self.export_button, self.replace_box])]

    def _build_results(self):
        self.status, self.stage_map, self.spectrogram = ipywidgets.HTML(), picture("640px"), picture("640px")
        self.player = player(self.instrument.config.sample_rate)
        return ipywidgets.VBox([self.status, self.stage_map, self.spectrogram, self.player])

    @property
    def plan(self) -> GrowthPlan:
        """The plan that the controls describe. Raises GrowthError where they make none."""
        values = {name: control.value for name, control in self.controls.items()}
        adsr = ADSR(*(values.pop(name) for name in ("attack_s", "decay_s", "sustain", "release_s")))
        return GrowthPlan(adsr=adsr, **values)

    def refresh(self) -> None:
        """Draw the stages that the controls describe; the piece has to be rendered anew."""
        self._keep(None)
        self.controls["n_stages"].disabled = self.controls["strategy"].value != "linear"
        with errors_in_words(self.status):
            schedule = self._schedule()
            self._draw_plan(schedule)
            say(self.status, f"{in_words(schedule)}. Press “Render and play” to hear it.")

    def render(self, *, play: bool = False) -> None:
        """Render the piece into the player and draw its spectrogram."""
        with errors_in_words(self.status):
            self._render(play)

    def export(self) -> None:
        """Write the piece to the named file; an existing one only where "replace" is ticked."""
        with errors_in_words(self.status):
            path = Path(self.file_name.value.strip())
            if path.exists() and not path.is_dir() and not self.replace_box.value:
                raise GrowthError(f"{path} exists already. Choose another name, or tick “replace an existing file”.")
            if self.growth is None:
                self._render(play=False)
            save_audio(path, self.growth.audio, self.growth.sample_rate)
            say(self.status, f"Written: {path}, {in_words(self.growth.schedule)}.")

    def _render(self, play):
        plan = self.plan
        say(self.status, "Rendering ...")
        growth = grow(self.instrument, self.features, plan, self.seed, controls=self.played)
        self.player.autoplay = play
        self.player.value = wav_bytes(growth.audio, growth.sample_rate)
        figure, (ax,) = axes(8.4, 3)
        plots.spectrogram(growth.audio.cpu(), growth.sample_rate, ax=ax, title="The piece")
        self.spectrogram.value = png(figure)
        self._keep(growth)
        say(self.status, f"Rendered: {in_words(growth.schedule)}.")

    def _keep(self, growth):
        """Hold a piece, or none: picture and player of another piece than the one described would mislead."""
        self.growth = growth
        for widget in (self.spectrogram, self.player):
            widget.layout.visibility = "hidden" if growth is None else "visible"

    def _schedule(self):
        return make_schedule(self.instrument, self.features, self.plan, self.seed, controls=self.played)

    def _draw_plan(self, schedule):
        figure, (left, right) = axes(8.4, 2.6, 1, 2, width_ratios=(2, 1))
        plots.stage_map(schedule.masks, schedule.plan, ax=left, noise=schedule.noise_masks)
        stage = schedule.stages[0]
        plots.envelope(schedule.plan.adsr, len(stage) / schedule.sample_rate, schedule.sample_rate, ax=right)
        self.stage_map.value = png(figure)


def in_words(schedule: Schedule) -> str:
    """Stages, length, partials and remarks of a piece."""
    counts = [stage.n_harmonics for stage in schedule.stages]
    stages = "1 stage" if len(counts) == 1 else f"{len(counts)} stages"
    seconds = schedule.n_samples / schedule.sample_rate
    remarks = "".join(f" ({remark.rstrip('.')})" for remark in schedule.remarks)
    return f"{stages}, {seconds:.1f} s, from {counts[0]} to {counts[-1]} partials{remarks}"


def _dropdown(label, options, value):
    return ipywidgets.Dropdown(options=options, value=value, description=label, style=LABEL, layout=WIDE)


def _slider(label, value, low, high, step, *, whole=False):
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=label,
        continuous_update=False,
        style=LABEL,
        layout=WIDE,
    )
