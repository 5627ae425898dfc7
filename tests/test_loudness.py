"""Loudness as it is heard: values of BS.1770, FFmpeg as judge, and pieces that reach what was asked for."""

import math
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner
from scipy.signal import resample
from torch.nn.functional import avg_pool1d, pad

from ddsp_nb import (
    Composition,
    GrowthError,
    GrowthPlan,
    Layer,
    Source,
    compose,
    export,
    grow,
    load_audio,
    read_sidecar,
    regrow,
    save_model,
)
from ddsp_nb.cli import main as cli
from ddsp_nb.piece.compose import Piece
from ddsp_nb.piece.layers import RoomSetting
from ddsp_nb.sound.loudness import gain_to, in_words, integrated_lufs, true_peaks

RATE = 48_000


def sine(hz, db, seconds, rate=RATE):
    """Its peak is at that level; [n_samples]."""
    times = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    return (10 ** (db / 20) * torch.sin(2 * math.pi * hz * times)).float()


def ffmpeg_lufs(sound, rate):
    """What FFmpeg's filter ebur128 says of [n_samples] or [2, n_samples]."""
    sound = np.ascontiguousarray(np.atleast_2d(sound), np.float32)
    layout, graph = ("mono", "stereo")[len(sound) - 1], av.filter.Graph()
    source = graph.add_abuffer(format="fltp", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    source.push(frame)
    source.push(None)
    said = {}
    while True:
        try:
            said |= sink.pull().metadata
        except (av.EOFError, av.BlockingIOError):
            return float(said["lavfi.r128.I"])


def highest_db(sound):
    """Level of the highest peak between the samples, by Fourier interpolation to 8 times the rate."""
    padded = np.pad(np.atleast_2d(sound), ((0, 0), (1000, 1000)))
    return 20 * np.log10(np.abs(resample(padded, 8 * padded.shape[1], axis=1)).max())


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_sines_have_the_loudness_of_the_standard(rate):
    full, soft = sine(997, 0, 3, rate), sine(997, -20 + 20 * math.log10(2**0.5), 3, rate)
    assert integrated_lufs(full, rate) == pytest.approx(-3.01, abs=0.01)
    assert integrated_lufs(torch.stack([full, full]), rate) == pytest.approx(0, abs=0.01)
    assert integrated_lufs(soft, rate) == pytest.approx(-20, abs=0.01)  # an RMS of -20 dB
    assert integrated_lufs(sine(60, 0, 3, rate), rate) < -6 < 0 < integrated_lufs(sine(4000, 0, 3, rate), rate) + 0.2


def test_rests_do_not_count():
    """Cases 3 and 4 of EBU Tech 3341."""
    levels = {-36: 10, -23: 60}
    for rests in ([-36], [-72, -36]):
        parts = [sine(1000, db, levels.get(db, 10)) for db in (*rests, -23, *rests[::-1])]
        assert integrated_lufs(torch.cat(parts).expand(2, -1), RATE) == pytest.approx(-23, abs=0.1)


def test_recordings_measure_as_ffmpeg_says(data):
    for name in ("trumpet", "voice"):
        sound = load_audio(data / f"{name}.flac", 44_100)
        assert integrated_lufs(sound, 44_100) == pytest.approx(ffmpeg_lufs(sound, 44_100), abs=0.03)


def test_what_has_no_loudness_says_so_and_keeps_its_level():
    for sound in (torch.zeros(RATE), sine(440, -100, 1), sine(440, -6, 0.3)):
        assert integrated_lufs(sound, RATE) == -math.inf
        gain, words = gain_to(-16, sound, [sound], RATE)
        assert gain == 1 and "Silent or shorter than 0.4 s" in words and "\n" not in words


def test_peaks_between_samples_are_seen():
    between = torch.sin(math.pi / 2 * torch.arange(4800) + math.pi / 4)
    assert between.abs().max() == pytest.approx(2**-0.5, abs=1e-3)
    assert true_peaks(between)[100:-100].max() == pytest.approx(1, abs=0.01)
    long = torch.randn(2, (1 << 20) + 5000, generator=torch.Generator().manual_seed(0)) / 8
    seam = slice((1 << 20) - 900, (1 << 20) + 900)
    assert true_peaks(long)[seam] == pytest.approx(true_peaks(long[:, seam.start - 200 : seam.stop + 200])[200:-200])


def test_few_high_peaks_are_bent_and_many_are_not():
    tone = sine(440, -9, 4)
    few = tone.clone()
    few[RATE // 2 :: RATE] += 0.8  # four clicks
    gain, words = gain_to(-11, few, [few], RATE)
    assert "bent down" in words and "as loud as" not in words and gain.ndim == 1
    assert integrated_lufs(gain * few, RATE) == pytest.approx(-11, abs=0.1) and highest_db(gain * few) < -1
    hiss = torch.randn(1, 4 * RATE, generator=torch.Generator().manual_seed(0)) / 20
    many = avg_pool1d(hiss, 4, 1)[0]
    gain, words = gain_to(-6, many, [many], RATE)
    assert words.endswith("as loud as peaks allow.") and highest_db(gain * many) < -1
    assert in_words(gain * many, RATE) in words and integrated_lufs(gain * many, RATE) < -7


def test_parts_that_cancel_fit_in_their_files():
    part = sine(440, 0, 1)
    gain, _ = gain_to(-10, 0.1 * part, [part, -0.9 * part], RATE)
    assert 0.9 < gain * part.abs().max() <= 1


@pytest.fixture(scope="module")
def growth(trained, take):
    return grow(trained, take, GrowthPlan("linear", n_stages=3, noise="every", stage_duration_s=0.6), seed=5)


@pytest.fixture(scope="module")
def duet(trained, take, clip, hall):
    layers = Layer(GrowthPlan("linear", n_stages=3, noise="every"), pan=-0.5), Layer(None, delay_s=0.2, pan=0.5)
    return compose(Composition(layers, room=RoomSetting("file")), [Source(trained, take, clip)], room=hall)


@pytest.mark.parametrize(("target", "subtype"), [(-14, "PCM_16"), (-23, "FLOAT"), (-30, "PCM_24")])
@pytest.mark.parametrize("kind", ["growth", "duet"])
def test_files_have_the_loudness_that_was_asked_for(request, tmp_path, kind, target, subtype):
    piece = request.getfixturevalue(kind)
    chosen = dict(target_lufs=target, subtype=subtype, stems=True, stages=True)
    whole, _, *others = export(piece, tmp_path / "piece.wav", **chosen)
    sound, rate = sf.read(whole, dtype="float32", always_2d=True)
    assert ffmpeg_lufs(sound.T, rate) == pytest.approx(target, abs=0.1) and highest_db(sound.T) < -1
    sounds = {path.stem: sf.read(path, always_2d=True)[0] for path in others}
    stems = sum(part for name, part in sounds.items() if not {"stage", "impulse"} & {*name.split("_")})
    assert np.abs(stems - sound).max() <= (2e-7 if subtype == "FLOAT" else 0)
    if kind == "growth":
        stage = next(part for name, part in sounds.items() if name.endswith("_stage_02"))
        start = piece.stages[1].start
        assert np.abs(sound[start : start + len(stage)] - stage).max() <= 2**-15


def test_a_piece_whose_peaks_were_bent_is_the_same_bytes_again(trained, take, tmp_path):
    piece = Piece.of(grow(trained, take, GrowthPlan(noise="every", stage_duration_s=0.3)))
    wanted = next(lufs for lufs in np.arange(-25, -5, 0.25) if piece.at_loudness(float(lufs)).gain.ndim)
    (path, _) = export(piece, tmp_path / "piece.wav", target_lufs=float(wanted))
    again = regrow(read_sidecar(path), (trained, take))
    assert "bent down" in again.remarks[-1]
    assert export(again, tmp_path / "again.wav")[0].read_bytes() == path.read_bytes()
    stage = again.stage_audio(0, 2)
    assert torch.allclose(again.audio[again.layers[0].growth.stages[2].start :][: len(stage)], stage)
    with pytest.raises(GrowthError, match="Compose it again"):
        again.at_loudness(-30)


@pytest.mark.parametrize("pitch", ["phrase", "A3"])
def test_stages_are_as_loud_to_the_ear_as_the_plan_says(trained, take, pitch):
    plan = GrowthPlan("linear", n_stages=4, noise="every", stage_duration_s=0.7, pitch=pitch, loudness_as="heard")
    lufs = lambda growth: [ffmpeg_lufs(growth.stage_audio(i), growth.sample_rate) for i in range(4)]
    flat, rising = (grow(trained, take, replace(plan, loudness_db=curve)) for curve in (0, (-24, 0)))
    assert np.ptp(lufs(flat)) < 0.5 and np.diff(lufs(rising)) == pytest.approx(8, abs=0.5)
    assert np.ptp(lufs(grow(trained, take, replace(plan, loudness_as="gain")))) > 2
    assert flat.certificate().passed and rising.certificate().passed
    assert [stage.level_db for stage in flat.stages] == [0] * 4  # which is what MIDI and the score tell


def test_short_and_empty_stages_are_evened_too(trained, take):
    stages = ((), (1,), (2,), (1, 2, 3), (1, 2, 3, 4, 5))
    plan = GrowthPlan(stages=stages, noise="none", stage_duration_s=0.2, pitch="A3", loudness_as="heard")
    growth = grow(trained, take, plan)
    energy_lufs = lambda sound: integrated_lufs(pad(sound, (0, RATE)), growth.sample_rate)
    heard = [energy_lufs(growth.stage_audio(i)) for i in range(5)]
    assert heard[0] == -math.inf and np.ptp(heard[1:]) < 0.5 and growth.certificate().passed


def test_a_loudness_out_of_range_is_refused():
    for wanted in (-41, 0, math.nan, True, "-16"):
        with pytest.raises(GrowthError, match="-40 to -5 LUFS"):
            Composition((Layer(None),), target_lufs=wanted)


def test_the_command_line_reaches_a_loudness_and_says_what_it_did(trained, take, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_model("model.pt", trained, take)
    run = lambda words: CliRunner().invoke(cli.main, words.split())
    grown = run("grow --model model.pt --target-lufs -20 --output piece.wav")
    assert grown.exit_code == 0, grown.stderr
    assert "to -20.0 LUFS; true peak" in grown.stdout and grown.stdout.splitlines()[-1].startswith("-20.0 LUFS; true")
    assert run("grow --model model.pt --from piece.wav --output again.wav").exit_code == 0
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "piece.wav").read_bytes()
    played = run("play --model model.pt --notes A4:1 --stems --target-lufs -25 --output tune.wav")
    assert played.exit_code == 0, played.stderr
    tune, harmonic, noise = (sf.read(f"tune{part}.wav")[0] for part in ("", "_harmonic", "_noise"))
    assert "to -25.0 LUFS" in played.stdout and np.abs(harmonic + noise - tune).max() == 0
    assert integrated_lufs(torch.from_numpy(tune), 16_000) == pytest.approx(-25, abs=0.1)
