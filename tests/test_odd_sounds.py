"""Sounds and names as people bring them: each is analysed, learned and played, or refused in a line."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import AudioError, Config, DDSPModel, FeatureExtractor, WorkbookWarning, load_audio, train
from ddsp_nb.panels import RecordingChooser
from ddsp_nb.store.workspace import Workspace

RATE = 16_000
TINY = Config(sample_rate=RATE, hidden_size=32, n_harmonics=8, n_bands=8, n_mfcc=4)
T = np.arange(RATE) / RATE
HISS = np.random.default_rng(0).standard_normal(RATE)


@pytest.fixture(scope="module")
def violin(data):
    """One second of it, [RATE] float64."""
    return load_audio(data / "violin.flac", RATE, duration_s=1).double().numpy()


ODD = {
    "noise": lambda violin: 0.1 * HISS,
    "drum": lambda violin: np.exp(-20 * T) * HISS * 0.3,
    "click": lambda violin: (np.arange(RATE) == RATE // 2) * 1.0,
    "chord": lambda violin: sum(0.2 * np.sin(2 * np.pi * f * T) for f in (220, 277.18, 329.63)),
    "tenth of a second": lambda violin: 0.5 * np.sin(2 * np.pi * 440 * T[: RATE // 10]),
    "clipped": lambda violin: np.clip(20 * violin, -1, 1),
    "late": lambda violin: np.concatenate([np.zeros(2 * RATE), violin]),
    "square": lambda violin: 0.5 * np.sign(np.sin(2 * np.pi * 100.1 * T)),
    "Nyquist": lambda violin: 0.5 * (-1.0) ** np.arange(RATE),
    "infrasound": lambda violin: 0.5 * np.sin(2 * np.pi * 8 * T),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("ignore::ddsp_nb.WorkbookWarning")
def test_odd_sounds_are_analysed_learned_and_rendered_in_finite_numbers(violin, study, name):
    audio = torch.from_numpy(ODD[name](violin)).float()
    features, corpus, take = study(audio, TINY)
    for values in (features.f0_hz, features.loudness_db, features.mfcc, features.phase):
        assert values.isfinite().all()
    torch.manual_seed(0)
    model = DDSPModel(TINY)
    assert all(np.isfinite(progress.loss) for progress in train(model, corpus, epochs=2))
    for rendered in (take.render(TINY), model(features)):
        assert rendered.audio.isfinite().all() and len(rendered.audio) == len(audio)


def test_sound_without_pitch_is_announced(violin):
    with pytest.warns(WorkbookWarning, match=r"No pitch found in (9\d|100) % of the frames: the harmonic part"):
        FeatureExtractor(TINY)(torch.from_numpy(ODD["drum"](violin)).float())


def test_silence_before_a_note_is_no_missing_pitch(violin):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FeatureExtractor(TINY)(torch.from_numpy(np.concatenate([np.zeros(8 * RATE), violin])).float())


@pytest.mark.parametrize("value", [float("nan"), 1e30])
def test_samples_that_are_no_sound_are_refused_by_the_analysis(violin, value):
    audio = torch.from_numpy(violin).float()
    audio[100] = value
    with pytest.raises(AudioError, match="Scale it"):
        FeatureExtractor(TINY)(audio)


@pytest.fixture
def chooser(tmp_path, data):
    return RecordingChooser(Workspace(tmp_path / "my", data), TINY)


def wav(sound, **how):
    """The bytes of a WAV file."""
    sf.write(file := io.BytesIO(), sound, RATE, format="WAV", **how)
    return file.getvalue()


def test_the_chooser_says_the_same_in_the_users_words(chooser):
    chooser.bring("my <own> clip.wav", wav(HISS / 10 + 0.3, subtype="FLOAT"))
    words = chooser.words.value
    assert "work on “my own clip”" in words and "1.0 s, and no pitch" in words
    assert chooser.recording.name == "my own clip"
    assert "Note: my <own> clip.wav: DC offset of 0.3 removed." in chooser.said.value
    assert "Note: No pitch found" in chooser.said.value


@pytest.mark.parametrize("name", ["x" * 300 + ".wav", "a\0b.wav", "../../clip.wav", "", "violin.wav", ".wav", "a/b\\c"])
def test_names_that_are_brought_do_no_harm(chooser, violin, name):
    chooser.bring(name, bytes(range(256)) * 9)
    assert "did not work" in chooser.said.value and chooser.recording.name == "violin"
    assert "/tmp" not in chooser.said.value
    chooser.bring(name, wav(violin))
    recording = chooser.recording
    assert not recording.shipped and recording.path.parent == chooser.workspace.folder / "recordings"
    assert recording.name != "violin" and len(recording.name) <= 70


def test_a_notebook_says_notes_in_a_line_and_a_script_as_python_does():
    code = "import warnings; from ddsp_nb import errors, plots; {}; errors.warn_user('It hums.'); warnings.warn('else')"
    said = [
        subprocess.run([sys.executable, "-c", code.format(act)], capture_output=True, text=True, check=True).stderr
        for act in ("plots.look()", "pass")
    ]
    assert said[0].splitlines()[0] == "Note: It hums." and "WorkbookWarning: It hums." in said[1]
    assert all("UserWarning: else" in words for words in said)
