"""Notes, MIDI and the shape of a note: one scale of levels and one articulation, whoever plays."""

import warnings
from dataclasses import replace

import mido
import pytest
import torch

from ddsp_nb import (
    Composition,
    GrowthPlan,
    Layer,
    NotesError,
    Performance,
    Source,
    StreamingSynthesizer,
    Tempo,
    WorkbookWarning,
    compose,
    draw,
    export,
    parse_notes,
)
from ddsp_nb.notes.level import midi_db, midi_value
from ddsp_nb.notes.midi import read_midi, write_midi
from ddsp_nb.notes.midi_channels import MidiReceiver
from ddsp_nb.notes.note import Note, events_of
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.stream import blocks_of
from tests.midi_files import midi_file, notes, riff, track

TEMPO = Tempo(93, 3)
LEVELS_DB = (-24.0, -9.0, 0.0)


@pytest.fixture(scope="module")
def piece(trained, take, clip):
    """A crescendo of triplets and, overlapping it and on one of its keys, a softer layer."""
    crescendo = GrowthPlan(
        stages=(1, 2, 4),
        stage_duration_s=TEMPO.seconds("1/2"),
        silence_duration_s=TEMPO.seconds("1/8t"),
        loudness_db=LEVELS_DB,
        pitch=("A4", "C5", "E5"),
    )
    long = replace(crescendo, stages=(4,), stage_duration_s=TEMPO.seconds("1/1"), loudness_db=-4.0, pitch="C5")
    layers = (Layer(crescendo), Layer(long, delay_s=TEMPO.seconds("1/4"), gain_db=-6))
    return compose(Composition(layers, TEMPO), [Source(trained, take, clip)])


@pytest.fixture
def played(piece, tmp_path):
    export(piece, tmp_path / "piece.wav", midi=True)
    return Performance.of_midi(tmp_path / "piece.mid")


def rms_db(sound):
    return 10 * sound.double().square().mean().log10().item()


def test_a_piece_comes_back_from_midi_with_its_levels_and_its_beats(played):
    keys = [event for event in played.events if event[1] == "on"]
    assert [number for _, _, number, *_ in keys] == [69, 72, 72, 76]
    levels_db = [midi_db(velocity) for *_, velocity, _ in keys]
    assert [part for *_, part in keys] == [0, 1, 0, 0]  # a channel for each layer
    assert levels_db == pytest.approx([LEVELS_DB[0], -10, LEVELS_DB[1], LEVELS_DB[2]], abs=0.5)
    step_s = TEMPO.seconds("1/2") + TEMPO.seconds("1/8t")
    assert [seconds for seconds, *_ in keys] == pytest.approx([0, TEMPO.seconds("1/4"), step_s, 2 * step_s], abs=1e-3)
    ups = {tuple(key): seconds for seconds, kind, *key in played.events if kind == "off"}
    # Both layers hold C5, which goes up in each at its own time.
    assert ups[72, 0] == pytest.approx(step_s + TEMPO.seconds("1/2"), abs=1e-3)
    assert ups[72, 1] == pytest.approx(TEMPO.seconds("1/4") + TEMPO.seconds("1/1"), abs=1e-3)
    assert played.seconds == pytest.approx(2 * step_s + TEMPO.seconds("1/2"), abs=1e-3)


def test_a_piece_from_midi_sounds_as_loud_as_it_was_written(piece, played, trained, take, tmp_path):
    """What `play --midi` is told of each stage, and what `live --midi` sounds like, from onset to onset."""
    write_midi(tmp_path / "solo.mid", {"one": [event for event in played.events if event[-1] == 0]})
    solo = Performance.of_midi(tmp_path / "solo.mid")
    asked, sound = solo.features(trained, take), solo.render(trained, take)
    onsets_s = [event[0] for event in solo.events if event[1] == "on"]
    middle_s = [onset_s + 0.6 * TEMPO.seconds("1/2") for onset_s in onsets_s]
    frames = [round(s * asked.sample_rate / asked.hop_length) for s in middle_s]
    shape_db = Articulation.of(take).level_db(0.6 * TEMPO.seconds("1/2"))
    usual_db = StreamingSynthesizer(trained, take).usual_db + shape_db
    for i, frame in enumerate(frames):
        assert asked.loudness_db[frame].item() - usual_db == pytest.approx(LEVELS_DB[i], abs=0.5)
        at = frame * asked.hop_length
        heard_db = rms_db(sound[at - 1024 : at + 1024]) - usual_db
        assert heard_db == pytest.approx(LEVELS_DB[i], abs=1), i


def test_levels_and_velocities_are_each_others_reverse():
    assert all(midi_value(midi_db(velocity)) == velocity for velocity in range(1, 128))
    assert midi_db(96) == 0 and midi_value(-200) == 1 and midi_value(200) == 127
    for level_db in range(-29, 5):
        assert midi_db(midi_value(level_db)) == pytest.approx(level_db, abs=0.5)


def test_what_is_played_is_written_and_read_again(tmp_path):
    events = [(0.0, "on", 69, 96), (0.25, "bend", 0.5), (0.25, "level", -6.0), (0.5, "off", 69), (0.5, "on", 72.2, 80)]
    path = write_midi(tmp_path / "played.mid", {"one": [*events, (1.0, "off", 72.2), (1.0, "quiet")]})
    assert mido.MidiFile(path).length == pytest.approx(1)
    read = read_midi(path)
    assert [event[1] for event in read] == ["on", "bend", "level", "off", "bend", "on", "off", "quiet"]
    assert [event[0] for event in read] == pytest.approx([0, 0.25, 0.25, 0.5, 0.5, 0.5, 1, 1])
    assert read[2][2] == pytest.approx(-6, abs=0.1) and read[0][2:] == (69, 96, 0) and read[5][2:] == (72, 80, 0)
    assert [read[1][2], read[4][2]] == pytest.approx([0.5, 0.7], abs=1e-3)  # what lies between keys is a bend


def test_notes_that_sound_together_keep_their_own_bends(tmp_path):
    """Quarter tones in a chord, and a part that is bent by a fifth: each note is read where it was."""
    chord = [(0.0, "on", number, 90, part) for number, part in ((60.5, 0), (64, 0), (66.8, 0), (70, 3))]
    chord += [(0.5, "bend", 7.0, 3), (1.0, "quiet")]
    events = read_midi(write_midi(tmp_path / "chord.mid", {"one": chord}))
    bends, heard = {}, {}
    for _, kind, *values, part in events:
        if kind == "bend":
            bends[part] = values[0]
        if kind == "on":
            heard[part] = values[0]
    assert sorted(number + bends.get(part, 0) for part, number in heard.items()) == pytest.approx(
        [60.5, 64, 66.8, 77], abs=0.002
    )


def say(kind, channel=0, **values):
    return mido.Message(kind, channel=channel, **values)


def controls(channel, *pairs):
    return [say("control_change", channel, control=number, value=value) for number, value in pairs]


def heard(*messages):
    """Events of messages, the newest receiver's."""
    receive = MidiReceiver()
    return [event for message in messages for event in receive(message)]


def test_wheel_volume_pedals_and_all_notes_off_do_what_general_midi_says():
    on, off = say("note_on", 2, note=60), say("note_off", 2, note=60)
    assert heard(say("pitchwheel", 2, pitch=4096)) == [("bend", 1, 2)]
    assert heard(*controls(2, (7, 50))) == [("level", pytest.approx(-12.04, abs=0.01), 2)]
    assert heard(*controls(2, (11, 0))) == [("level", -60, 2)]
    assert heard(say("program_change", 2, program=3)) == [("program", 3, 2)]
    for pedal in (64, 66):  # the second one holds what is down when it goes down
        (down,), (up,) = controls(2, (pedal, 127)), controls(2, (pedal, 0))
        assert heard(on, down, off) == [("on", 60, 64, 2)]
        assert heard(on, down, off, up) == [("on", 60, 64, 2), ("off", 60, 2)]
        assert ("off", 60, 2) in heard(on, down, off, *controls(2, (121, 0)))
    assert heard(*controls(2, (66, 127)), on, off)[-1] == ("off", 60, 2)
    assert heard(*controls(2, (123, 0))) == heard(*controls(2, (120, 0))) == [("quiet", 2)]
    assert heard(say("pitchwheel", pitch=4096), *controls(0, (11, 9), (121, 0)))[-2:] == [
        ("level", 0, 0),
        ("bend", 0, 0),
    ]


def test_what_a_channel_is_told_is_its_own():
    on, off = say("note_on", note=60), say("note_off", note=60)
    others = [*controls(1, (64, 127), (7, 0)), say("pitchwheel", 1, pitch=5000), say("note_off", 1, note=60)]
    assert [event for event in heard(on, *others, off) if event[-1] == 0] == [("on", 60, 64, 0), ("off", 60, 0)]
    assert heard(on, *controls(1, (123, 0)))[-1] == ("quiet", 1)
    assert heard(say("note_on", 9, note=60)) == []


def test_a_key_that_is_struck_again_before_it_goes_up_sounds_again_and_once():
    on, off = say("note_on", note=60), say("note_on", note=60, velocity=0)
    ends = [("off", 60, 0), ("on", 60, 64, 0)]
    assert heard(on, on, off) == [("on", 60, 64, 0), *ends]
    assert heard(on, on, off, off) == [("on", 60, 64, 0), *ends, ("off", 60, 0)]
    assert heard(on, *controls(0, (64, 127)), off, on) == [("on", 60, 64, 0), *ends]


@pytest.mark.parametrize(
    ("asked", "semitones"),
    [
        ([(101, 0), (100, 0), (6, 12), (38, 0)], 12),
        ([(100, 0), (101, 0), (6, 0), (38, 50)], 0.5),
        ([(101, 0), (100, 0), (6, 5), (96, 0), (96, 127)], 5.02),
        ([(101, 0), (100, 0), (97, 0)], 1.99),
        ([(101, 0), (100, 0), (101, 127), (100, 127), (6, 12)], 2),  # no parameter is chosen any more
        ([(101, 0), (100, 0), (99, 0), (98, 0), (6, 12)], 2),  # a maker's own is
        ([(101, 0), (100, 1), (6, 12)], 2),
        ([(101, 0), (100, 0), (121, 0), (6, 12)], 2),
    ],
)
def test_how_far_a_wheel_bends_can_be_said(asked, semitones):
    wheel = say("pitchwheel", 3, pitch=-8192)
    assert heard(*controls(3, *asked), wheel)[-1] == ("bend", pytest.approx(-semitones), 3)
    assert heard(*controls(4, *asked), wheel)[-1] == ("bend", -2, 3)


def test_a_wheel_that_is_turned_already_bends_by_the_new_range():
    turned = heard(say("pitchwheel", 3, pitch=-8192), *controls(3, (101, 0), (100, 0), (6, 12)))
    assert turned == [("bend", -2, 3), ("bend", -12, 3)]


def zone(channel, n_members):
    return controls(channel, (101, 0), (100, 6), (6, n_members))


def test_notes_of_an_mpe_zone_have_bends_of_their_own_and_share_the_masters():
    up, full = {"pitch": 4096}, {"pitch": 8191}
    lower = zone(0, 15)
    assert heard(*lower, say("pitchwheel", 9, **up)) == [("bend", 24, 9)]  # channel 10 is no drum then
    assert heard(*lower, say("note_on", 9, note=60)) == [("on", 60, 64, 9)]
    both = heard(*zone(0, 2), say("pitchwheel", 1, **up), say("pitchwheel", 0, **up), say("pitchwheel", 3, **up))
    assert both == [("bend", 24, 1), ("bend", 1, 0), ("bend", 25, 1), ("bend", 1, 2), ("bend", 1, 3)]
    upper = heard(*zone(15, 3), say("pitchwheel", 15, **up), say("pitchwheel", 11, **up), *controls(15, (64, 127)))
    assert upper == [("bend", 1, part) for part in (15, 12, 13, 14, 11)]
    held = [say("note_on", 13, note=60), *controls(15, (64, 127)), say("note_off", 13, note=60)]
    assert heard(*zone(15, 3), *held) == [("on", 60, 64, 13)]  # the master's pedal is its zone's
    assert heard(*zone(15, 3), *held, *controls(15, (64, 0)))[-1] == ("off", 60, 13)
    told = controls(2, (101, 0), (100, 0), (6, 24))  # any member's range is that of all
    assert heard(*lower, *told, say("pitchwheel", 5, **up)) == [("bend", 12, 5)]
    assert heard(*lower, *zone(0, 0), say("pitchwheel", 5, **up)) == [("bend", 1, 5)]
    taken = heard(*zone(15, 14), *zone(0, 7), say("pitchwheel", 15, **up), say("pitchwheel", 3, **full))
    assert [event[-1] for event in taken] == [15, *range(8, 15), 3] and taken[-1][1] == pytest.approx(48, abs=0.01)


@pytest.mark.parametrize(
    ("text", "words"),
    [("H4:1", "is no note"), ("A4", "with its seconds"), ("A4:0", "with its seconds"), ("", "No note is in it"),
     ("5:1", "out of reach"), ("A4:9999", "with its seconds"), ("-:1", "No note is in it"),
     (3 * "A4:500 ", "longer than 20 minutes")],
)  # fmt: skip
def test_what_is_no_melody_is_refused_in_one_line(text, words):
    with pytest.raises(NotesError, match=words) as error:
        parse_notes(text)
    assert "\n" not in str(error.value)


def test_notes_have_seconds_or_note_values_at_a_tempo():
    notes = parse_notes("A4:1/4, C5 : 1/8. -:1/4t 440 Hz:1; F##4:0.25", 96)
    assert [note.number for note in notes] == pytest.approx([69, 72, 69, 67])
    edges_s = [0, 0.625, 0.625 + 0.46875, 0.625 + 0.46875 + 0.625 * 2 / 3]
    assert [note.start_s for note in notes] == pytest.approx([edges_s[0], edges_s[1], edges_s[3], edges_s[3] + 1])
    assert parse_notes("A4:1/2")[0].stop_s == 1  # 120 beats a minute
    with pytest.raises(NotesError, match="Are these MIDI notes or Hz"):
        parse_notes("69:1 -:1")
    with pytest.raises(NotesError, match="20 to 400"):
        parse_notes("A4:1", 10)


def test_files_that_hold_no_notes_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.mid").write_text("no music")
    mido.MidiFile().save(tmp_path / "empty.mid")
    for name, words in (
        ("text", "cannot be read as MIDI"),
        ("empty", "no note is in it"),
        ("none", "cannot be read \\(No such"),
    ):
        with pytest.raises(NotesError, match=f"{name}.mid: {words}") as error:
            read_midi(tmp_path / f"{name}.mid")
        assert "\n" not in str(error.value)


def onsets(path):
    return [(round(event[0], 3), event[2]) for event in read_midi(path) if event[1] == "on"]


MELODY = notes(69, 72)
# In which the second message has no status of its own, with a message of another kind in between.
RUNNING = track((0, 0x90, 69, 96), (480, b"\xff\x01\x01x"), (0, bytes([69, 0, 0, 72, 96])), (480, 0x80, 72, 0))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (midi_file(track(*MELODY), form=0), None),
        (midi_file(RUNNING, form=0), None),
        (midi_file(track(*notes(69, 72, ticks=500)), division=0xE728), None),  # 25 frames of 40 ticks: half a second
        (midi_file(track(*notes(69, 72, ticks=1199)), division=0xE350), "no"),  # 29.97 of 80
        (riff(midi_file(track(*MELODY))), "RIFF"),
        (b"\0" * 128 + midi_file(track(*MELODY)), "before its head"),
        (midi_file(track(*MELODY), n_tracks=5), "announces 5 tracks and it has 1"),
        (
            midi_file(track(*MELODY[:2]), track((480, 0x90, 72, 96), (480, 0x80, 72, 0)), n_tracks=1),
            "announces 1 tracks and it has 2",
        ),
        *((midi_file(track(*MELODY, length=length)), "wrong length") for length in (0, 5, 2000, 2**32 - 1)),
        (midi_file(track(*MELODY[:2], length=99), track((480, 0x90, 72, 96), (9, 0x80, 72, 0))), "wrong length"),
        (midi_file(track(*MELODY, end=b"")), "breaks off"),
        (midi_file(track(*MELODY))[:-6], "breaks off"),
        (midi_file(track((0, b"\x45"), *MELODY)), "values without a message"),
        (midi_file(track((0, 0xB0, 7, 255), *MELODY)), "values above 127"),
        (midi_file(track(*notes(69)), track(*notes(72)), form=2), "2 patterns"),
        (midi_file(track(*MELODY), division=0), "no length: 480"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_damaged_and_rare_midi_files_are_read_with_a_word(tmp_path, content, words):
    (tmp_path / "some.mid").write_bytes(content)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert onsets(tmp_path / "some.mid") == [(0, 69), (0.5, 72)]
    texts = [str(warning.message) for warning in told]
    assert len(texts) == (words not in (None, "no")) and all(words in text and "\n" not in text for text in texts)


def test_a_note_that_never_goes_up_ends_with_the_file_or_where_it_is_struck_again(tmp_path):
    stuck = track((0, 0x90, 69, 96), (480, 0x90, 72, 96), (480, 0x90, 69, 96), (240, 0x80, 69, 0), (240, 0xB0, 1, 0))
    (tmp_path / "stuck.mid").write_bytes(midi_file(stuck))
    assert [event[:3] for event in read_midi(tmp_path / "stuck.mid")] == [
        (0, "on", 69), (0.5, "on", 72), (1, "off", 69), (1, "on", 69), (1.25, "off", 69), (1.5, "quiet")
    ]  # fmt: skip


def test_a_note_of_a_file_that_was_cut_lasts_to_its_end(tmp_path):
    (tmp_path / "cut.mid").write_bytes(midi_file(track(*MELODY))[:-6])
    with pytest.warns(WorkbookWarning, match="a track breaks off"):
        assert read_midi(tmp_path / "cut.mid")[-2:] == [(0.5, "on", 72, 96, 0), (1.0, "quiet")]


def test_a_melody_is_one_line_and_a_chord_as_many_as_it_has_notes():
    melody = events_of([Note(i, i + 1, 60 + i) for i in range(4)])
    assert Performance(tuple(melody), 4.0).lines() == [Performance(tuple(melody), 4.0)]
    chord = [(0, "level", -6.0), *events_of([Note(0, 2, 60), Note(1, 3, 64), Note(2, 4, 67)]), (3, "quiet")]
    first, second = Performance(tuple(chord), 4.0).lines()
    struck = [[event[:3] for event in line.events if event[1] == "on"] for line in (first, second)]
    assert struck == [[(0, "on", 60), (2, "on", 67)], [(1, "on", 64)]] and second.events[0] == (0, "level", -6.0)
    assert (first.seconds, second.seconds) == (4.0, 3)  # silence after its last note is not rendered
    many = events_of([Note(0.1 * i, 2, 40 + i) for i in range(10)])
    with pytest.warns(WorkbookWarning, match="More than 8 notes sound at a time: 2 of 10 end early"):
        assert len(Performance(tuple(many), 2.0).lines()) == 8


def frames_of_stream(synthesizer, events):
    """Hz and dB of each voice, hop by hop; that of hop k is the frame at its end, k + 1."""
    frames, step = [], synthesizer.step

    def heard():
        levels_db = step()
        frames[-1] = [
            (synthesizer.hz(v.note), db) for v, db in zip(synthesizer.voices, levels_db, strict=True) if not v.ended
        ]
        return levels_db

    synthesizer.step = heard
    hop = synthesizer._hop
    synthesizer._hop = lambda: (frames.append([]), hop())[1]
    list(blocks_of(synthesizer, events, 777))
    return frames


@pytest.mark.parametrize("measured", [True, False])
def test_written_played_and_streamed_notes_are_one(trained, take, measured):
    """A rest, a note within another's release and a pitch between two keys: the same levels, frame by frame."""
    take = take if measured else None
    notes = [*parse_notes("A4:0.33 450:0.2 -:0.3 E5:0.4"), Note(1.4, 1.41, 60, 40), Note(1.41, 2, 62, 110)]
    performance = Performance(tuple(events_of(notes)), 2.0)
    drawn, features = draw(notes, trained, take), performance.features(trained, take)
    assert torch.equal(drawn.loudness_db, features.loudness_db) and torch.equal(drawn.f0_hz, features.f0_hz)
    assert features.loudness_db[0] == -100 and not features.voiced[0]  # frame 0 is before the first key
    streamed = frames_of_stream(StreamingSynthesizer(trained, take), performance.events)
    loudest = torch.tensor([max((db for _, db in frame), default=-100.0) for frame in streamed])
    n = len(features) - 1
    assert n > 60 and not any(streamed[n:])
    torch.testing.assert_close(features.loudness_db[1:], loudest[:n])
    newest_hz = torch.tensor([frame[-1][0] if frame else 0 for frame in streamed[:n]])
    # At the frame where a key goes down the pitch is its own already; a stream's voice, silent there, has it, too.
    sounding = (newest_hz > 0) & (features.f0_hz[1:] == features.f0_hz[:-1])
    torch.testing.assert_close(features.f0_hz[1:][sounding], newest_hz[sounding])


def test_a_performance_is_played_with_its_takes_articulation(trained, take):
    slow = replace(Articulation.of(take), attack_s=0.3)
    # Half the power after half the attack; a fast note of a slow bow is no whisper.
    assert slow.level_db(0.15) == pytest.approx(-3.01, abs=0.01) and slow.level_db(0.0) == -40
    assert slow.level_db(1.3) == -slow.decay_db_per_s
    assert slow.level_db(100) == slow.level_db(4) > -40  # a key that is held is heard
    rise = draw(parse_notes("A4:1"), trained, take).loudness_db.diff().clamp(min=0)[1:]
    steps = rise[rise > 0]
    hop_s = trained.config.hop_length / trained.config.sample_rate
    assert hop_s * (len(steps) + 1) == pytest.approx(Articulation.of(take).attack_s, abs=hop_s)


def test_attack_decay_and_release_are_the_recordings_own(take):
    features = take.features
    times_s = features.times_s
    rise = lambda seconds: (40 * (seconds - 1)).clamp(-40, 0)
    level_db = -20 + torch.minimum(rise((times_s - 0.3) / 0.2), rise((1.7 - times_s) / 0.4))
    level_db -= 5 * (times_s - 0.5).clamp(min=0)
    level_db[(times_s < 0.3) | (times_s > 1.7)] = -100
    of = lambda level_db: Articulation.of(replace(take, features=replace(features, loudness_db=level_db)))
    measured = of(level_db)
    assert measured.attack_s == pytest.approx(0.2, abs=0.03) and measured.release_s == pytest.approx(0.4, abs=0.08)
    assert measured.decay_db_per_s == pytest.approx(5, abs=1.5)
    assert of(torch.full_like(level_db, -20)) == Articulation() == Articulation.of(None)
