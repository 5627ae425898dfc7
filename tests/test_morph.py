"""What lies between two instruments: even steps, the ends as they are; five things, each from either of two."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddsp_nb import (
    AnalysedRecording,
    Config,
    ConfigError,
    Family,
    FeatureExtractor,
    Source,
    blend,
    draw,
    instrument,
    load_audio,
    parse_notes,
    record_take,
)
from tests.benchmarks.morph import evenness, measured, straight

CONFIG = Config(sample_rate=16_000)
NOTE = "A4:0.9"


@pytest.fixture(scope="module")
def family():
    return Family.shipped()


@pytest.fixture(scope="module")
def performance(family):
    return draw(parse_notes(NOTE), family["violin"].model(CONFIG))


def played(member, performance):
    return member.model(CONFIG)(performance, envelope=False).audio


@pytest.mark.parametrize("words", ["violin:1 flute:0", "violin:0.7 flute:0 oboe:0"])
def test_the_end_of_a_morph_is_that_instrument(family, performance, words):
    alone, end = family["violin"], family.member(words)
    assert all(torch.equal(getattr(alone, part), getattr(end, part)) for part in vars(alone))
    curve = family.timbres("violin:1,0 flute:0,1", len(performance), CONFIG)
    assert torch.equal(curve[0], alone.timbre(CONFIG)) and torch.equal(curve[-1], family["flute"].timbre(CONFIG))
    assert torch.equal(
        played(alone, performance), instrument(words, config=CONFIG)[0](performance, envelope=False).audio
    )


def partials_db(sound):
    """[10] levels of a steady note's partials."""
    spectrum = np.abs(
        np.fft.rfft(sound.numpy()[4_000:][: CONFIG.sample_rate // 2] * np.hanning(CONFIG.sample_rate // 2))
    )
    return 20 * np.log10([spectrum[at - 3 : at + 4].max() for at in range(220, 2_201, 220)])


def test_steps_are_evener_than_on_the_straight_line(family, performance):
    """Halfway each partial's fourth root is halfway, too."""
    even_db, line_db = [], []
    for ends in (("nylon guitar", "marimba"), ("clarinet", "oboe")):
        first, second = (partials_db(played(family[end], performance)) for end in ends)
        halfway_db = 80 * np.log10((10 ** (first / 80) + 10 ** (second / 80)) / 2)
        for off_db, member in (
            (even_db, family.member("{}:0.5 {}:0.5".format(*ends))),
            (line_db, straight(family, ends, 0.5)),
        ):
            off_db.append(np.abs(partials_db(played(member, performance)) - halfway_db).mean())
    assert np.mean(even_db) < 0.7 * np.mean(line_db)


def test_the_brightness_of_a_morph_moves_step_by_step(family, performance):
    words = [f"trumpet:{1 - share} flute:{share}" for share in (0.0, 0.3, 0.6, 1.0)]
    sounds = [played(family.member(each), performance) for each in words]
    centroids = [measured(sound, 440.0, CONFIG.sample_rate)[0] for sound in sounds]
    r2, largest, outside = evenness(np.array(centroids))
    assert r2 > 0.85 and largest < 2 and outside < 0.1


def test_a_morph_of_three_goes_over_into_one_of_two(family):
    two = family.timbres("violin:0.4 flute:0.6", 1, CONFIG)
    almost = family.timbres("violin:0.4 flute:0.6 oboe:0.0001", 1, CONFIG)
    assert torch.allclose(two, almost, atol=2e-3)


@pytest.fixture(scope="module")
def sources(family, data):
    def of(name, start_s):
        audio = load_audio(data / f"{name}.flac", CONFIG.sample_rate, start_s=start_s, duration_s=1.5)
        recording = AnalysedRecording.of(name, audio, CONFIG)
        return Source(family[name].model(CONFIG), record_take(recording, CONFIG))

    return of("violin", 0.0), of("flute", 1.0)


def test_a_blend_of_nothing_but_one_is_that_recording_played(sources):
    first, _ = sources
    alone = first.model.controls(first.take.features)
    blended = blend(*sources).controls
    assert all(torch.equal(getattr(alone, part), getattr(blended, part)) for part in vars(alone))


def test_pitch_is_of_one_recording_and_loudness_of_the_other(sources):
    first, second = (source.take.features for source in sources)
    heard = FeatureExtractor(CONFIG)(blend(*sources, pitch=1.0).render(CONFIG).audio)
    loud = first.loudness_db > first.loudness_db.max() - 30
    assert (heard.loudness_db - first.loudness_db)[loud].abs().mean() < 0.5
    octaves, ours, theirs = (each.f0_hz[each.voiced].log2() for each in (heard, first, second))
    apart = lambda others: (octaves[:, None] - others).abs().amin(1).median()
    assert apart(theirs) < 0.01 and apart(ours) > 0.03


def test_noise_is_of_the_instrument_whose_share_it_is(sources):
    """The colour of what hisses, where everything else is the first one's."""

    def colour_db(**shares):
        noise = blend(*sources, **shares).render(CONFIG).noise.numpy()
        power = np.array([band.mean() for band in np.array_split(np.abs(np.fft.rfft(noise)) ** 2, 12)])
        return 10 * np.log10(power / power.sum())

    ours, mixed, theirs = colour_db(), colour_db(noise=1.0), colour_db(noise=1.0, partials=1.0)
    assert np.abs(mixed - theirs).mean() < 0.3 * np.abs(ours - theirs).mean()


def test_what_cannot_be_blended_is_refused_in_one_line(sources, family):
    with pytest.raises(ConfigError, match="pitch is 1"):
        blend(*sources, pitch=1.5)
    other = family["flute"].model(replace(CONFIG, n_bands=20))
    with pytest.raises(ConfigError, match="n_bands 64 and 20"):
        blend(sources[0], Source(other, sources[1].take))
