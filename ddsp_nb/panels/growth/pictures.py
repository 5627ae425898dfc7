"""The growth panel's picture for where no page runs, and its pieces in words."""

import numpy as np
from matplotlib.figure import Figure

from ddsp_nb import plots
from ddsp_nb.growth.certificate import Certificate
from ddsp_nb.growth.piece import Piece
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.panels.widgets import png

WIDTH_IN = 10.0  # of the map
MAP_HEIGHT_IN = 3.3
MOST_MARKS = 20  # of stages in the player
LEFT, RIGHT = 0.085, 0.985  # of the width; fixed margins, as fitting them takes as long as drawing
POINTS_A_STAGE = 40  # of the level's outline
QUIETEST_DB = -40  # where the level's axis ends
QUIETEST = 1e-9  # amplitude that stands for 0 in logarithms


def draw_map(schedule: Schedule) -> bytes:
    """Which partials and bands sound when, above the level that envelope and loudness give them; a PNG file."""
    figure = Figure(figsize=(WIDTH_IN, MAP_HEIGHT_IN))
    upper, lower = figure.subplots(2, 1, height_ratios=(5, 1))
    figure.subplots_adjust(LEFT, 0.13, RIGHT, 0.98, hspace=0.07)
    plots.stage_map(schedule.masks, schedule.plan, upper, noise=schedule.noise_masks).set(xlabel="", xticks=())
    times_s, levels_db = _levels(schedule)
    lower.fill_between(times_s, QUIETEST_DB, levels_db, color="C0", alpha=0.5)
    top = max(0.0, *(stage.level_db for stage in schedule.stages))
    lower.set(xlim=upper.get_xlim(), ylim=(QUIETEST_DB, top + 3), xlabel="Time (s)", ylabel="Level\n(dB)")
    return png(figure)


def stage_marks(piece: Piece, layer: int = 0) -> list[tuple[float, str]]:
    """Where each stage of a layer begins, in seconds, and its number; of many, every other, or fewer."""
    marks = [(time_s, str(stage + 1)) for time_s, i, stage in piece.marks if i == layer]
    return marks[:: max(-(-len(marks) // MOST_MARKS), 1)]


def _levels(schedule):
    """Outline of every stage's level: seconds and dB, with a gap after each stage."""
    times_s, levels_db = [], []
    for i, stage in enumerate(schedule.stages):
        samples = np.linspace(0, len(stage) - 1, POINTS_A_STAGE).astype(int)
        times_s += [(stage.start + samples) / schedule.sample_rate, [stage.stop / schedule.sample_rate]]
        levels_db += [20 * np.log10(schedule.envelope(i)[samples].numpy() + QUIETEST), [np.nan]]
    return np.concatenate(times_s), np.concatenate(levels_db)


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
    found = [
        _found(certificate, "silent_partial_db", "every partial that should be silent is at least {:.0f} dB down"),
        _found(certificate, "silent_band_db", "every noise band that should be silent at least {:.0f} dB"),
        _found(certificate, "partial_change_db", "partials that stay keep their level within {:.3f} dB"),
    ]
    return f"Yes: {'; '.join(filter(None, found))}; no clicks."


def _found(certificate, name, words):
    worst = certificate.worst(name)
    return None if worst is None else words.format(abs(worst))
