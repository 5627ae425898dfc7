"""Files that a stranger, a bad disk or a cut download has damaged: each is read, or refused in one line.

`make fuzz N=100000` tries as many damaged sound files, and twice as many MIDI files. A decoder that crashes, hangs or
takes all memory ends the run; the file is then in pytest's temporary folder.
"""

import contextlib
import io
import json
import os
import random
import re
import signal
import warnings
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ddsp_nb import (
    AudioError,
    CheckpointError,
    Composition,
    Config,
    ConfigError,
    DDSPModel,
    Family,
    GrowthError,
    GrowthPlan,
    Layer,
    NotesError,
    Source,
    Tempo,
    compose,
    load_audio,
    load_family,
    load_model,
    parse_notes,
    save_family,
    save_model,
)
from ddsp_nb.cli.main import main as cli
from ddsp_nb.growth.tuning import WORDS
from ddsp_nb.notes.midi import read_midi, write_midi
from ddsp_nb.notes.midi_bytes import read_messages
from ddsp_nb.notes.note import MOST_SECONDS, Note, events_of, lines_of, parted
from ddsp_nb.notes.pitch import midi_hz, midi_name, parse_melody, pitch_hz
from ddsp_nb.notes.scala import read_scale, read_tuning
from ddsp_nb.notes.score import read_score
from ddsp_nb.piece.sidecar import read_sidecar, sidecar_of
from ddsp_nb.playing.voices import Voices
from ddsp_nb.store import tensor_file
from ddsp_nb.store.checkpoint import KIND
from ddsp_nb.store.family_file import KIND as KIND_OF_FAMILY
from ddsp_nb.studio.partial_files import read_partials
from tests.exchanged_files import KEYBOARD_MAP, SCALE, SCORE, files_of_partials, packed
from tests.midi_files import random_file
from tests.phone import RECORDINGS, encoded

resource = pytest.importorskip("resource", reason="limits of POSIX")

SHARED = Path()  # of the test that runs
N_DAMAGED = int(os.environ.get("N_DAMAGED", 200))
RATE, N_SAMPLES = 8_000, 1_200
MEMORY_BYTES, HANGS_S = 1 << 30, 20
EDGES = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]
# What a plain value of a file may have become.
ODD_VALUES = [None, True, -1, 10**9, 1e300, float("nan"), "x" * 100, [[]], {}]
NOTE = 0.4 * np.sin(2 * np.pi * 440 * np.arange(N_SAMPLES) / RATE)[:, None]


@contextlib.contextmanager
def limited():
    """Neither 1 GB more than the process has nor 20 s."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, before[1]))
    signal.alarm(HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, before)


def outcome(read, path, refusal):
    """Whether a file is "read" or "refused"; any exception but a refusal of one line is a fault."""
    with warnings.catch_warnings(), limited():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except refusal as error:
            assert "\n" not in str(error) and len(str(error)) > 20
            return "refused"
    return "read"


def sound_files():
    """A short note in every format and subtype that libsndfile writes."""
    for file_format in sorted(set(sf.available_formats()) - {"RAW", "SD2", "XI"}):
        # There is no seeking in DWVW.
        for subtype in sorted(s for s in sf.available_subtypes(file_format) if not s.startswith("DWVW")):
            for channels in (1, 2):
                file = io.BytesIO()
                try:
                    sf.write(file, np.repeat(NOTE, channels, 1), RATE, format=file_format, subtype=subtype)
                except (sf.SoundFileError, ValueError, TypeError):  # some are for one channel, or other rates
                    continue
                yield file.getvalue()
                if file_format in ("WAV", "RF64"):
                    yield from unfinished(file.getvalue())


def unfinished(content):
    """A WAV file as a recorder leaves it that crashes, and as BW64."""
    at = content.index(b"data") + 4
    for size in (0, 0xFFFFFFFF, 100):
        yield content[:4] + bytes(4) + content[8:at] + size.to_bytes(4, "little") + content[at + 4 :]
    yield b"BW64" + content[4:]


def phone_files():
    """A short note as phones record it."""
    return (encoded(NOTE, RATE, name, codec) for name, codec in RECORDINGS.items())


def damaged(files, chance):
    """One of the files with one to eight damages: flips, numbers at the edge, cuts, repeats, pieces of another."""
    content = bytearray(chance.choice(files))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        # More often than not in the header.
        at = chance.randrange(min(len(content), chance.choice((64, 256, 4096, len(content)))) + 1)
        length, width = chance.choice((1, 2, 4, 8, 64, 1024)), chance.choice((1, 2, 4, 8))
        other = chance.choice(files)
        start = chance.randrange(len(other) + 1)
        number = (chance.choice(EDGES) % 256**width).to_bytes(width, chance.choice(("little", "big")))
        flipped = bytes(byte ^ 1 << chance.randrange(8) for byte in content[at : at + 1])
        piece = chance.choice((chance.randbytes(length), number, number, other[start : start + length], flipped, b""))
        end = at + chance.choice((0, len(piece), len(piece), len(piece), 8, len(content)))
        content[at:end] = piece * chance.choice((1, 1, 1, 1, 1, 50))
    return bytes(content)


def try_sound(path):
    sound = load_audio(path, 16_000)
    assert sound.ndim == 1 and sound.dtype == torch.float32 and sound.isfinite().all() and sound.abs().max() <= 1000


@pytest.mark.parametrize("corpus", [sound_files, phone_files])
def test_damaged_sounds_are_read_or_refused(tmp_path, corpus):
    files, path, outcomes = list(corpus()), tmp_path / "damaged", []
    for i in range(N_DAMAGED):
        path.write_bytes(damaged(files, random.Random(f"{N_DAMAGED} {i}")))
        outcomes.append(outcome(try_sound, path, AudioError))
    assert min(map(outcomes.count, ("read", "refused"))) > N_DAMAGED / 10


@pytest.fixture(scope="module")
def tiny(study):
    """A model of the smallest size, and its take of a short note."""
    config = Config(sample_rate=RATE, hop_length=64, hidden_size=4, n_harmonics=2, n_bands=2, n_mfcc=2, n_layers=1)
    return DDSPModel(config), study(torch.from_numpy(NOTE[:, 0]).float(), config)[2]


def odd(content):
    """Nested tables and lists with each plain value replaced by each odd one in turn."""
    for place, value in content.items() if isinstance(content, dict) else enumerate(content):
        inside = odd(value) if isinstance(value, dict | list) else ()
        for replacement in (*inside, *([] if torch.is_tensor(value) else ODD_VALUES)):
            changed = content.copy()
            changed[place] = replacement
            yield changed


def test_a_model_with_any_odd_value_is_read_or_refused(tmp_path, tiny):
    path, outcomes = save_model(tmp_path / "model.pt", *tiny), []
    for content in odd(tensor_file.read(path, KIND)):
        # The checksum is that of the damaged content, so that it is read to the end.
        tensor_file.write(path, KIND, content)
        outcomes.append(outcome(load_model, path, CheckpointError))
    assert outcomes.count("refused") > 0.9 * len(outcomes) > 150


def test_a_family_with_any_odd_value_or_damage_is_read_or_refused(tmp_path):
    family = Family.shipped().with_member("mine", Family.shipped()["oboe"])
    path, outcomes = save_family(tmp_path / "family.safetensors", family), []
    content, whole = tensor_file.read(path, KIND_OF_FAMILY), path.read_bytes()
    member = content["members"]["0"]
    wrong = [(name, value) for name in member for value in (torch.ones(2), torch.full_like(member[name], 1e9))]
    wrong += [(name, values.double()) for name, values in member.items()] + [("shape", torch.zeros(3))]
    changed = [content | {"members": {"0": member | {name: value}}} for name, value in wrong]
    for damage in (*odd(content), *changed):
        tensor_file.write(path, KIND_OF_FAMILY, damage)
        outcomes.append(outcome(load_family, path, CheckpointError))
    assert outcomes.count("refused") >= len(outcomes) - 1 > 50  # a name may be any text
    for i in range(N_DAMAGED // 4):
        path.write_bytes(damaged([whole], random.Random(i)))
        if path.read_bytes() != whole:
            assert outcome(load_family, path, CheckpointError) == "refused"


def test_a_sidecar_with_any_odd_value_is_read_or_refused(tmp_path, tiny):
    plan = GrowthPlan(stages=((1,), (), (1, 2)), noise_stages=((), (1,)), pitch=("A3", 220.5), loudness_db=(-6.0, 0.0))
    path, outcomes = tmp_path / "piece.json", []
    piece = compose(
        Composition((Layer(plan), Layer(None, gain_db=-6.0)), Tempo(96.0, 3)), [Source(*tiny, torch.zeros(N_SAMPLES))]
    )
    for content in odd(json.loads(sidecar_of(piece).to_json())):
        path.write_text(json.dumps(content))
        outcomes.append(outcome(read_sidecar, path, GrowthError))
    assert outcomes.count("refused") > 0.8 * len(outcomes) > 300


TYPED = st.text(alphabet="ABCDEFGHabch#bx♯♭𝄪𝄫'″0123456789.:/t-, hzHZ\t\n₄é", max_size=24) | st.text(max_size=24)
FEW = settings(
    max_examples=N_DAMAGED, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check_refusal(error, parse):
    """A refusal is one line, and what it says to write is read."""
    assert "\n" not in str(error) and 20 < len(str(error)) < 500
    asked = re.search(r"Write (.+) for the notes, or (.+)\.$", str(error))
    for written in asked.groups() if asked else ():
        parse(written)


@FEW
@given(text=TYPED, words=st.sampled_from([(), WORDS]))
@example("69", ()).via("may be a MIDI note")
@example("held, A4", WORDS).via("a word of plans")
def test_any_melody_that_is_typed_is_pitches_or_refused(text, words):
    parse = lambda typed: [pitch if pitch in words else pitch_hz(pitch) for pitch in parse_melody(typed, words=words)]
    try:
        assert parse(text) and all(hz in words or np.isfinite(hz) for hz in parse(text))
    except NotesError as error:
        check_refusal(error, parse)
        assert ("“held”" in str(error)) == bool(words) or "is no note" not in str(error)


@FEW
@given(text=TYPED, bpm=st.floats())
@example("A4:1/4 C5:1/8. -:1/4 440 Hz:1", 96.0).via("as the help has it")
def test_any_notes_that_are_typed_are_notes_or_refused(text, bpm):
    try:
        notes = parse_notes(text, bpm)
    except NotesError as error:
        check_refusal(error, parse_melody)
        return
    printed = " ".join(f"{midi_hz(note.number)}Hz:{note.stop_s - note.start_s:.9f}" for note in notes)
    assert all(0 <= note.start_s < note.stop_s for note in notes)
    assert [note.number for note in parse_notes(printed)] == pytest.approx([note.number for note in notes], abs=1e-6)


@FEW
@given(TYPED | st.lists(st.sampled_from(["oboe", "alto sax", "Oboe", ":", ":1,0", ",", "0.5", ".", " "])).map("".join))
@example("oboe:1,0 alto sax:0,1").via("a morph")
def test_any_morph_that_is_typed_has_shares_or_is_refused(words):
    try:
        _, shares = Family.shipped().shares(words, 3)
    except ConfigError as error:
        assert "\n" not in str(error) and 20 < len(str(error)) < 500
        return
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-6)
    assert shares.min() >= 0


def test_every_name_that_is_printed_is_read():
    assert [pitch_hz(midi_name(number)) for number in range(128)] == [midi_hz(number) for number in range(128)]


@FEW
@given(st.sampled_from(["play --notes", "play --tempo", "grow --pitch", "grow --melody", "grow --rests"]), TYPED)
def test_any_text_in_an_option_is_answered_in_one_line(tmp_path, option, text):
    """There is no model to play it with, so it always ends in an error."""
    command, name = option.split()
    notes = ["--notes", "A4:1"] if option == "play --tempo" else []
    result = CliRunner().invoke(cli, [command, "--model", str(tmp_path / "none.pt"), *notes, f"{name}={text}"])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and result.stdout == ""


def sounding(events):
    """[from, to, number, velocity, part, lowest and highest bend while it is down] of each key."""
    down, bends, notes = {}, {}, []
    for seconds, kind, values, part in map(parted, events):
        if kind == "bend":
            bends[part] = values[0]
            for key in down:
                if key[1] == part:
                    down[key][1].append(values[0])
        elif kind == "on":
            assert (values[0], part) not in down  # a key goes up before it goes down again
            notes.append([seconds, *values, part])
            down[values[0], part] = notes[-1], [bends.get(part, 0)]
        elif kind in ("off", "quiet"):
            for key in [key for key in down if (*values, part) == key or (kind == "quiet" and part in (None, key[1]))]:
                note, bent = down.pop(key)
                note[1:] = seconds, *note[1:], min(bent), max(bent)
    assert not down
    return notes


def try_midi(path, model):
    """Time goes on, every key that goes down goes up, no voice hangs, and each line has one note at a time."""
    events = read_midi(path)
    times = [event[0] for event in events]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= MOST_SECONDS
    voices, notes = Voices(model), sounding(events)
    for _, *event in events:
        voices.obey(*event)
        voices.voices = [voice for voice in voices.voices if voice.held]
    assert notes and not voices.voices
    lines, n_cut = lines_of(events, 3)
    struck = [event for line in lines for event in line if event[1] == "on"]
    assert sorted(struck) == sorted(event for event in events if event[1] == "on") and (n_cut or len(lines) <= 3)
    for line in [] if n_cut else lines:
        spans = sorted((start, stop) for start, stop, *_ in sounding(line))
        assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))


EXCHANGED = {
    ".scl": (SCALE.encode(), read_scale, NotesError),
    ".kbm": (KEYBOARD_MAP.encode(), lambda path: read_tuning(SHARED / "scale.scl", path), NotesError),
    ".musicxml": (SCORE.encode(), read_score, NotesError),
    ".mxl": (packed(), read_score, NotesError),
    **{suffix: (content, read_partials, AudioError) for suffix, content in files_of_partials().items()},
}
# What music21 makes of a score takes 50 ms.
SLOW = {".musicxml": 8, ".mxl": 2}


@pytest.mark.parametrize("suffix", EXCHANGED)
def test_damaged_files_of_composers_are_read_or_refused(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("tests.test_fuzz.SHARED", tmp_path)
    content, read, refusal = EXCHANGED[suffix]
    path, outcomes = tmp_path / f"damaged{suffix}", []
    (tmp_path / "scale.scl").write_text(SCALE)
    for i in range(N_DAMAGED // SLOW.get(suffix, 1)):
        path.write_bytes(damaged([content], random.Random(f"{N_DAMAGED} {i}")))
        outcomes.append(outcome(read, path, refusal))
    assert outcomes.count("refused") > len(outcomes) / 10


def test_midi_files_of_any_kind_are_played_or_refused(tmp_path, tiny):
    files = [random_file(random.Random(i), whole=i % 3 == 0) for i in range(60)]
    path, outcomes = tmp_path / "damaged.mid", []
    for i in range(2 * N_DAMAGED):
        chance = random.Random(f"{N_DAMAGED} {i}")
        path.write_bytes(damaged(files, chance) if i % 2 else random_file(chance, whole=i % 4 == 0))
        outcomes.append(outcome(lambda path: try_midi(path, tiny[0]), path, NotesError))
    assert outcomes.count("read") > N_DAMAGED > outcomes.count("refused") > 0


@pytest.mark.filterwarnings("ignore::ddsp_nb.WorkbookWarning")
def test_midi_files_are_read_as_others_read_them_and_again_when_they_are_written(tmp_path):
    """Messages at their seconds are mido's; what is written of them sounds at the same times and pitches."""
    n_played = 0
    for i in range(N_DAMAGED):
        path = tmp_path / "whole.mid"
        path.write_bytes(random_file(random.Random(f"whole {i}")))
        ((mine, _),), mended = read_messages(path)
        theirs, now = [], 0.0
        for message in mido.MidiFile(path):
            now += message.time
            theirs += [(now, message.copy(time=0))] if hasattr(message, "channel") else []
        # Besides keys that are made to go up before they go down again.
        mine = [item for item in mine if item[1].type != "note_off" or item[1].velocity != 64]
        theirs = [item for item in theirs if item[1].type != "note_off" or item[1].velocity != 64]
        assert [message for _, message in mine] == [message for _, message in theirs] and not mended
        np.testing.assert_allclose([s for s, _ in mine], [s for s, _ in theirs], atol=1e-9)
        with contextlib.suppress(NotesError):
            check_written(read_midi(path), tmp_path / "written.mid")
            n_played += 1
    assert n_played > N_DAMAGED / 2


def check_written(events, path):
    before, after = sounding(events), sounding(read_midi(write_midi(path, {"one": events})))
    parts = {(mine[4], read[4]) for mine, read in zip(before, after, strict=True)}
    assert len(parts) == len({part for part, _ in parts}) == len({part for _, part in parts})
    for mine, read in zip(before, after, strict=True):
        assert mine[2:4] == read[2:4] and (mine[4] == read[4] or mine[4] == 9)  # the drums' channel, in a zone of MPE
        np.testing.assert_allclose(read[:2], mine[:2], atol=1e-3)
        np.testing.assert_allclose(read[5:], mine[5:], atol=0.02)


def test_notes_between_the_keys_are_written_at_their_pitch(tmp_path):
    for i in range(N_DAMAGED // 4):
        chance = random.Random(i)
        starts = [
            (0.25 * chance.randrange(20), chance.choice((0.1, 0.25, 1, 3))) for _ in range(chance.randrange(1, 12))
        ]
        notes = [
            Note(start, start + length, chance.uniform(40, 80), chance.randrange(1, 128)) for start, length in starts
        ]
        read = sounding(read_midi(write_midi(tmp_path / "notes.mid", {"one": events_of(notes)})))
        wanted = sorted((note.start_s, note.stop_s, note.number) for note in notes)
        pitches = sorted((start, stop, number + low) for start, stop, number, _, _, low, _ in read)
        np.testing.assert_allclose(pitches, wanted, atol=0.0105)
        assert all(low == high for *_, low, high in read)
