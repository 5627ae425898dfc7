"""Tempo and note values: what musicians write is the length that they mean."""

import pytest

from ddsp_nb import GrowthError, Tempo
from ddsp_nb.piece.tempo import parse_length, parse_lengths


@pytest.mark.parametrize(
    ("note", "beats"),
    [
        ("1/4", 1),
        ("1/1", 4),
        ("3/16", 0.75),
        ("1/4.", 1.5),
        ("1/8t", 1 / 3),
        ("1/64", 1 / 16),
        ("2/1", 8),
        (" 5/8 ", 2.5),
    ],
)
def test_a_note_value_is_so_many_beats(note, beats):
    for bpm in (60, 96, 133.3):
        assert Tempo(bpm).seconds(note) == pytest.approx(beats * 60 / bpm, rel=1e-12)


def test_note_values_are_found_again():
    tempo = Tempo(93)
    for note in ("1/4", "1/8.", "1/16t", "2/1", "5/16", "1/32"):
        assert tempo.note_value(tempo.seconds(note)) == note
    assert tempo.note_value(tempo.seconds("3/16")) == "1/8."  # the simpler name
    assert tempo.note_value(0.1234) is None and tempo.note_value(0) is None


def test_lengths_are_seconds_or_note_values():
    tempo = Tempo(120)
    assert parse_length("0.5", tempo) == 0.5 and parse_length("1/8", tempo) == 0.25 and parse_length("2", tempo) == 2
    assert parse_lengths("1/4, 0.1,1/8t", tempo) == pytest.approx((0.5, 0.1, 1 / 6))


@pytest.mark.parametrize("text", ["", "2", "1/3", "0/4", "1/4..", "1/0", "-1/4", "1/4x", "quarter"])
def test_what_is_no_note_value_is_refused(text):
    with pytest.raises(GrowthError, match="is no note value"):
        Tempo().seconds(text)


@pytest.mark.parametrize("text", ["", "1/3", "1/4,", "nan", "0.5 s", "1/4,1/8"])
def test_what_is_not_one_length_is_refused(text):
    with pytest.raises(GrowthError):
        parse_length(text, Tempo())


@pytest.mark.parametrize("values", [(19,), (401,), ("120",), (120, 0), (120, 17), (120, 3.5), (float("nan"),)])
def test_tempos_that_nobody_plays_are_refused(values):
    with pytest.raises(GrowthError, match="from"):
        Tempo(*values)
