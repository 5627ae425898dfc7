"""Growth through timbres, measured in the sound: on even steps from one instrument to another, in phase, as loud."""

from dataclasses import replace

import mido
import numpy as np
import pytest
import torch

from ddsp_nb import ADSR, ConfigError, GrowthError, GrowthPlan, Source, compose, grow
from ddsp_nb.errors import WorkbookWarning
from ddsp_nb.growth.player import Player
from ddsp_nb.growth.timbre import shares_of
from ddsp_nb.notes.general_midi import NAMES
from ddsp_nb.piece.export import export
from ddsp_nb.piece.layers import Composition, Layer
from ddsp_nb.piece.sidecar import parse_sidecar, read_sidecar, regrow, sidecar_of
from ddsp_nb.piece.typed import parse_timbre
from ddsp_nb.training.family import Family

RATE, HZ, N_PARTIALS = 16_000, 400.0, 18  # all below Nyquist
FLAT = ADSR(0.02, 0, 1.0, 0.02)
NOTE = dict(stages=(32,) * 5, pitch=HZ, noise="none", stage_duration_s=0.5, adsr=FLAT)


@pytest.fixture(scope="module")
def growing(trained, take):
    """Grow the small violin by a plan."""
    return lambda family=None, **settings: grow(trained, take, GrowthPlan(**settings), family=family)


def partials_db(sound):
    """[N_PARTIALS] dB of the partials of a note whose pitch hardly moves, beside their sum."""
    spectrum = np.abs(np.fft.rfft(sound.numpy() * np.blackman(len(sound)))) ** 2
    width = len(sound) / RATE * HZ
    power = [spectrum[round((k - 0.25) * width) : round((k + 0.25) * width)].sum() for k in range(1, N_PARTIALS + 1)]
    return 10 * np.log10(np.array(power) / sum(power))


def all_partials_db(growth):
    return np.stack([partials_db(growth.stage_audio(i)) for i in range(len(growth.stages))])


def centroids(levels_db):
    power = 10 ** (levels_db / 10)
    return (power * np.arange(1, N_PARTIALS + 1)).sum(1) / power.sum(1)


def odd_db(levels_db):
    power = 10 ** (levels_db / 10)
    return 10 * np.log10(power[:, 0::2].sum(1) / power[:, 1::2].sum(1))


def off_db(a, b):
    return np.abs(a - b).max()


@pytest.mark.parametrize("timbre", [("flute", "trumpet"), ("own", "clarinet"), ("clarinet", "own")])
def test_stages_go_from_one_instrument_to_the_other_and_the_ends_are_each_alone(growing, timbre):
    levels_db = all_partials_db(growing(timbre=timbre, **NOTE))
    first, last = (all_partials_db(growing(timbre=name, **NOTE))[0] for name in timbre)
    heard = np.maximum(first, last) > -50
    assert off_db(levels_db[0], first) < 0.01 and off_db(levels_db[-1], last) < 0.01 and off_db(first, last) > 6
    for end, way in ((first, 1), (last, -1)):
        away = np.abs(levels_db - end)[:, heard].mean(1)[::way]
        assert (np.diff(away) > 0).all(), away
    feature = odd_db if "clarinet" in timbre else centroids
    steps = np.diff(feature(levels_db))
    assert (steps > 0).all() or (steps < 0).all(), feature(levels_db)


def test_what_lies_between_the_own_instrument_and_another_has_levels_between(growing):
    own, between, other = all_partials_db(growing(timbre=("own", "oboe"), **NOTE | {"stages": (32,) * 3}))
    heard = np.minimum(own, other) > -55
    beside = (between - (own + other) / 2)[heard]
    assert heard.sum() > 5 and np.ptp(beside) < 0.5  # one gain for all, which keeps them as loud


def test_every_timbre_is_as_loud_and_rests_where_the_phrase_does(trained, take):
    gate = torch.ones(len(take.features))
    gate[25:40] = 1e-3
    resting = replace(take, controls=take.controls.scaled(gate))
    plan = GrowthPlan(stages=(32,), noise="every", stage_duration_s=1.9, adsr=FLAT, rests="keep")
    level_db = lambda growth: 10 * (growth.audio / growth.gain).unfold(0, 1600, 800).square().mean(1).log10()
    timbres = ("own", "trumpet", "own:0.5 cello:0.5")
    own, *others = (level_db(grow(trained, resting, replace(plan, timbre=timbre))) for timbre in timbres)
    loud = own > own.max() - 30
    assert 5 < (~loud).sum() < 12
    for other in others:
        off_by_db = (other - own)[loud].abs()
        assert off_by_db.median() < 0.75 and off_by_db.quantile(0.8) < 2
        assert other[~loud].max() < own.max() - 25


@pytest.mark.parametrize(
    "settings",
    [
        {"timbre": ("flute", "trumpet"), "noise": "bands"},
        {"timbre": ("own", "oboe", "own:0.5 cello:0.5"), "crossfade_s": 0.15, "noise": "every"},
        {"timbre": "flute:1,0 trumpet:0,1", "pitch": ("A3", "held", "E5"), "noise": "bands", "order": "odd"},
        {"timbre": ("own", "clarinet"), "inharmonicity": 0.002, "shrinking": True},
    ],
    ids=str,
)
def test_a_partial_that_is_off_is_silent_in_every_timbre(growing, settings):
    certificate = growing(**settings).certificate()
    assert certificate.passed, str(certificate)
    assert certificate.worst("silent_partial_db") < -100


@pytest.mark.parametrize("pitch", [HZ, "phrase"])
def test_partials_are_in_phase_from_timbre_to_timbre(growing, pitch):
    """A cross-fade of equal sines out of phase would dip."""
    plan = dict(stages=((1,), (1,)), pitch=pitch, noise="none", stage_duration_s=0.8, crossfade_s=0.3, adsr=FLAT)
    level_db = lambda growth: 10 * (growth.audio / growth.gain).unfold(0, 800, 400).square().mean(1).log10()
    mixed, *ends = (level_db(growing(timbre=t, **plan)) for t in (("own", "flute"), ("own", "own"), ("flute", "flute")))
    fading = slice(round(0.5 * 40) + 1, round(0.8 * 40) - 2)
    assert ((mixed - torch.minimum(*ends))[fading] > -0.5).all()


def test_an_enrolled_instrument_is_grown_into_and_has_its_digest(growing, trained, take):
    shipped = Family.shipped()
    family = shipped.with_member("mine", replace(shipped["cello"], code=shipped["cello"].code + 0.1))
    plan = dict(timbre=("own", "mine"), **NOTE)
    growth = growing(family, **plan)
    assert off_db(all_partials_db(growth)[-1], all_partials_db(growing(timbre="cello", **NOTE))[-1]) > 0.01
    sidecar = parse_sidecar(sidecar_of(growth).to_json())
    again = regrow(sidecar, Source(trained, take, family=family))
    assert torch.equal(again.audio, growth.audio)
    with pytest.raises(ConfigError, match="no instrument 'mine'"):
        regrow(sidecar, (trained, take))
    other = shipped.with_member("mine", shipped["cello"])
    with pytest.warns(WorkbookWarning, match="rendered with another mine"):
        regrow(sidecar, Source(trained, take, family=other))


def test_a_piece_is_rendered_again_in_the_same_bytes_and_its_midi_changes_programs(trained, take, tmp_path):
    plan = GrowthPlan(timbre=("own", "flute", "recorded trumpet"), stages=(1, 4, 9, 32), pitch="A4", noise="last")
    piece = compose(Composition((Layer(plan), Layer(GrowthPlan(pitch="A4"), pan=0.5))), [Source(trained, take)])
    path = export(piece, tmp_path / "piece.wav", midi=True, stems=True)[0]
    again = export(regrow(read_sidecar(path), (trained, take)), tmp_path / "again.wav", midi=True)
    assert again[0].read_bytes() == path.read_bytes()
    assert (tmp_path / "again.mid").read_bytes() == (tmp_path / "piece.mid").read_bytes()
    _, first, second = mido.MidiFile(tmp_path / "piece.mid").tracks
    said = [message for message in first if message.type in ("program_change", "note_on")]
    programs = [NAMES[message.program] for message in said if message.type == "program_change"]
    assert programs[1] == "flute" and len(programs) == 3 and said[0].type == "program_change"
    assert sum(message.type == "note_on" for message in said) == 4
    assert not any(message.type == "program_change" for message in second)


def test_what_rounding_leaves_of_a_morph_is_not_the_own_instrument(trained):
    thirds = shares_of("flute:1 oboe:1 cello:1", 1)[0]
    assert sum(thirds.values()) != 1 and Player.of(thirds, trained, Family.shipped()).own == 0


def test_shares_of_the_stages():
    assert shares_of(("own", "oboe"), 3) == [{"own": 1}, {"own": 0.5, "oboe": 0.5}, {"oboe": 1}]
    assert shares_of("own:3,0 oboe:0,3", 3) == shares_of(("own", "oboe"), 3)
    drawn = ("flute:2 oboe:0", "flute:1 oboe:3", "cello")
    assert shares_of(drawn, 3) == [{"flute": 1}, {"flute": 0.25, "oboe": 0.75}, {"cello": 1}]
    assert shares_of("flute:1 oboe:4", 2) == [{"flute": 0.2, "oboe": 0.8}] * 2


@pytest.mark.parametrize(
    ("typed", "timbre"),
    [
        ("own", "own"),
        ("flute, alto sax", ("flute", "alto sax")),
        ("flute:1,0 oboe:0,.5", "flute:1,0 oboe:0,.5"),
        ("own,flute:0.5 oboe:0.5, cello", ("own", "flute:0.5 oboe:0.5", "cello")),
    ],
)
def test_timbres_as_they_are_typed(typed, timbre):
    assert parse_timbre(typed) == timbre == GrowthPlan(timbre=timbre).timbre


@pytest.mark.parametrize(
    ("timbre", "error", "words"),
    [
        ("flute:0", GrowthError, "give at least one instrument more"),
        ("flute:1,0,1 oboe:0,0,0", GrowthError, "all weights are 0 somewhere"),
        (("flute:1,0", "oboe"), GrowthError, "one weight a name"),
        ("flute:x", GrowthError, "is no morph"),
        ((), GrowthError, "use a name such as"),
        (("own", 5), GrowthError, "use a name such as"),
        (("own", "trumpt"), ConfigError, "Did you mean trumpet"),
    ],
)
def test_timbres_that_are_none_are_told_in_one_line(growing, timbre, error, words):
    with pytest.raises(error, match=words) as raised:
        growing(timbre=timbre)
    assert "\n" not in str(raised.value)
