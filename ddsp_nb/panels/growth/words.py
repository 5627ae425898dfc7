"""The pieces of the growth panel in words."""

from ddsp_nb.growth.certificate import Certificate
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.piece.compose import Piece

MOST_MARKS = 20  # of stages in the player
# What is told of the worst figures of a certificate.
FOUND = {
    "silent_partial_db": "every partial that should be silent is at least {:.0f} dB down",
    "silent_band_db": "every noise band that should be silent at least {:.0f} dB",
    "partial_change_db": "partials that stay keep their level within {:.3f} dB",
}


def stage_marks(piece: Piece, layer: int = 0) -> list[tuple[float, str]]:
    """Where each stage of a layer begins, in seconds, and its number; of many, every other, or fewer."""
    marks = [(time_s, str(stage + 1)) for time_s, i, stage in piece.marks if i == layer]
    return marks[:: max(-(-len(marks) // MOST_MARKS), 1)]


def summary(schedule: Schedule) -> str:
    """Stages, length and partials of a piece."""
    counts = [stage.n_harmonics for stage in schedule.stages]
    stages = "1 stage" if len(counts) == 1 else f"{len(counts)} stages"
    seconds = schedule.n_samples / schedule.sample_rate
    return f"{stages}, {seconds:.1f} s, from {counts[0]} to {counts[-1]} partials"


def remarks(schedule: Schedule) -> str:
    """What the plan of a piece leads to, to stand after other words; "" where there is nothing to say."""
    return "".join(f" ({remark.rstrip('.')})" for remark in schedule.remarks)


def verdict(certificate: Certificate) -> str:
    """A certificate in a sentence."""
    if not certificate.passed:
        others = f" And {len(certificate.faults) - 1} more." if len(certificate.faults) > 1 else ""
        return f"No. {certificate.faults[0]}{others}"
    worst = ((words, certificate.worst(name)) for name, words in FOUND.items())
    found = [words.format(abs(figure)) for words, figure in worst if figure is not None]
    return f"Yes: {'; '.join(found)}; no clicks."
