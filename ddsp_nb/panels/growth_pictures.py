"""The two pictures of the growth panel, one above the other on the same time axis."""

import numpy as np
from matplotlib.figure import Figure

from ddsp_nb import plots
from ddsp_nb.growth.render import Growth
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.panels.widgets import DPI, png

WIDTH_IN = 10.0
WIDTH_PX = int(WIDTH_IN * DPI)
MAP_HEIGHT_IN, SOUND_HEIGHT_IN = 3.3, 3.0
SOUND_HEIGHT_PX = int(SOUND_HEIGHT_IN * DPI)
LEFT, RIGHT = 0.085, 0.985  # of the width; fixed margins, as fitting them takes as long as drawing
HIGHEST_HZ = 16_000
POINTS_A_STAGE = 40
QUIETEST_DB, QUIETEST = -40, 1e-9


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


def draw_sound(growth: Growth) -> bytes:
    """Spectrogram of a piece as a PNG file."""
    figure = Figure(figsize=(WIDTH_IN, SOUND_HEIGHT_IN))
    ax = figure.subplots()
    figure.subplots_adjust(LEFT, 0.15, RIGHT, 0.97)
    plots.spectrogram(growth.audio, growth.sample_rate, ax, max_hz=HIGHEST_HZ, n_frames=WIDTH_PX)
    ax.set_ylabel("Frequency (kHz)")
    ax.yaxis.set_major_formatter(lambda hz, _: f"{hz / 1000:g}")
    return png(figure)


def _levels(schedule):
    """Outline of every stage's level: seconds and dB, with a gap after each stage."""
    times_s, levels_db = [], []
    for i, stage in enumerate(schedule.stages):
        samples = np.linspace(0, len(stage) - 1, POINTS_A_STAGE).astype(int)
        times_s += [(stage.start + samples) / schedule.sample_rate, [stage.stop / schedule.sample_rate]]
        levels_db += [20 * np.log10(schedule.envelope(i)[samples].numpy() + QUIETEST), [np.nan]]
    return np.concatenate(times_s), np.concatenate(levels_db)
