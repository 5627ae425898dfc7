"""Any sound as partials of their own: a bell's come out where they are, and as loud."""

import numpy as np
import torch

from ddsp_nb import Config
from ddsp_nb.analysis.decompose import snr_db
from ddsp_nb.analysis.tracks import analyse_tracks
from ddsp_nb.synthesis.oscillator import render_partials

CONFIG = Config(sample_rate=16_000, hop_length=256)
BELL_HZ = np.array([261.6, 523.3, 619.0, 788.1, 1046.5, 1393.0, 2180.2, 3556.4])
DECAY_S = 0.8


def bell(semitones: float = 0.0) -> torch.Tensor:
    """2 s of a bell of eight partials, at which all are 0.05 loud, struck after 0.2 s."""
    t = np.arange(2 * CONFIG.sample_rate) / CONFIG.sample_rate - 0.2
    hz = BELL_HZ[:, None] * 2 ** (semitones / 12)
    partials = np.sin(2 * np.pi * hz * t + np.arange(8)[:, None]) * np.exp(-t.clip(0) / DECAY_S)
    return torch.from_numpy((0.05 * partials.sum(0) * (t >= 0)).astype(np.float32))


def test_partials_of_a_bell_are_found_where_they_are_and_as_loud():
    found = analyse_tracks(bell(), CONFIG)
    frame = round(0.7 * CONFIG.sample_rate / CONFIG.hop_length)
    amplitude = found.coefficients[frame].unflatten(0, (2, -1)).norm(dim=0).numpy()
    loud = amplitude > 0.003
    np.testing.assert_allclose(found.hz[frame].numpy()[loud], BELL_HZ, atol=0.2)
    expected = 0.05 * np.exp(-(frame * CONFIG.hop_length / CONFIG.sample_rate - 0.2) / DECAY_S)
    assert np.abs(20 * np.log10(amplitude[loud] / expected)).max() < 0.5


def test_sound_is_that_of_its_rows():
    sound = bell()
    found = analyse_tracks(sound, CONFIG)
    rendered = render_partials(found.hz, found.coefficients, CONFIG)[: len(sound)]
    assert torch.equal(rendered, found.harmonic) and found.snr_db > 20
    rounded = render_partials(found.hz, found.coefficients.half().float(), CONFIG)[: len(sound)]
    assert snr_db(found.harmonic, rounded) > 60
    amplitude = found.coefficients.unflatten(1, (2, -1)).norm(dim=1)
    assert (((found.hz * amplitude).sum(0) / amplitude.sum(0)).diff() > 0).all()


def test_nothing_sounds_before_it_is_struck_and_then_it_is_as_loud_at_once():
    """Also of a second bell, in the sound of the first one: within a hop, which is where levels move."""
    sound, second_s = bell(), 1.0
    struck = round(second_s * CONFIG.sample_rate)
    sound[struck:] += bell(semitones=5)[3200 : 3200 + len(sound) - struck]
    found = analyse_tracks(sound, CONFIG)
    assert not found.coefficients[: 3200 // CONFIG.hop_length + 1].any()
    amplitude, expected_hz = found.coefficients.unflatten(1, (2, -1)).norm(dim=1), BELL_HZ[-3:] * 2 ** (5 / 12)
    rows = (found.hz[80] - torch.from_numpy(expected_hz)[:, None]).abs().argmin(1)
    assert not amplitude[: struck // CONFIG.hop_length + 1, rows].any() and (amplitude[80, rows] > 0.01).all()
    for start in (3200, struck):
        first_10_ms = slice(start, start + CONFIG.sample_rate // 100)
        off_db = 20 * (found.harmonic[first_10_ms].norm() / sound[first_10_ms].norm()).log10()
        assert abs(off_db) < 3


def test_transposed_tracks_are_the_bell_a_fifth_higher():
    found, window = analyse_tracks(bell(), CONFIG), torch.hann_window(8000, dtype=torch.float64)
    transposed = render_partials(found.hz * 1.5, found.coefficients, CONFIG)[6400:14400]
    times_s = torch.arange(8000, dtype=torch.float64) / CONFIG.sample_rate
    waves = torch.exp(-2j * torch.pi * 1.5 * torch.from_numpy(BELL_HZ)[:, None] * times_s)
    of = lambda sound: ((waves * window) @ sound.to(waves)).abs()
    expected = of(bell(12 * np.log2(1.5))[6400:14400])
    assert (20 * (of(transposed) / expected).log10()).abs().max() < 0.1


def test_two_glides_that_cross_go_through_each_other():
    t = np.arange(2 * CONFIG.sample_rate) / CONFIG.sample_rate
    up, down = 400 + 200 * t, 900 - 200 * t  # cross after 1.25 s
    glides = [level * np.sin(2 * np.pi * np.cumsum(hz) / CONFIG.sample_rate) for level, hz in ((0.2, up), (0.1, down))]
    found = analyse_tracks(torch.from_numpy(sum(glides).astype(np.float32)), CONFIG)
    first, last = (found.hz[round(second * CONFIG.sample_rate / CONFIG.hop_length)] for second in (0.5, 1.8))
    moved = sorted(zip(first.tolist(), last.tolist(), strict=True))
    np.testing.assert_allclose(moved, [(500, 760), (800, 540)], atol=3)


def test_noise_has_hardly_any_partials():
    noise = 0.1 * torch.randn(2 * CONFIG.sample_rate, generator=torch.Generator().manual_seed(0))
    assert analyse_tracks(noise, CONFIG).snr_db < 0.3


def test_most_rows_are_not_exceeded_and_a_click_has_one_silent_row():
    assert analyse_tracks(bell(), CONFIG, n_most=3).hz.shape[1] == 3
    click = torch.zeros(CONFIG.sample_rate)
    click[5000] = 0.5
    assert torch.isfinite(analyse_tracks(click, CONFIG).hz).all()
