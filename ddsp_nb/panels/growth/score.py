"""The score of a growth: its stages as a map in the page, where they are played, drawn and moved."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import traitlets

from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.masks import INAUDIBLE, band_widths
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.growth.timbre import shares_of, weights_of
from ddsp_nb.growth.tuning import HELD, PHRASE
from ddsp_nb.notes.pitch import midi_name
from ddsp_nb.panels.growth.knob_views import in_words
from ddsp_nb.panels.page import PageWidget, module
from ddsp_nb.piece.midi import pitch_number
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.synthesis.noise import band_centres_hz

FAINTEST_DB = -99  # of a partial or band beside the loudest, as it is told


class Score(PageWidget):
    """The map of the stages, drawn and edited in the page.

    Args:
        player: key of the player whose position runs through the map.
        on_action: called with what hands do: {"type": "play" | "edit" | "loop" | "undo" | "redo", ...}.
    """

    _esm = module("score")
    score = traitlets.Dict().tag(sync=True)
    fresh = traitlets.Bool(False, help="Whether the player holds what the map shows.").tag(sync=True)
    live = traitlets.Bool(False, help="Whether every change is rendered at once.").tag(sync=True)
    can_undo = traitlets.Bool(False).tag(sync=True)
    can_redo = traitlets.Bool(False).tag(sync=True)
    grid_beats = traitlets.Float(1 / 4, help="To which edges of note values snap, 0 for none.").tag(sync=True)
    player = traitlets.Unicode().tag(sync=True)

    def __init__(self, player: str, on_action: Callable[[dict], None]):
        super().__init__(player=player)
        self._version = 0
        self.on_msg(lambda _, content, __: on_action(content))

    def show(self, score: dict) -> None:
        """Show a score, also where it is the one that is shown: what was only drafted is then dropped."""
        self._version += 1
        self.score = score | {"version": self._version}

    def refuse(self) -> None:
        """Drop what was drawn last: no plan can be made of it."""
        self.send({"type": "refused"})


def describe(
    schedule: Schedule, tempo: Tempo | None, *, delay_s: float, grid_beats: float, layers: Sequence[dict], own: bool
) -> dict[str, Any]:
    """A schedule as the page draws it.

    Args:
        schedule: of the layer that is shown.
        tempo: of the piece; None where lengths are seconds, which know no bars.
        delay_s: when the layer begins.
        grid_beats: to which edges snap, 0 for none.
        layers: of all layers, {"start", "stop" in s, "selected"}.
        own: whether its partials are tracks, with frequencies of their own.
    """
    config = schedule.config
    partials, bands = _strengths_db(schedule, config)
    rows = max(1, int((partials > FAINTEST_DB).any(0).nonzero().max()) + 1)
    sustains = curve(schedule.plan.adsr.sustain, len(schedule.stages))
    shares, names = shares_of(schedule.plan.timbre, len(schedule.stages)), list(weights_of(schedule.plan.timbre))
    beat_s, rate = 60 / tempo.bpm if tempo else 0.0, schedule.sample_rate
    stages = [
        {
            "start": delay_s + stage.start / rate,
            "stop": delay_s + stage.stop / rate,
            "partials": _bits(stage.mask[:rows]),
            "bands": _bits(stage.bands),
            "partials_db": partials[i, :rows].tolist(),
            "bands_db": bands[i].tolist(),
            "level_db": stage.level_db,
            "sustain": sustains[i],
            "harmonise": stage.harmonise,
            "share": shares[i].get(names[-1], 0.0),
            # Between others than two, nothing can be drawn.
            "becomes": names[-1] if len(names) == 2 else "",
            "pitch": in_words(stage.pitch, "Hz"),
            # What a tracker hears of a bell is no note of it.
            "note": "" if own and stage.pitch in (PHRASE, HELD) else note_name(schedule, i),
            "hz": schedule.hz(i),
        }
        for i, stage in enumerate(schedule.stages)
    ]
    track = next(iter(schedule.tracks.values()))
    return {
        "stages": stages,
        "n_partials": rows,
        "n_bands": config.n_bands,
        "multiples": (track.hz().mean(0) / track.f0_hz.mean())[:rows].tolist(),
        "own_hz": track.hz().mean(0)[:rows].tolist() if own else [],
        "band_hz": band_centres_hz(config).tolist(),
        "length_s": max(layer["stop"] for layer in layers),
        "origin_s": delay_s,
        "grid_s": grid_beats * beat_s,
        "bar_s": tempo.beats_per_bar * beat_s if tempo else 0.0,
        "layers": list(layers),
    }


def note_name(schedule: Schedule, i: int) -> str:
    """Name of the note that stage i plays, as it was written where it was; "" where it plays none."""
    number, pitch = pitch_number(schedule, i), schedule.stages[i].pitch
    if number is None:
        return ""
    return pitch if pitch not in (PHRASE, HELD) and isinstance(pitch, str) else midi_name(round(number))


def _strengths_db(schedule, config):
    """[n_stages, n_harmonics] and [n_stages, n_bands] whole dB: how loud each would be at the stage's place."""
    widths = band_widths(config).sqrt()
    tracks = [schedule.played(i) for i in range(len(schedule.stages))]
    partials = torch.stack([track.levels(config) for track in tracks])
    bands = torch.stack([track.controls.noise_magnitudes.amax(0) * widths for track in tracks])
    return _relative_db(partials), _relative_db(bands)


def _relative_db(levels):
    shares = levels / levels.max().clamp(min=1e-12)
    return torch.where(shares > INAUDIBLE, 20 * shares.clamp(min=INAUDIBLE).log10(), FAINTEST_DB).round().int()


def _bits(mask):
    return "".join("1" if on else "0" for on in mask.bool().tolist())
