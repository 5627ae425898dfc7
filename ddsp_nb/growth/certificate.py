"""The certificate of a growth: what the rendered sound itself says about masks, levels and edges."""

from dataclasses import dataclass

SILENT_DB = -80.0  # what is off must lie below this, dB of the loudest partial of the piece
SAME_DB = 0.1  # what was there before must keep its level within this
STEP = 0.01  # largest step between samples at an edge, of the peak


@dataclass(frozen=True)
class StageReport:
    """What was measured in one stage; None where there was nothing to measure.

    Attributes:
        silent_partial_db: loudest partial that should be silent, dB of the loudest partial of the piece.
        silent_band_db: loudest noise band that should be silent, the same.
        partial_change_db: largest change of a partial that was there before, beside the loudness curve.
        band_change_db: the same of a noise band.
        step: largest step from sample to sample at its edges, of the piece's peak.
        click: the same, at a cross-fade only by how much it is steeper than the music nearby.
        notes: what could not be told.
    """

    silent_partial_db: float | None = None
    silent_band_db: float | None = None
    partial_change_db: float | None = None
    band_change_db: float | None = None
    step: float = 0.0
    click: float = 0.0
    notes: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """What is wrong with the stage, in words."""
        found = []
        for name, level_db in (("partial", self.silent_partial_db), ("noise band", self.silent_band_db)):
            if level_db is not None and not level_db < SILENT_DB:
                found.append(f"a {name} that should be silent is at {level_db:.1f} dB")
        for name, change_db in (("partial", self.partial_change_db), ("noise band", self.band_change_db)):
            if change_db is not None and not change_db < SAME_DB:
                found.append(f"a {name} that was there before changes by {change_db:.2f} dB")
        if not self.click < STEP:
            found.append(f"its edge jumps by {100 * self.step:.1f} % of the peak, which clicks")
        return found


@dataclass(frozen=True)
class Certificate:
    """Reports on all stages of a growth; `str` gives a table."""

    stages: list[StageReport]
    n_harmonics: list[int]

    @property
    def passed(self) -> bool:
        """Whether all stages are as they should be."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """What is wrong, a sentence each."""
        return [f"Stage {i}: {fault}." for i, stage in enumerate(self.stages, 1) for fault in stage.faults()]

    def worst(self, name: str) -> float | None:
        """Largest value of one figure of `StageReport` over the stages, None where none was measured."""
        values = [getattr(stage, name) for stage in self.stages]
        return max((value for value in values if value is not None), default=None)

    def __str__(self) -> str:
        lines = [
            "stage  partials  silent partials   silent bands   partials change  bands change    edge step",
            f"{'must be':>15}      under {SILENT_DB:g} dB   under {SILENT_DB:g} dB     under {SAME_DB:g} dB"
            f"  under {SAME_DB:g} dB    under {100 * STEP:g} %",
        ]
        for i, (stage, n) in enumerate(zip(self.stages, self.n_harmonics, strict=True), 1):
            lines.append(
                f"{i:5d}  {n:8d}  {_in_db(stage.silent_partial_db, 12)}{_in_db(stage.silent_band_db, 12)}"
                f"{_in_db(stage.partial_change_db, 15, 3)}{_in_db(stage.band_change_db, 11, 3)}"
                f"{100 * stage.step:11.3f} %"
            )
        notes = [f"Stage {i}: {note}" for i, stage in enumerate(self.stages, 1) for note in dict.fromkeys(stage.notes)]
        verdict = ["Passed."] if self.passed else ["Not passed.", *self.faults]
        return "\n".join([*lines, *verdict, *notes])


def _in_db(value, width, digits=1):
    return f"{'–':>{width}}   " if value is None else f"{value:{width}.{digits}f} dB"
