"""The instrument in other programs: every file is opened again, by readers that share no code with the writers."""

import re
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner

from ddsp_nb import (
    DDSPModel,
    ExportError,
    GrowthError,
    GrowthPlan,
    StreamingSynthesizer,
    WorkbookWarning,
    draw,
    export_instrument,
    save_model,
    train,
)
from ddsp_nb.analysis.onsets import in_octaves
from ddsp_nb.cli.main import main
from ddsp_nb.notes.note import Note
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.own_timbre import OwnTimbre, lift_db, usual_loudness_db
from ddsp_nb.studio import export as export_module
from ddsp_nb.studio.sfz import sampled_notes, sfz_text

LAYERS = {"p": (32, -19.1), "mf": (72, -5.0), "f": (112, 2.7)}  # velocity, and dB beside the usual loudness
MAX_CENTS, MAX_DB, MAX_STEP_DB, SAME = 3, 0.5, -60, 1e-5

LOADED_S = 0.3  # by then a player has a sample in memory


@pytest.fixture(scope="module")
def folder(tmp_path_factory, trained, take):
    """An exported instrument."""
    folder = tmp_path_factory.mktemp("studio") / "instrument"
    with pytest.warns(WorkbookWarning, match="the timbre of the other notes is a guess"):
        files = export_instrument(trained, folder, take=take)
    assert sorted(files) == sorted(path for path in folder.rglob("*") if path.is_file())
    return folder


@pytest.fixture(scope="module")
def regions(folder):
    return read_sfz(folder / "instrument.sfz")


def read_sfz(path):
    """Opcodes of every region, as an SFZ player reads them: its own over the global ones."""
    text = re.sub(r"//.*", "", path.read_text())
    parts = re.split(r"<(\w+)>", text)[1:]
    found, common = [], {}
    for header, body in zip(parts[::2], parts[1::2], strict=True):
        opcodes = dict(re.findall(r"(\w+)=(\S+)", body))
        if header == "global":
            common = opcodes
        else:
            assert header == "region"
            found.append(common | opcodes)
    return found


def looped(region, folder):
    """The sample's sound, as long as its loop lasts twice."""
    sound, rate = sf.read(folder / region["sample"])
    start, stop = int(region["loop_start"]), int(region["loop_end"]) + 1
    return sound[start:stop], sound, start, stop, rate


def cents_off(sound, hz, rate):
    """Cents from `hz` to the pitch of a periodic sound: the fundamental's phase over the whole of it, by two halves."""
    n, window = len(sound) // 2, np.hanning(len(sound) // 2)
    carrier = np.exp(-2j * np.pi * hz * np.arange(len(sound)) / rate)
    first, second = ((sound * carrier)[part] @ window for part in (slice(n), slice(n, 2 * n)))
    return 1200 * np.log2(1 + np.angle(second / first) / (2 * np.pi * n / rate * hz))


def test_two_octaves_in_three_dynamics_cover_keys_and_velocities(regions):
    centres = sorted({int(region["pitch_keycenter"]) for region in regions})
    assert centres[-1] - centres[0] >= 24 and len(regions) == 3 * len(centres)
    for key in range(centres[0], centres[-1] + 1):
        for velocity in range(1, 128):
            mine = [r for r in regions if int(r["lokey"]) <= key <= int(r["hikey"])]
            assert len({r["pitch_keycenter"] for r in mine}) == 1  # one sample stands for a key
            gains = [gain_at(r, velocity) for r in mine if int(r["lovel"]) <= velocity <= int(r["hivel"])]
            assert sum(gains) == pytest.approx(1)  # layers of the same phase
            assert 1 <= len(gains) <= 2
            assert all(gain_at(r, velocity) == 0 for r in mine if not int(r["lovel"]) <= velocity <= int(r["hivel"]))


def gain_at(region, velocity):
    """What the cross-fade of velocities, linear, leaves of a region."""
    gain = 1.0
    if "xfin_hivel" in region:
        low, high = int(region["xfin_lovel"]), int(region["xfin_hivel"])
        gain *= min(max((velocity - low) / (high - low), 0), 1)
    if "xfout_hivel" in region:
        low, high = int(region["xfout_lovel"]), int(region["xfout_hivel"])
        gain *= min(max((high - velocity) / (high - low), 0), 1)
    return gain


def test_samples_have_their_pitch(regions, folder):
    for region in regions:
        loop, *_, rate = looped(region, folder)
        hz = 440 * 2 ** ((int(region["pitch_keycenter"]) - 69) / 12)
        assert abs(cents_off(loop, hz, rate)) < MAX_CENTS, region["sample"]


def test_samples_have_the_loudness_of_the_live_instrument(regions, folder, trained):
    """All with one gain, by which the loudest stays within full scale; README.txt names the levels."""
    usual_db, wrong_db = usual_loudness_db(trained), []
    for region in regions:
        loop, *_ = looped(region, folder)
        layer = Path(region["sample"]).stem.rsplit("_", 1)[1]
        level_db = 10 * np.log10(np.mean(loop**2))
        wrong_db.append(level_db - usual_db - LAYERS[layer][1])
        named = re.search(rf"\b{layer} (-\d+\.\d)", (folder / "README.txt").read_text())
        assert level_db == pytest.approx(float(named[1]), abs=MAX_DB)
    assert max(wrong_db) - min(wrong_db) < MAX_DB and max(wrong_db) < MAX_DB


def test_loops_go_round_without_a_step(regions, folder):
    """What comes after the loop is what comes at its start: no step, and no kink, within the 24 bits of the file."""
    for region in regions:
        loop, sound, start, stop, _ = looped(region, folder)
        peak, seam = np.abs(sound).max(), np.concatenate([loop[-2:], loop[:2]])
        after = len(sound) - stop
        assert after >= 64 and region["loop_mode"] == "loop_continuous"
        step_db = 20 * np.log10(np.abs(sound[stop:] - sound[start : start + after]).max() / peak + 1e-12)
        assert step_db < MAX_STEP_DB, region["sample"]
        within = np.abs(np.diff(loop)).max()
        assert np.abs(np.diff(seam)).max() <= 1.01 * within
        assert peak < 1


def test_samples_begin_from_silence(regions, folder):
    for region in regions:
        _, sound, *_ = looped(region, folder)
        assert np.abs(sound[:3]).max() < 2e-3 * np.abs(sound).max()


def test_an_sfz_player_plays_it_in_tune_at_its_level_and_without_a_click(regions, folder):
    pysfizz = pytest.importorskip("pysfizz", reason="there is no SFZ player for this system: pysfizz")
    rate, key_s, gains_db = 16_000, 4, []
    player = pysfizz.Synth(sample_rate=rate, block_size=256)
    assert player.load_sfz_file(folder / "instrument.sfz")
    for region in regions[:: len(regions) // 8]:
        loop, *_ = looped(region, folder)
        key, layer = int(region["pitch_keycenter"]), Path(region["sample"]).stem.rsplit("_", 1)[1]
        # It reads samples beside its playing, which is not in real time.
        player.render_note(key, LAYERS[layer][0], 0.1, 1)
        time.sleep(LOADED_S)
        sound = player.render_note(key, LAYERS[layer][0], key_s, key_s + 3)[0]
        held, released = sound[2 * rate : key_s * rate], sound[-rate:]
        assert abs(cents_off(held, 440 * 2 ** ((key - 69) / 12), rate)) < MAX_CENTS
        gains_db.append(10 * np.log10(np.mean(held**2) / np.mean(loop**2)))
        gain = 10 ** (gains_db[-1] / 20)
        assert np.abs(np.diff(held)).max() < 1.1 * gain * np.abs(np.diff(loop)).max()
        assert np.abs(released).max() < 1e-4 * np.abs(held).max()
    assert max(gains_db) - min(gains_db) < MAX_DB  # one for all: where the player puts what is in the middle


def test_what_was_plucked_sinks_in_an_sfz_player_too(folder, tmp_path):
    pysfizz = pytest.importorskip("pysfizz", reason="there is no SFZ player for this system: pysfizz")
    (tmp_path / "samples").symlink_to(folder / "samples")
    held = (folder / "instrument.sfz").read_text()
    plucked = sfz_text([], Articulation(0.01, 15.0, 0.2)) + held[held.index("\n<region>") :]
    (tmp_path / "plucked.sfz").write_text(plucked)
    player = pysfizz.Synth(sample_rate=16_000, block_size=256)
    assert player.load_sfz_file(tmp_path / "plucked.sfz")
    player.render_note(69, 72, 0.1, 1)
    time.sleep(LOADED_S)
    seconds = player.render_note(69, 72, 3, 3)[0][: 3 * 16_000].reshape(3, -1)
    first, second, third = 10 * np.log10(np.square(seconds).mean(1))
    assert first - second == pytest.approx(15, abs=2) and second - third == pytest.approx(15, abs=2)


# The wavetable


def chunks_of(path):
    """Chunks of a RIFF file, as its specification says."""
    content = path.read_bytes()
    assert content[:4] == b"RIFF" and content[8:12] == b"WAVE"
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    found, at = {}, 12
    while at < len(content):
        name, size = content[at : at + 4], struct.unpack("<I", content[at + 4 : at + 8])[0]
        found[name] = content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


def test_the_wavetable_names_its_frames_before_its_sound(folder):
    chunks = chunks_of(folder / "growth.wav")
    assert next(iter(chunks)) == b"fmt " and list(chunks)[-1] == b"data"
    assert re.fullmatch(rb"<!>2048 [0-4]0000000 wavetable \(.+\)", chunks[b"clm "])
    sound, _ = sf.read(folder / "growth.wav", dtype="float32")
    assert len(sound) % 2048 == 0 and np.array_equal(sound, np.frombuffer(chunks[b"data"], "<f4"))


def test_the_wavetable_grows_from_a_sine_to_the_full_timbre(folder, trained):
    frames = sf.read(folder / "growth.wav")[0].reshape(-1, 2048)
    spectra = np.fft.rfft(frames) / 1024
    levels, n = np.abs(spectra), len(frames)
    assert 1 < n <= 256 and np.abs(frames).max() == pytest.approx(0.99, abs=1e-3)
    assert levels[0, 1] > 0.001 and np.abs(levels[0, 2:]).max() < 1e-6 * levels[0, 1]  # a sine, of exactly one period
    last = levels[-1]
    for i, frame in enumerate(levels):
        on = np.arange(1, i + 2)
        assert np.abs(20 * np.log10(frame[on] / last[on])).max() < MAX_DB  # what is on keeps its level
        assert np.abs(spectra[i, on] - spectra[-1, on]).max() < 1e-6  # and its phase
        assert frame[i + 2 : n + 1].max(initial=0) < 1e-6  # what is off is absent
    assert frames[0, 0] == pytest.approx(0, abs=1e-6) and frames[0, 512] > 0  # a sine, not a cosine
    hz = 440 * 2 ** trained.octave_quantiles[50]
    asked_db = torch.tensor(usual_loudness_db(trained))
    timbre, state = OwnTimbre(trained), OwnTimbre(trained).rest()
    age_s = torch.arange(1, 31).clamp(max=13)[None] * 512 / 16_000  # held until it has settled
    amplitudes, _, _ = timbre.levelled(hz.expand(1, 30), asked_db.expand(1, 30), age_s, state)
    heard = amplitudes[0, -1, :n].numpy()
    strong = heard > 1e-3 * heard.max()
    apart_db = 20 * np.log10(last[1 : n + 1] / heard)[strong]
    assert np.ptp(apart_db) < MAX_DB  # one gain


def test_the_wavetable_grows_as_a_plan_says(trained, tmp_path):
    plan = GrowthPlan(stages=((1,), (1, 3), (1, 3, 5)))
    with pytest.warns(WorkbookWarning):
        export_instrument(trained, tmp_path / "odd", plan=plan)
    levels = np.abs(np.fft.rfft(sf.read(tmp_path / "odd" / "growth.wav")[0].reshape(3, 2048)))
    assert [list(np.flatnonzero(frame > 1e-3)) for frame in levels] == [[1], [1, 3], [1, 3, 5]]
    with pytest.raises(GrowthError, match="holds 256 frames at most"):
        export_instrument(trained, tmp_path / "many", plan=GrowthPlan(stages=tuple([1] * 257)))
    assert not (tmp_path / "many").exists()


# The network


def test_the_exported_network_answers_as_the_model_does(folder, trained):
    """At once or frame by frame, one voice or five, without this package's code."""
    network = torch.jit.load(str(folder / "controls.ts"))
    torch.manual_seed(1)
    f0_hz, loudness_db = 440 * torch.exp2(torch.rand(5, 17) * 2 - 1), -50 + 40 * torch.rand(5, 17)
    age_s = 3 * torch.rand(5, 17)
    timbre = OwnTimbre(trained)
    with torch.no_grad():
        *expected, last = timbre(f0_hz, loudness_db, age_s, timbre.rest(5))
        *whole, state = network(f0_hz, loudness_db, age_s, torch.zeros(2, 5, 64))
        parts, one = [], torch.zeros(2, 5, 64)
        for i in range(17):
            *answer, one = network(*(x[:, i : i + 1] for x in (f0_hz, loudness_db, age_s)), one)
            parts.append(answer)
        played = torch.stack([torch.log2(f0_hz / 440), loudness_db, in_octaves(age_s)], -1)
        clean = trained.network.instrument.timbre()
        clean[-trained.config.n_bands :] = -torch.inf
        inputs = torch.cat([played, torch.zeros(5, 17, 30), clean.expand(5, 17, -1)], -1)
        plain = trained.network(inputs, envelope=False)
    stepped = [torch.cat(values, 1) for values in zip(*parts, strict=True)]
    for name, ours, theirs, by_frames in zip(("amplitudes", "gains", "gain"), expected, whole, stepped, strict=True):
        assert (ours - theirs).abs().max() < SAME and (ours - by_frames).abs().max() < SAME, name
    assert (plain[0] - whole[0]).abs().max() < SAME and (plain[1] - whole[1]).abs().max() < SAME
    assert (last - state).abs().max() < SAME and (last - one).abs().max() < SAME


def test_the_example_in_the_readme_runs_where_the_package_is_not(folder, tmp_path):
    text = (folder / "README.txt").read_text()
    example = "".join(line[4:] + "\n" for line in text[text.index("    import torch") :].splitlines())
    (tmp_path / "host.py").write_text(
        f"{example}import sys\nassert 'ddsp_nb' not in sys.modules\nprint(amplitudes.shape)\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "host.py"], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0 and "torch.Size([1, 1, 32])" in done.stdout, done.stderr


# Files


def test_the_command_exports_once_and_replaces_only_when_it_is_asked(trained, take, hall, tmp_path):
    save_model(tmp_path / "model.pt", trained, replace(take, room=hall))
    places = f"--model {tmp_path / 'model.pt'} --output {tmp_path / 'out'}"
    command = f"export {places} --strategy primes".split()
    again = [*command, "--overwrite"]
    for args, code, words in ((command, 0, "growth.wav"), (command, 2, "holds files already"), (again, 0, "")):
        result = CliRunner().invoke(main, args)
        assert result.exit_code == code and words in result.output, result.output
    assert len(sf.read(tmp_path / "out/growth.wav")[0]) < 20 * 2048
    assert "room.wav\n  The recording's room, 0.4 s" in (tmp_path / "out/README.txt").read_text()
    sound, rate = sf.read(tmp_path / "out/room.wav")
    assert rate == hall.sample_rate and np.array_equal(sound, hall.impulse.numpy())


def test_the_same_model_gives_the_same_sound(folder, trained, take, tmp_path):
    with pytest.warns(WorkbookWarning):
        export_instrument(trained, tmp_path / "again", take=take)
    names = ["instrument.sfz", "growth.wav", "README.txt", *(f"samples/{p.name}" for p in folder.glob("samples/*"))]
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_an_export_that_fails_leaves_nothing(trained, tmp_path, monkeypatch, full_disk):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="is a file"):
        export_instrument(trained, tmp_path / "file")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/mine.txt").write_text("mine")
    with pytest.warns(WorkbookWarning), full_disk(), pytest.raises(ValueError, match="cannot be written") as error:
        export_instrument(trained, tmp_path / "kept", overwrite=True)
    assert "\n" not in str(error.value)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(export_module, "write_network", interrupted)
    with pytest.warns(WorkbookWarning), pytest.raises(KeyboardInterrupt):
        export_instrument(trained, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "kept"]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine.txt"]


def test_sampled_notes_stay_within_the_pitch_range(trained, monkeypatch):
    """Also where the notes that were heard lie at its end."""
    for octaves in ((-3.2, -3.1), (2.0, 2.1), (-2.5, 1.7)):
        quantiles = torch.linspace(*octaves, 101)
        monkeypatch.setitem(trained._buffers, "octave_quantiles", quantiles)
        notes = sampled_notes(trained)
        assert notes[-1] - notes[0] >= 24 and notes[0] >= 20 and notes[-1] <= 111


def test_very_quiet_recordings_are_played_at_a_usual_level(small_config, clip, study, tmp_path, monkeypatch):
    """Notes keep their dynamics, and the export tells its gain; what is written stays as soft as the recordings."""
    _, corpus, take = study(clip * 10 ** (-50 / 20), small_config)
    model = DDSPModel(small_config)
    for _ in train(model, corpus, epochs=2, seed=0):
        pass
    monkeypatch.setattr("ddsp_nb.studio.sfz.sampled_notes", lambda model: [72])
    with pytest.warns(WorkbookWarning, match=r"very quiet recordings \(-6\d dB\): all its notes are turned up by"):
        export_instrument(model, tmp_path / "quiet", take=take)
    assert re.search(r"very\s+quiet: all notes are 4\d dB louder", (tmp_path / "quiet" / "README.txt").read_text())
    db = lambda sound: 10 * np.log10(np.mean(np.square(np.asarray(sound)[-4000:])))
    sample = next((tmp_path / "quiet" / "samples").glob("*_mf.flac"))
    assert -30 < db(sf.read(sample)[0][:-512]) < -15
    levels_db = {}
    for velocity in (48, 96):
        player = StreamingSynthesizer(model, take)
        player.note_on(72, velocity)
        levels_db[velocity] = db(player.render(12_000))
        written = draw([Note(0, 0.75, 72, velocity)], model, take)
        assert abs(written.loudness_db.max() - levels_db[velocity] + lift_db(model)) < 6  # as the recordings were
    assert -24 < levels_db[96] < -12 and levels_db[96] - levels_db[48] == pytest.approx(12, abs=1)
