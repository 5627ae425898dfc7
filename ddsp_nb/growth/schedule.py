"""A plan applied to an instrument, before anything is rendered (notebook 05, "What is a mask?")."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, pairwise

import numpy as np
import torch

from ddsp_nb.config import Config
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.masks import audible, band_widths, noise_masks, partial_masks
from ddsp_nb.growth.plan import HEARD, RULE, GrowthPlan
from ddsp_nb.growth.player import Player, power
from ddsp_nb.growth.timbre import in_words, others_of, shares_of, weights_of
from ddsp_nb.growth.track import ControlTrack, sounding_hz, track_maker
from ddsp_nb.growth.tuning import PHRASE, harmonised, ratio_table
from ddsp_nb.sound.loudness import BLOCK_S, lufs_of
from ddsp_nb.synthesis.noise import band_centres_hz
from ddsp_nb.training.family import Family
from ddsp_nb.training.model import DDSPModel, check_features
from ddsp_nb.training.take import Take

# A slip of the keyboard, or a stranger's sidecar, should not fill the memory.
LONGEST_PIECE_S = 3600
# Share of a stage in which a tone has to sound: less is the end of a note before a rest.
LEAST_TONE = 0.1
# From which the levels of another instrument are read.
MOST_FRAMES = 256
# Samples before and after a stage: as far as the filters of its noise and what smooths its phases hear.
AROUND = 8192
# Stands for the power of a silent stage.
SILENCE = 1e-30
# By which a stage is raised at most to be as loud as the fullest: what is softer is a rest.
MOST_LIFT_DB = 60.0

TrackKey = tuple[str | float, str, float]


@dataclass(frozen=True)
class Stage:
    """One stage of a piece: what sounds from sample `start` to `stop`.

    Attributes:
        mask: [n_harmonics] of 0 and 1, the partials that sound.
        bands: [n_bands] of 0 and 1, the noise bands that sound.
        pitch: "phrase", "held", a note name or Hz.
        timbre: "own", the name of an instrument, or a morph.
        level_db: loudness that the plan gives the stage.
        offset: sample of its track at which the stage begins.
        lift_db: what it takes on top of that to be as loud as the fullest stage, where the plan asks for it.
        harmonise: how far its partials are moved to the plan's ratios, 0 to 1, where they are no multiples of a pitch.
    """

    mask: torch.Tensor
    bands: torch.Tensor
    start: int
    stop: int
    pitch: str | float
    timbre: str
    level_db: float
    offset: int
    lift_db: float = 0.0
    harmonise: float = 0.0

    @property
    def track(self) -> TrackKey:
        """Which of the schedule's tracks it plays: pitch, timbre, and how far it is harmonised."""
        return self.pitch, self.timbre, self.harmonise

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def n_harmonics(self) -> int:
        """How many partials sound."""
        return int(self.mask.sum())

    @property
    def gain(self) -> float:
        """Linear factor that the plan's loudness gives the stage."""
        return 10 ** ((self.level_db + self.lift_db) / 20)


@dataclass(frozen=True)
class Schedule:
    """When what sounds.

    Attributes:
        tracks: what is played at each pitch in each timbre, harmonised so far, as long as its stages need.
        remarks: sentences for the reader about what the plan leads to.
    """

    plan: GrowthPlan
    stages: list[Stage]
    tracks: dict[TrackKey, ControlTrack]
    config: Config
    remarks: tuple[str, ...]

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.config.sample_rate

    @property
    def masks(self) -> torch.Tensor:
        """[n_stages, n_harmonics] of 0 and 1."""
        return torch.stack([stage.mask for stage in self.stages])

    @property
    def noise_masks(self) -> torch.Tensor:
        """[n_stages, n_bands] of 0 and 1."""
        return torch.stack([stage.bands for stage in self.stages])

    @property
    def n_samples(self) -> int:
        """Length of the piece."""
        return max(stage.stop for stage in self.stages)

    def played(self, i: int) -> ControlTrack:
        """The frames of its track that stage i plays."""
        stage, hop = self.stages[i], self.config.hop_length
        first = stage.offset // hop
        return self.tracks[stage.track][first : first + len(stage) // hop + 1]

    def hz(self, i: int) -> float | None:
        """Median pitch of the tone in stage i, None where there is only a rest or a breath."""
        track = self.played(i)
        is_tone = track.sounding.float().mean() >= LEAST_TONE
        return track.f0_hz[track.sounding].median().item() if is_tone else None

    def overlap(self, i: int) -> int:
        """Samples that stage i shares with the one before it; 0 before the first and after the last."""
        inside = 0 < i < len(self.stages)
        return max(0, self.stages[i - 1].stop - self.stages[i].start) if inside else 0

    def gains(self, i: int) -> torch.Tensor:
        """[n] gain of stage i at each of its samples: ADSR or cross-fades, and its loudness."""
        stage, sustain = self.stages[i], curve(self.plan.adsr.sustain, len(self.stages))[i]
        adsr = replace(self.plan.adsr, sustain=sustain)
        if not self.plan.crossfade_s:
            return adsr(len(stage), self.sample_rate) * stage.gain
        gain = adsr(self.n_samples, self.sample_rate, stage.start, stage.stop)
        gain[: self.overlap(i)] *= self._fade(i)
        gain[len(stage) - self.overlap(i + 1) :] *= self._fade(i + 1, falling=True)
        return gain * stage.gain

    def lufs(self, i: int) -> float:
        """Loudness of stage i to the ear, from its controls, before the gain of the piece; -inf where it is silent."""
        stage, track, hop = self.stages[i], self.played(i), self.config.hop_length
        controls = replace(track.controls, amplitudes=track.controls.amplitudes * stage.mask)
        heard = power(controls, track.hz(), self.config, bands=stage.bands, heard=True).double()
        at = np.clip((np.arange(len(stage)) + stage.offset % hop) / hop, 0, len(heard) - 1)
        each = np.interp(at, np.arange(len(heard)), heard.numpy()) * self.gains(i).square().numpy()
        each = np.pad(each, (0, max(0, round(BLOCK_S * self.sample_rate) + hop - len(each))))
        loudest = max(each.max(), SILENCE)  # a faint stage is no rest
        return lufs_of(each / loudest, self.sample_rate) + 10 * math.log10(loudest)

    def evened(self) -> "Schedule":
        """The same with all stages as loud to the ear as the fullest, before the plan's levels."""
        lufs = [self.lufs(i) - stage.level_db for i, stage in enumerate(self.stages)]
        full = max(zip(self.stages, lufs, strict=True), key=lambda x: (x[1] > -math.inf, x[0].n_harmonics, x[1]))[1]
        lifts_db = [min(full - own, MOST_LIFT_DB) if own > -math.inf else 0.0 for own in lufs]
        stages = [replace(stage, lift_db=lift) for stage, lift in zip(self.stages, lifts_db, strict=True)]
        return replace(self, stages=stages)

    def _fade(self, i, falling=False):
        """Cross-fade from stage i - 1 to stage i: linear where their partials run on in phase, else of equal power."""
        overlap = self.overlap(i)
        if not overlap:
            return 1.0
        gain = torch.arange(overlap) / overlap
        gain = 1 - gain if falling else gain
        before, stage = self.stages[i - 1], self.stages[i]
        shared = (before.mask * stage.mask).any() and before.harmonise == stage.harmonise
        return gain if shared and before.pitch == stage.pitch else torch.sin(torch.pi / 2 * gain)


def make_schedule(
    model: DDSPModel, take: Take, plan: GrowthPlan, seed: int = 0, family: Family | None = None
) -> Schedule:
    """Apply a plan to an instrument and a take of its recording.

    Args:
        seed: of random orders.
        family: whose instruments the plan's timbres name; the shipped one if None.

    Raises:
        GrowthError: the piece would be longer than an hour, or the plan asks for partials that do not exist.
        ConfigError: the take was analysed with another config, or the family has no instrument of a name.
    """
    config = model.config
    check_features(take.features, config)
    if take.hz is not None and others_of(plan.timbre):
        raise GrowthError("Another timbre plays multiples of a pitch, and this sound has none. Use the timbre “own”.")
    # Stages begin their track anew, as long as the longest of them. Those that run on in theirs need one as long as the
    # piece, whose length is known once the partials that can be heard in the recording have given the stages.
    longest = config.n_frames(plan.longest(config.sample_rate))
    check_length(longest * config.hop_length * len(set(plan.melody)), config)
    ratios = None if take.hz is not None else ratio_table(plan.ratios, plan.inharmonicity, config.n_harmonics)
    phrase = dict(unfolding=plan.phrase == "unfold", rests=plan.rests == "keep")
    makers = {p: track_maker(model, take, p, **phrase) for p in dict.fromkeys(plan.melody)}
    line_of = lambda pitch, n_frames: makers[pitch](n_frames).at(ratios)
    lines = {p: line_of(p, len(take.features) if runs_on(plan, p) else longest) for p in makers}
    player_of = lambda shares: Player.of(shares, model, family or Family.shipped())
    alone = [player_of({name: 1.0}) for name in weights_of(plan.timbre)]
    # Of others than the instrument itself, some frames will do to read levels from.
    some = lambda line: line[:: -(-len(line.f0_hz) // MOST_FRAMES)]
    heard = [some(line).played_by(player) if player else line for player in alone for line in lines.values()]
    levels = torch.stack([track.levels(config) for track in heard]).amax(0)
    gains = torch.stack([track.controls.noise_magnitudes.amax(0) for track in heard]).amax(0)
    line = next(iter(lines.values()))
    stages = _stages(plan, levels, gains, line, config, seed)
    check_length(stages[-1].stop * len(lines), config)
    whole = config.n_frames(stages[-1].stop)
    lines = {p: line_of(p, whole) if runs_on(plan, p) else line for p, line in lines.items()}
    spans = _spans(stages, config)
    check_length(sum(last - first for first, last in spans.values()) * config.hop_length, config)
    players = {in_words(shares): player_of(shares) for shares in shares_of(plan.timbre, len(stages))}
    tracks = {key: lines[key[0]][first:last].played_by(players[key[1]]) for key, (first, last) in spans.items()}
    if take.hz is not None and plan.harmonise:
        way = lambda pitch: (lines[pitch].places(), sounding_hz(take, pitch), plan.ratios, plan.inharmonicity)
        ways = {pitch: harmonised(*way(pitch)) for pitch in lines}
        tracks = {key: line.moved(ways[key[0]] ** key[2], config) if key[2] else line for key, line in tracks.items()}
    stages = [replace(s, offset=s.offset - spans[s.track][0] * config.hop_length) for s in stages]
    said = list(remarks(plan, stages, levels, config))
    if take.hz is not None:
        said.append("Its partials are tracks, which are no multiples of one pitch.")
    if not any(line.sounding.any() for line in lines.values()):
        said.append("The recording has no tone: only its noise can grow, in every stage or band by band.")
    schedule = Schedule(plan, stages, tracks, config, tuple(said))
    return schedule.evened() if plan.loudness_as == HEARD else schedule


def _spans(stages: list[Stage], config: Config) -> dict[TrackKey, tuple[int, int]]:
    """Of each track, first and last frame that its stages play, with what filters hear around them."""
    hop, spans = config.hop_length, dict[TrackKey, tuple[int, int]]()
    for stage in stages:
        first = max(0, stage.offset - AROUND) // hop
        last = (stage.offset + len(stage) + AROUND) // hop
        known = spans.get(stage.track, (first, last))
        spans[stage.track] = min(first, known[0]), max(last, known[1])
    return spans


def runs_on(plan: GrowthPlan, pitch: str | float) -> bool:
    """Whether a stage of that pitch goes on where the one before it stopped, instead of beginning anew."""
    return plan.crossfade_s > 0 or (pitch == PHRASE and plan.phrase == "unfold")


def _stages(plan, levels, gains, line, config, seed):
    """The stages of a plan, given how loud each partial and each band gets, and a track of the partials."""
    masks = partial_masks(plan, len(levels), levels=levels, lives=line.lives(), seed=seed, hz=line.places())
    widths, centres_hz = band_widths(config).sqrt(), band_centres_hz(config)
    bands = noise_masks(plan, config.n_bands, len(masks), levels=gains * widths, seed=seed, hz=centres_hz)
    edges = plan.edges(len(masks), config.sample_rate)
    check_length(edges[-1][1], config)
    levels_db = list(map(float, curve(plan.loudness_db, len(masks))))
    timbres = [in_words(shares) for shares in shares_of(plan.timbre, len(masks))]
    moves, offset = curve(plan.harmonise, len(masks)), lambda i, pitch: edges[i][0] if runs_on(plan, pitch) else 0
    return [
        Stage(mask, bands[i], *edges[i], pitch, timbres[i], levels_db[i], offset(i, pitch), harmonise=moves[i])
        for i, (mask, pitch) in enumerate(zip(masks, cycle(plan.melody), strict=False))
    ]


def check_length(n_samples: int, config: Config) -> None:
    """Raise GrowthError where a piece, or all that its pitches have to play, is longer than an hour."""
    if n_samples > LONGEST_PIECE_S * config.sample_rate:
        raise GrowthError(f"The piece would last over {LONGEST_PIECE_S} s; use fewer or shorter stages.")


def remarks(plan: GrowthPlan, stages: list[Stage], levels: torch.Tensor, config: Config) -> Iterator[str]:
    """Sentences about what the plan leads to."""
    heard = audible(levels)
    if not heard.all():
        yield f"{int(heard.sum())} of {len(heard)} partials can be heard; the others do not count."
    times_s, n = plan.durations_s(len(stages)), len(stages)
    if plan.stages is None and plan.strategy == "linear" and plan.n_stages > n:
        yield f"{plan.n_stages} stages were asked for; there are {n}, as each adds one of {n} partials at least."
    if plan.crossfade_s > plan.overlap_s(n) > 0:
        yield f"The cross-fade is longer than half of the shortest stage, and shrinks to {plan.overlap_s(n):.2g} s."
    squeezed = 0 if plan.crossfade_s else sum(time_s < plan.adsr.duration_s for time_s in times_s)
    if squeezed:
        yield (
            f"Attack, decay and release take {plan.adsr.duration_s:.2g} s and shrink in proportion in "
            f"{'every stage' if squeezed == n else f'{squeezed} of {n} stages'}."
        )
    largest = max(stages, key=lambda stage: stage.n_harmonics).mask
    if plan.stages is not None and largest.sum() < heard.sum():
        yield f"No stage is complete: at most {int(largest.sum())} of {int(heard.sum())} audible partials sound."
    if plan.strategy == RULE:
        last = stages[-1].mask
        still = max((i for i, stage in enumerate(stages, 2) if not torch.equal(stage.mask, last)), default=1)
        if still < n or not last.any():
            yield f"From stage {still} on nothing {'changes' if last.any() else 'sounds'}."
        return
    wanted = plan.counts(int(heard.sum()))
    empty = [i for i, (stage, k) in enumerate(zip(stages, wanted, strict=True), 1) if k > stage.n_harmonics == 0]
    if empty:
        yield f"Stages without an audible partial: {', '.join(map(str, empty))}."
    sustains = pairwise(curve(plan.adsr.sustain, n))
    neighbours = enumerate(zip(pairwise(stages), sustains, strict=True), 2)
    alike = [str(i) for i, ((a, b), (before, now)) in neighbours if before == now and _sound_alike(a, b)]
    if alike:
        yield f"Stages that sound as the one before: {', '.join(alike)}."


def _sound_alike(a, b):
    same = (len(a), a.track, a.level_db) == (len(b), b.track, b.level_db)
    return same and torch.equal(a.mask, b.mask) and torch.equal(a.bands, b.bands)
