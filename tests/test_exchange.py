"""Files that composers exchange: each is read again by a reader that is not ours, where one exists."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ddsp_nb import AudioError, Config, GrowthPlan, NotesError, Performance, grow, load_model, parse_notes, save_audio
from ddsp_nb.cli.main import main
from ddsp_nb.growth.tuning import ratio_table
from ddsp_nb.notes.midi import write_midi
from ddsp_nb.notes.note import events_of
from ddsp_nb.notes.pitch import midi_hz, midi_number
from ddsp_nb.notes.scala import read_scale, read_tuning, retuned, tuned
from ddsp_nb.notes.score import melody_of, read_score
from ddsp_nb.studio.partial_files import FILES, read_partials, write_partials
from ddsp_nb.studio.partials import of_growth, of_take, to_take
from ddsp_nb.synthesis.oscillator import render_partials
from tests.exchanged_files import KEYBOARD_MAP, SCALE, SCORE, a_few_partials, files_of_partials, packed

MEANTONE = (
    "meantone\n12\n76.049\n193.157\n310.265\n5/4\n503.422\n579.471\n696.578\n25/16\n889.735\n1006.843\n1082.892\n2\n"
)


@pytest.fixture
def files(tmp_path):
    """Makes files of texts or bytes."""

    def make(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


@pytest.mark.parametrize("keys", [None, KEYBOARD_MAP])
def test_a_tuning_is_that_of_another_reader(files, keys):
    other = pytest.importorskip("tuning_library")
    scale = files("seven.scl", SCALE)
    keyboard_map = keys and files("keys.kbm", keys)
    theirs = other.Tuning(
        *[other.parse_scl_data(SCALE)] + ([other.parse_kbm_data(keys.replace("\n\n", "\n"))] if keys else [])
    )
    hz = read_tuning(scale, keyboard_map)
    heard = [key for key in range(128) if hz[key] is not None]
    assert len(heard) > 40 and heard == [
        key
        for key in range(128)
        if theirs.is_midi_note_mapped(key) and 16 <= theirs.frequency_for_midi_note(key) <= 12_550
    ]
    np.testing.assert_allclose(
        [hz[key] for key in heard], [theirs.frequency_for_midi_note(key) for key in heard], rtol=1e-9
    )


def test_notes_are_played_in_a_tuning(files):
    tuning = read_tuning(files("meantone.scl", MEANTONE))
    assert tuned("C4", tuning) == pytest.approx(midi_hz(60)) and tuned("E4", tuning) == pytest.approx(
        1.25 * midi_hz(60)
    )
    assert tuned(440.0, tuning) == 440.0 and tuned("held", tuning, ["held"]) == "held" and tuned("E4", None) == "E4"
    (written,) = parse_notes("E4:1", tuned=lambda pitch: tuned(pitch, tuning))
    midi = write_midi(files("e.mid", ""), {"": events_of(parse_notes("E4:1"))})
    played = Performance(tuple(retuned(Performance.of_midi(midi).events, tuning)), 1.0)
    assert written.number == pytest.approx(midi_number(1.25 * midi_hz(60))) == pytest.approx(played.events[0][2])


def test_partials_move_to_a_scale_of_ones_own(trained, take, files, tmp_path):
    steps = read_scale(files("seven.scl", SCALE))
    table = ratio_table(("scale", *steps), 0, 24)
    places = [(13 / 6) ** periods * step for periods in range(6) for step in (1, *steps)]
    assert [min(places, key=lambda place: abs(np.log2(place / k))) for k in range(1, 25)] == pytest.approx(
        table.tolist()
    )
    np.testing.assert_allclose(
        ratio_table(("scale", *np.exp2(np.arange(1, 13) / 12)), 0, 64), ratio_table("equal", 0, 64)
    )
    again = GrowthPlan.from_dict(json.loads(json.dumps({"ratios": ("scale", *steps)})))
    assert again == GrowthPlan(ratios=("scale", *steps)) and grow(trained, take, again).certificate().passed
    refused = CliRunner().invoke(main, ["grow", "--ratios", str(files("bad.scl", SCALE.replace("13/6", "1/0")))])
    assert refused.exit_code == 2 and "is no scale" in refused.stderr and refused.stderr.count("\n") == 1


def test_a_key_without_a_note_is_told(files):
    tuning = read_tuning(files("seven.scl", SCALE), files("keys.kbm", KEYBOARD_MAP))
    with pytest.raises(NotesError, match="D#4 plays nothing"):
        tuned("D#4", tuning)


CONFIG = Config(sample_rate=16_000, n_harmonics=32, hop_length=128)


def sound_of(take, config=CONFIG):
    return render_partials(take.hz, take.controls.coefficients(), config)


def snr_db(sound, other):
    n = min(len(sound), len(other))
    sound, other = (torch.as_tensor(x)[:n].double() for x in (sound, other))
    return (10 * torch.log10(sound.square().sum() / (sound - other).square().sum().clamp(min=1e-30))).item()


def by_birth(partial):
    return partial[0][0], partial[1][0]


@pytest.mark.parametrize("suffix", FILES)
def test_partials_are_the_same_after_any_file(suffix, tmp_path):
    take = to_take(a_few_partials(), CONFIG)
    for partials in (a_few_partials(), of_take(take, CONFIG)):
        write_partials(tmp_path / f"one{suffix}", partials)
        again = read_partials(tmp_path / f"one{suffix}")
        write_partials(tmp_path / f"two{suffix}", again)
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
        far = [
            np.abs(np.stack(mine[:3]) - np.stack(read[:3])).max()
            for mine, read in zip(sorted(partials, key=by_birth), sorted(again, key=by_birth), strict=True)
        ]
        assert max(far) < 2e-6
    if suffix == ".txt":  # SPEAR has no phases
        assert all(np.isnan(partial.phase).all() for partial in again)
    else:
        assert snr_db(sound_of(take), sound_of(to_take(again, CONFIG))) > 60


def test_partials_sound_where_and_as_loud_as_they_are():
    partials = a_few_partials()
    sound = sound_of(to_take(partials, CONFIG)).double().numpy()
    seconds = np.arange(len(sound)) / CONFIG.sample_rate
    for partial in partials:
        wave = partial.at(seconds.clip(*partial.times_s[[0, -1]]))
        lives = (seconds >= partial.times_s[0]) & (seconds <= partial.times_s[-1])
        sound -= lives * wave.amplitude * np.cos(wave.phase)
    # At their ends they begin and stop within a hop.
    assert np.square(sound).sum() < 1e-3 * np.square(sound_of(to_take(partials, CONFIG))).sum()
    assert to_take(partials, CONFIG).hz.shape[1] == 2  # those that follow each other share a row


def test_loris_reads_and_plays_what_is_written(tmp_path, trained, take):
    loris = pytest.importorskip("loristrck")
    growth = grow(trained, take, GrowthPlan("exponential", pitch="A4", stage_duration_s=0.3))
    partials = of_growth(growth)
    for name, written in (("growth", partials), ("few", a_few_partials())):
        write_partials(tmp_path / f"{name}.sdif", written)
        theirs, _ = loris.read_sdif(str(tmp_path / f"{name}.sdif"))
        read = sorted((each.T[:3] for each in theirs), key=by_birth)
        for mine, other in zip(sorted(written, key=by_birth), read, strict=True):
            np.testing.assert_allclose(np.stack(mine[:3]), other, atol=1e-6)
    kinds = [(tmp_path / f"{name}.sdif").read_bytes()[16:20] for name in ("growth", "few")]
    assert kinds == [b"1TRC", b"RBEP"]
    theirs, _ = loris.read_sdif(str(tmp_path / "growth.sdif"))
    played = loris.synthesize(theirs, growth.sample_rate)
    assert snr_db(growth.harmonic, np.pad(played, (0, len(growth.harmonic)))) > 30


def test_frames_of_spear_are_partials_that_may_share_a_number(files):
    partials = read_partials(files("frames.txt", files_of_partials()[" frames.txt"]))
    assert [partial.hz.tolist() for partial in partials] == [[440, 441], [880, 881]]
    again = read_partials(
        files("again.txt", files_of_partials()[" frames.txt"] + b"0.03 1 0 300 0.1\n0.04 1 0 301 0.1\n")
    )
    assert [partial.hz.tolist() for partial in again] == [[440, 441], [880, 881], [300, 301]]


def test_scores_have_a_note_for_each_partial(tmp_path):
    for suffix, begin in ((".csd", "i 1 "), (".scd", "[0.")):
        write_partials(tmp_path / f"score{suffix}", a_few_partials())
        lines = (tmp_path / f"score{suffix}").read_text().splitlines()
        notes = [line for line in lines if line.startswith(begin)]
        assert len(notes) == 3 and "PARTIALS" not in "".join(lines)
        hz = [line for line in lines if line.startswith(("f 1 ", "[0.000000"))]
        assert len(hz) == 1 and " 440" in hz[0].replace("[440", " 440")


def test_the_command_reads_and_writes_each_kind(tmp_path, files):
    run = lambda *words: CliRunner().invoke(main, ["partials", *map(str, words)])
    sound = tmp_path / "tone.wav"
    seconds = np.arange(16_000) / 44_100
    tones = sum(a * np.exp(-3 * seconds) * np.sin(2 * np.pi * hz * seconds) for a, hz in ((0.3, 500.0), (0.1, 1213.0)))
    save_audio(sound, torch.from_numpy(tones).float(), 44_100)
    for source, target in (
        (sound, "a.txt"),
        ("a.txt", "a.sdif"),
        ("a.sdif", "a.json"),
        ("a.json", "a.csv"),
        ("a.csv", "a.pt"),
    ):
        result = run(tmp_path / source, tmp_path / target)
        assert result.exit_code == 0 and target in result.output, result.output
    loud = [partial.hz.mean() for partial in read_partials(tmp_path / "a.csv") if partial.amplitude.max() > 0.05]
    np.testing.assert_allclose(sorted(loud), [500, 1213], rtol=0.01)
    model, take = load_model(tmp_path / "a.pt")
    grown = grow(model, take, GrowthPlan("linear", n_stages=1, stage_duration_s=0.3)).harmonic.numpy()
    assert abs(np.abs(np.fft.rfft(grown)).argmax() * 44_100 / len(grown) - 500) < 20
    assert run(tmp_path / "a.pt", tmp_path / "b.wav").exit_code == 0 and run(sound, tmp_path / "a.txt").exit_code == 2


@pytest.mark.parametrize("suffix", [".txt", ".sdif", ".json", ".csv"])
def test_bad_partials_are_refused_in_a_line(suffix, files, tmp_path):
    good = files_of_partials()[suffix]
    huge = {
        ".txt": (b"0 30", b"0 999999999"),
        ".sdif": (b"RBEP\0\0\0\x08\0\0\0\x01", b"RBEP\0\0\0\x08\x7f\xff\xff\xff"),
    }
    low, high = huge.get(suffix, (b"440", b"-440"))
    assert low in good
    for content in (b"", b"\0\xff" * 50, good[: len(good) // 2 + 1].rstrip(b"0123456789."), good.replace(low, high)):
        path = files(f"bad{suffix}", content)
        result = CliRunner().invoke(main, ["partials", str(path), str(tmp_path / "out.csd")])
        assert result.exit_code == 2 and result.stderr.count("\n") == 1 and not (tmp_path / "out.csd").exists()
    for begin_s, where in ((0, "out of range"), (3599, "too many")):
        points = "".join(f"{i},{begin_s},9,1,0\n{i},3600,9,1,0\n" for i in range(99))
        with pytest.raises(AudioError, match=where):
            to_take(read_partials(files("long.csv", f"partial,time_s,hz,amplitude,phase\n{points}")), CONFIG)


@pytest.mark.parametrize("packs", [False, True])
def test_a_score_is_played_as_it_sounds(files, packs):
    pytest.importorskip("music21")
    events = read_score(files("score.mxl", packed()) if packs else files("score.xml", SCORE))
    keys = [(round(3 * seconds / 2, 3), key) for seconds, kind, key, *_ in events if kind == "on"]
    once = [(0, 58), (0, 69), (0, 73), (2, 76), (6, 74)]
    assert sorted(keys) == sorted(once + [(beat + 8, key) for beat, key in once])
    assert melody_of(events)[:3] == ("C#5", pytest.approx(midi_hz(75.5)), "D5")
    assert next(event[3] for event in events if event[1] == "program") == 0 and ("program", 73) in [
        e[1:3] for e in events
    ]


ENTITY = '.dtd" [<!ENTITY a {}>]>'


@pytest.mark.parametrize(
    "content",
    [
        SCORE.replace('.dtd">', ENTITY.format('"b"')),
        SCORE.replace('.dtd">', ENTITY.format('SYSTEM "file:///etc/passwd"')).replace("Clarinet", "&a;"),
        SCORE.replace('PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" ', "SYSTEM "),
        SCORE.replace("<repeat ", '<repeat times="100000" '),
        SCORE.replace("<beats>4", "<beats>999999999"),
        SCORE[:900],
        packed(SCORE.replace("</score-partwise>", " " * 21_000_000 + "</score-partwise>")),
        packed(name="../../score.xml").replace(b"../../score.xml", b"../../absent.xml", 1),
    ],
)
def test_a_score_that_would_fetch_or_fill_is_refused(content, files, monkeypatch, tmp_path):
    pytest.importorskip("music21")
    monkeypatch.setattr("socket.socket", lambda *_, **__: pytest.fail("an address was asked for"))
    path = files("bad.mxl", content)
    result = CliRunner().invoke(main, ["play", "--midi", str(path), "--output", str(tmp_path / "out.wav")])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and not (tmp_path / "out.wav").exists()
