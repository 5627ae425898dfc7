"""Pitch, loudness and cross-fades of a growth, heard in the sound."""

from itertools import pairwise

import mido
import numpy as np
import pytest
import torch

from ddsp_nb import (
    ADSR,
    AnalysedRecording,
    Config,
    DDSPModel,
    GrowthPlan,
    grow,
    load_audio,
    record_take,
)
from ddsp_nb.panels.growth.score import note_name
from ddsp_nb.piece.export import export
from ddsp_nb.piece.midi import pitch_number
from ddsp_nb.piece.sidecar import read_sidecar, regrow

FLAT = ADSR(0.01, 0, 1.0, 0.01)
FORMANTS = 18  # partials of 200 Hz among which a voice has its formants


@pytest.fixture(scope="module")
def growing(trained, take):
    """Grow the small violin by a plan."""
    return lambda seed=0, **settings: grow(trained, take, GrowthPlan(**settings), seed)


def spectrum(sound, n_fft=1 << 17):
    """Level at every line of a Blackman-windowed FFT, linear."""
    sound = sound.double().numpy()
    return np.abs(np.fft.rfft(sound * np.blackman(len(sound)), n_fft))


def peak_hz(sound, rate, n_fft=1 << 17):
    return spectrum(sound).argmax() * rate / n_fft


def test_stages_play_the_melody(growing):
    growth = growing(stages=(1, 1, 1, 1), pitch=("A3", "C#4", 350.0), stage_duration_s=1.0, noise="none", adsr=FLAT)
    heard = [peak_hz(growth.stage_audio(i), growth.sample_rate) for i in range(4)]
    assert 1200 * np.log2(np.array(heard) / [220, 277.18, 350, 220]) == pytest.approx([0, 0, 0, 0], abs=15)


def test_a_held_note_has_the_recordings_median_pitch_and_stays_alive(growing, take):
    growth = growing(stages=(1,), pitch="held", stage_duration_s=3.0, noise="none", adsr=FLAT)
    wanted = take.features.f0_hz[take.features.voiced].median().item()
    assert 1200 * np.log2(peak_hz(growth.audio, 16_000) / wanted) == pytest.approx(0, abs=25)
    voice = growth.schedule.tracks["held", "own", 0.0]
    cents = 1200 * (voice.f0_hz / voice.f0_hz.median()).log2()
    assert 1 < cents.std() < 50
    level_db = 10 * growth.audio[800:-800].unfold(0, 800, 800).square().mean(1).log10()
    assert 0.1 < level_db.std() < 6


@pytest.mark.parametrize(("pitch", "crossfade_s"), [("held", 0), ("A3", 0.1), ("A5", 0), ("A5", 0.1)])
def test_a_held_note_does_not_flutter_at_the_frame_rate(data, pitch, crossfade_s):
    """Frames of 12 ms, as at 44.1 kHz: their rate lies 86 Hz beside the partial."""
    model, take = violin_model(data)
    plan = GrowthPlan(
        stages=(1,) if not crossfade_s else (1, [1, 2], [1, 3]),
        pitch=pitch,
        stage_duration_s=4.0 if not crossfade_s else 1.4,
        crossfade_s=crossfade_s,
        noise="none",
        adsr=FLAT,
    )
    growth = grow(model, take, plan)
    rate, n_fft, hop_rate = 16_000, 1 << 17, 16_000 / 192
    lines = spectrum(growth.harmonic)
    hz = lines[: int(1.5 * 440 * 2 * n_fft / rate)].argmax() * rate / n_fft
    around = lambda f: lines[round((f - 6) * n_fft / rate) : round((f + 6) * n_fft / rate)].max()
    for side in (-2, -1, 1, 2):
        if hz + side * hop_rate > 30:
            assert 20 * np.log10(around(hz + side * hop_rate) / around(hz)) < -50


_MODELS = {}


def violin_model(data):
    """A small violin with frames of 12 ms, trained once."""
    if not _MODELS:
        from ddsp_nb import Corpus, train

        config = Config(sample_rate=16_000, hop_length=192, hidden_size=64, n_harmonics=16)
        audio = load_audio(data / "violin.flac", 16_000, duration_s=2)
        recording = AnalysedRecording.of("violin", audio, config)
        take = record_take(recording, config)
        torch.manual_seed(0)
        model = DDSPModel(config)
        list(train(model, Corpus.of([recording], config), epochs=5))
        _MODELS["violin"] = model, take
    return _MODELS["violin"]


def test_a_held_note_is_taken_from_where_the_recording_sounds(trained, take, retake):
    """Pitch is carried through silence, where it is steadiest of all."""
    voiced, f0_hz = take.features.voiced.clone(), take.features.f0_hz.clone()
    voiced[20:] = False
    f0_hz[20:] = f0_hz[20]
    growth = grow(trained, retake(voiced=voiced, f0_hz=f0_hz), GrowthPlan(pitch="held", noise="none"))
    level_db = 10 * growth.stage_audio(-1)[800:-1600].unfold(0, 800, 800).square().mean(1).log10()
    assert growth.schedule.tracks["held", "own", 0.0].controls.amplitudes.amax(-1).min() > 1e-4
    assert level_db.min() > level_db.max() - 20


def test_a_held_note_keeps_the_resonances_of_the_instrument(data):
    """Sung a fifth higher, the formants of a voice stay; a spectrum that is moved along would take them up."""
    config = Config(sample_rate=16_000, hidden_size=32)
    audio = load_audio(data / "voice.flac", 16_000, duration_s=3)
    take, model = record_take(AnalysedRecording.of("voice", audio, config), config), DDSPModel(config)
    low, high = (grow(model, take, GrowthPlan(stages=(64,), pitch=hz, noise="none")) for hz in (200.0, 300.0))
    low_db, high_db = (
        20 * growth.schedule.tracks[hz, "own", 0.0].controls.amplitudes.mean(0)[:FORMANTS].log10().numpy()
        for growth, hz in ((low, 200.0), (high, 300.0))
    )
    k = np.arange(1, FORMANTS + 1)
    at_the_same_hz = np.interp(300 * k, 200 * k, low_db)
    off_db = lambda shape_db: np.std((high_db - shape_db)[k * 300 < 200 * FORMANTS])
    assert off_db(at_the_same_hz) < 0.6 * off_db(low_db)


def test_a_phrase_unfolds_from_stage_to_stage_or_is_repeated(growing, take):
    settings = dict(stages=(9, 9, 9), stage_duration_s=0.5, silence_duration_s=0, noise="none")
    unfolding, repeated = growing(phrase="unfold", **settings), growing(phrase="repeat", **settings)
    frames = [slice(round(s.offset / 512), round((s.offset + 8000) / 512)) for s in unfolding.stages]
    assert [f.start for f in frames] == [0, 16, 31]
    whole = take.render(growing().source.model.config).harmonic
    assert unfolding.harmonic.abs().max() > 0.05
    bright = lambda x: spectrum(x)[: 1 << 15]
    for i, stage in enumerate(unfolding.stages):
        a, b = bright(unfolding.stage_audio(i)), bright(whole[stage.start : stage.stop])
        assert (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b) > 0.9
    first, second, third = stages(repeated)
    assert torch.allclose(first, second, atol=1e-6) and torch.allclose(second, third, atol=1e-6)


def test_partials_sound_at_their_ratios(growing):
    ratios = (1, 2.3, 3.41)
    growth = growing(stages=([1], [2], [3]), pitch=300.0, ratios=ratios, stage_duration_s=1.0, noise="none", adsr=FLAT)
    heard = [peak_hz(growth.stage_audio(i), 16_000) for i in range(3)]
    assert 1200 * np.log2(np.array(heard) / 300 / ratios) == pytest.approx([0, 0, 0], abs=15)


def test_stretched_partials_stop_at_nyquist(growing):
    growth = growing(stages=(32,), pitch=400.0, inharmonicity=0.01, noise="none", adsr=FLAT, stage_duration_s=1.0)
    track = growth.schedule.tracks[400.0, "own", 0.0]
    ratios = (track.own_hz / track.f0_hz[:, None]).mean(0)
    highest = int((ratios * 400 * 1.02 < 8000).sum())
    assert highest < 19  # harmonic ones would reach to the 19th
    assert growth.stages[0].n_harmonics <= highest + 1
    lines = spectrum(growth.audio)
    between = [(ratios[k] + ratios[k + 1]) / 2 * 400 for k in range(highest - 1)]
    aliased = max(lines[int(f * (1 << 17) / 16_000) + np.arange(-20, 21)].max() for f in between[2:])
    assert 20 * np.log10(aliased / lines.max()) < -60


def test_loudness_follows_its_curve(growing):
    flat = growing(stages=(3,) * 5, noise="every", silence_duration_s=0)
    steep = growing(stages=(3,) * 5, noise="every", silence_duration_s=0, loudness_db=(-24, 0))
    change_db = [
        10 * (a.square().mean() / b.square().mean()).log10().item()
        for a, b in zip(stages(steep), stages(flat), strict=True)
    ]
    assert np.diff(change_db) == pytest.approx([6, 6, 6, 6], abs=0.01)


def stages(growth):
    return [growth.stage_audio(i) for i in range(len(growth.stages))]


def test_common_partials_run_through_a_crossfade_without_dip_or_bump(growing):
    settings = dict(noise="none", pitch="phrase", adsr=FLAT, stage_duration_s=0.5)
    faded = growing(stages=(2, 2, 2, 2), crossfade_s=0.15, **settings)
    whole = growing(stages=(2,), **settings | {"stage_duration_s": len(faded.audio) / 16_000})
    assert len(whole.audio) == len(faded.audio)
    middle = slice(400, -400)
    error = (faded.audio / faded.gain - whole.audio / whole.gain)[middle]
    assert error.abs().max() < 10 ** (-80 / 20) * (whole.audio / whole.gain).abs().max()


def test_different_pitches_are_crossfaded_with_equal_power(growing):
    growth = growing(stages=(1, 1), pitch=("A3", "E4"), crossfade_s=0.2, noise="none", adsr=FLAT)
    first, second = growth.schedule.gains(0)[-3200:], growth.schedule.gains(1)[:3200]
    assert (first.square() + second.square())[:-200].sub(1).abs().max() < 1e-4


def test_bands_of_noise_grow_and_are_absent_before(growing):
    growth = growing(strategy="linear", n_stages=4, noise="bands", stage_duration_s=1.0, adsr=FLAT)
    power = [np.square(spectrum(growth.noise[s.start : s.stop])) for s in growth.stages]
    hz = np.arange(len(power[0])) * 16_000 / (1 << 17)
    assert 10 * np.log10(power[0][hz > 300].max() / power[-1].max()) < -80
    assert all(a.sum() < b.sum() for a, b in pairwise(power))


def test_an_accelerating_piece_plays_every_stage_from_the_same_moment(growing):
    growth = growing(phrase="repeat", stages=(3, 3), stage_duration_s=(0.6, 0.3), noise="none", adsr=FLAT)
    first, second = stages(growth)
    assert (len(first), len(second)) == (9600, 4800)
    assert torch.allclose(first[200:4600], second[200:4600], atol=1e-6)


def test_remarks_say_what_was_done(growing):
    heard = growing().stages[-1].n_harmonics
    assert growing().remarks == (f"{heard} of 32 partials can be heard; the others do not count.",)
    squeezed = growing(stage_duration_s=(0.5, 0.1), adsr=ADSR(0.1, 0.1, 0.5, 0.1)).remarks
    assert any("shrink in proportion in" in remark and "0.3 s" in remark for remark in squeezed)
    assert any("shrinks to 0.25 s" in remark for remark in growing(crossfade_s=3.0).remarks)
    assert any("No stage is complete" in remark for remark in growing(stages=(1, 4)).remarks)
    assert any("without an audible partial: 2" in remark for remark in growing(stages=([1], [32])).remarks)
    many = growing(strategy="linear", n_stages=1000, stage_duration_s=0.02, silence_duration_s=0.0)
    assert len(many.stages) == heard and many.stages[-1].n_harmonics == heard
    assert any(f"1000 stages were asked for; there are {heard}," in remark for remark in many.remarks)
    alike = growing(phrase="repeat", stages=(1, 2, 2), noise="none")
    assert any("as the one before: 3" in remark for remark in alike.remarks)


def test_silent_recordings_grow_silence(trained, take, retake):
    silent = retake(voiced=torch.zeros_like(take.features.voiced))
    growth = grow(trained, silent, GrowthPlan(noise="none"))
    assert (growth.audio == 0).all() and growth.certificate().passed


def test_sustain_follows_its_curve_in_stages_and_in_crossfades(growing):
    settings = dict(stages=(3, 3, 3), noise="none", pitch="A3", stage_duration_s=0.5)
    for overlap in ({}, {"crossfade_s": 0.1}):
        level = lambda sustain: growing(adsr=ADSR(0.01, 0.02, sustain, 0.05), **settings | overlap)  # noqa: B023
        falling, flat = level((0.8, 0.4, 0.2)), level(0.8)
        middle = slice(3000, 5000)
        ratio = [
            ((a / falling.gain)[middle].norm() / (b / flat.gain)[middle].norm()).item()
            for a, b in zip(stages(falling), stages(flat), strict=True)
        ]
        assert ratio == pytest.approx([1, 0.5, 0.25], rel=0.01)
    assert not any("as the one before" in remark for remark in falling.remarks)


def test_a_stage_of_breath_alone_is_noise_and_no_partial(growing):
    growth = growing(stages=((), (1, 2)), noise_stages=((1, 2, 3), ()), pitch="A3")
    breath, tone = (slice(stage.start, stage.stop) for stage in growth.stages)
    assert not growth.harmonic[breath].any() and growth.noise[breath].abs().max() > 1e-5
    assert growth.harmonic[tone].abs().max() > 0.1 and not growth.noise[tone].any()
    assert not any("without an audible partial" in remark for remark in growth.remarks)
    assert growth.certificate().passed


def test_the_longest_stage_sounds_to_its_end_wherever_it_is(growing):
    lengths_s = (0.2, 0.2, 1.0, 0.2)
    growth = growing(
        strategy="linear", n_stages=4, pitch="A4", stage_duration_s=lengths_s, noise="none", adsr=FLAT, order="low"
    )
    sound = growth.stage_audio(2)
    levels = [part.square().mean().sqrt() for part in sound[: len(sound) // 5 * 5].view(5, -1)]
    assert min(levels) > 0.5 * max(levels) and growth.certificate().passed


def test_notes_of_an_unfolding_phrase_are_those_that_each_stage_plays(growing):
    growth = growing(stages=(1,) * 6, stage_duration_s=0.3, silence_duration_s=0.0, noise="none", adsr=FLAT)
    notes = [round(pitch_number(growth.schedule, i)) for i in range(6)]
    heard = [69 + 12 * np.log2(peak_hz(growth.stage_audio(i), growth.sample_rate) / 440) for i in range(6)]
    near = np.abs(np.array(notes) - heard) < 1  # but for a stage in which the pitch changes
    assert near.sum() >= 5 and len(set(notes)) >= 3


SUNG_HZ, WORD_S, BREATH_S, CONSONANT_S = (110.0, 165.0, 110.0, 165.0), 0.5, 0.8, 0.05


def breath(seconds, level, rate=16_000):
    """White noise that comes and goes."""
    noise = torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(0))
    return level * noise * torch.hann_window(len(noise)).sqrt()


@pytest.fixture(scope="module")
def song(sawtooth, study, small_config):
    """An instrument, and its take of words of two notes: a consonant within each, a breath 45 dB softer between."""

    def word(hz):
        sung = sawtooth(hz, WORD_S, 16_000)
        edge = (torch.arange(len(sung)) / 400).clamp(max=1)
        sung = sung * edge * edge.flip(0)
        return torch.cat([sung, breath(CONSONANT_S, 0.02), sung, breath(BREATH_S, 0.001)])

    sound = torch.cat([word(hz) for hz in SUNG_HZ])
    return DDSPModel(small_config), study(sound + 1e-5 * torch.randn(len(sound)), small_config)[2]


LINE = dict(stages=(8,) * 16, stage_duration_s=0.2, silence_duration_s=0.1, noise="none")


def test_stages_of_a_song_lie_in_its_notes_and_not_in_its_breaths(song, tmp_path):
    growth = grow(*song, GrowthPlan(**LINE))
    levels_db = [10 * np.log10(sound.square().mean().item()) for sound in stages(growth)]
    assert max(levels_db) - min(levels_db) < 12
    assert {note_name(growth.schedule, i) for i in range(16)} == {"A2", "E3"}
    whole = grow(*song, GrowthPlan(**LINE, rests="keep"))
    silent = [20 * np.log10(sound.abs().max().item() + 1e-9) < -40 for sound in stages(whole)]
    assert 3 <= sum(silent) <= 6
    assert [note_name(whole.schedule, i) == "" for i in range(16)] == silent
    export(whole, tmp_path / "whole.wav", midi=True)
    track = mido.MidiFile(tmp_path / "whole.mid").tracks[1]
    assert {m.note for m in track if m.type == "note_on"} == {45, 52}
    assert sum(m.type == "note_on" for m in track) == 16 - sum(silent)
    assert "Stage 16" in [m.text for m in mido.MidiFile(tmp_path / "whole.mid").tracks[0] if m.type == "marker"]
    for piece in (growth, whole):
        assert piece.certificate().passed
        path = export(piece, tmp_path / f"{piece.plan.rests}.wav", overwrite=True)[0]
        again = export(regrow(read_sidecar(path), song), tmp_path / "again.wav", overwrite=True)[0]
        assert again.read_bytes() == path.read_bytes()


def test_words_stay_whole_and_are_joined_without_a_click(song):
    """What is left are the consonants of four words. A sine bends no more than the higher of its notes does."""
    length_s = len(SUNG_HZ) * (2 * WORD_S + CONSONANT_S) - 0.05
    sine = grow(*song, GrowthPlan(stages=((1,),), stage_duration_s=length_s, noise="none", adsr=FLAT)).audio.numpy()
    level = np.abs(sine[: len(sine) // 320 * 320]).reshape(-1, 320).max(1)  # every 20 ms
    dips = np.flatnonzero(np.diff(np.flatnonzero(level > 0.3 * level.max())) > 2)
    assert len(dips) == len(SUNG_HZ) and level.argmin() * 0.02 > 0.3
    bends = np.abs(np.diff(sine, 2))[200:-200]
    assert bends.max() < 1.5 * sine.max() * (2 * np.pi * max(SUNG_HZ) / 16_000) ** 2


def test_noise_alone_grows_and_has_no_notes(study, small_config, tmp_path):
    with pytest.warns(UserWarning, match="No pitch"):
        take = study(breath(2.0, 0.1), small_config)[2]
    for pitch in ("phrase", "held"):
        growth = grow(
            DDSPModel(small_config), take, GrowthPlan(n_stages=3, strategy="linear", noise="every", pitch=pitch)
        )
        assert all(sound.square().mean() > 1e-4 for sound in stages(growth)) and not growth.harmonic.any()
        assert [note_name(growth.schedule, i) for i in range(3)] == ["", "", ""]
        assert any("no tone" in remark for remark in growth.remarks)
        export(growth, tmp_path / f"{pitch}.wav", midi=True)
        assert not any(m.type == "note_on" for m in mido.MidiFile(tmp_path / f"{pitch}.mid"))
