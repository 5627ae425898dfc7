"""What is tried with an input, and what is right: one function for each sort of kind."""

import re
import shlex
from collections.abc import Callable

import librosa
import numpy as np
import soundfile
from scipy.stats import wasserstein_distance

from tests.benchmarks.brought.bench import SMALL, Bench
from tests.benchmarks.brought.measure import level_db, sine_hz, unheard
from tests.benchmarks.brought.midi_files import smf
from tests.benchmarks.brought.sounds import ROOT, SR, steps, tone

# What is right, what was found, and whether they agree.
Verdict = tuple[str, str, bool]
# An input: a sound, or a function that writes a file and returns its name.
Sound = Callable[[], np.ndarray]
File = Callable[[Bench], str]

# A pitch is right within this, on average and at its worst, and so many of its windows may be wrong.
MEAN_CENTS, WORST_CENTS, WRONG_SHARE = 60, 120, 0.04
MELODY = steps([440, 440, 523.25, 622.25, 659.26, 659.26], 0.6, 0.4)
MELODY_NOTES = {69, 72, 75, 76}


def pitch(
    make: Callable[[], tuple[np.ndarray, np.ndarray]], bench: Bench, rate=SR, by_midi=False, options=()
) -> Verdict:
    """A recording becomes one sine; its pitch is the recording's, by its Fourier peak or by its MIDI note."""
    sound, curve = make()
    said = bench.train(bench.write("in.wav", sound, rate), *options)
    if said.code:
        return hertz(curve[curve > 0]), said.word(), False
    half = f"{len(sound) / rate / 2:.3f}"
    plan = ("--strategy", "linear", "--stages", "1,1", "--noise", "none", "--stage-duration", half, "--silence", 0)
    bench.run("grow", "--model", "m.pt", *plan, "--midi", "--output", "sine.wav")
    right, notes = curve[curve > 0], np.array(bench.notes("sine.mid"))
    found = 440 * 2 ** ((notes - 69) / 12) if by_midi else sine_hz(bench.read("sine.wav"))
    if not len(found):
        return hertz(right), f"no pitch; {said.word()}", False
    cents = 1200 * wasserstein_distance(np.log2(found), np.log2(right[:: max(1, len(right) // 4000)]))
    nearest = np.array([np.abs(1200 * np.log2(right[:: max(1, len(right) // 4000)] / f)).min() for f in found])
    wrong = np.mean(nearest > WORST_CENTS)
    blamed = said.has(r"\bnan\b")
    text = f"{hertz(found)}, {cents:.0f} cents off, {100 * wrong:.0f} % elsewhere" + f"; {said.word()}" * blamed
    return hertz(right), text, (by_midi or cents < MEAN_CENTS) and wrong < WRONG_SHARE and not blamed


def played_high(make: Callable[[], tuple[np.ndarray, np.ndarray]], bench: Bench) -> Verdict:
    """What was learned is played at its pitch: written, live, and as the samples of an export."""
    bench.train(bench.write("in.wav", make()[0]))
    bench.bytes("in.mid", smf("note 0 1 108"))
    bench.run("play", "--model", "m.pt", "--notes", "C8:1", "--output", "played.wav")
    bench.run("live", "--model", "m.pt", "--midi", "in.mid", "--output", "live.wav")
    bench.run("export", "--model", "m.pt", "--output", "out")
    keys = [int(key) for key in re.findall(r"pitch_keycenter=(\d+)", bench.text("out/instrument.sfz"))]
    bad = unheard(bench.read("played.wav"), "0.5:C8") + unheard(bench.read("live.wav"), "0.5:C8")
    return (
        "C8, samples up to 106 and more",
        f"{bad or 'C8'}, samples {min(keys)} to {max(keys)}",
        not bad and max(keys) > 105,
    )


def hertz(pitches: np.ndarray) -> str:
    few = np.unique(np.round(12 * np.log2(pitches / 440)))
    low, high = np.percentile(pitches, [2, 98])
    return (" ".join(f"{440 * 2 ** (x / 12):.0f}" for x in few) if len(few) < 6 else f"{low:.0f} to {high:.0f}") + " Hz"


def background(added: Callable[[int], np.ndarray] | None, bench: Bench) -> Verdict:
    """A melody with rests, and what sounds in them: notes, release and rests are those of the melody alone."""
    melody = tone(MELODY, [1 / k for k in range(1, 12)])
    said = bench.train(bench.write("in.wav", melody + (added(len(melody)) if added else 0)))
    bench.run("grow", "--model", "m.pt", "--midi", "--output", "grown.wav")
    bench.run("play", "--model", "m.pt", "--notes", "A4:0.6 -:2", "--output", "played.wav")
    strange = sorted(set(bench.notes("grown.mid")) - MELODY_NOTES)
    played = librosa.feature.rms(y=bench.read("played.wav"), frame_length=1024, hop_length=441)[0]
    release_s = (np.flatnonzero(played > 0.03 * played.max())[-1] - 60) / 100
    harmonic = bench.read("ddsp_harmonic_only.wav")
    rest_db = level_db(harmonic[MELODY == 0]) - level_db(harmonic[MELODY > 0])
    named = said.has(r"\d+ ?Hz|hum|steady|floor|background")
    text = f"strange notes {strange}, release {release_s:.2f} s, sines in rests {rest_db:.0f} dB; {said.word()}"
    ok = not strange and release_s < 0.35 and rest_db < -30 and named == bool(added)
    return "no strange notes, under 0.35 s, under -30 dB" + ", a word" * bool(added), text, ok


def melody_kept(make: File, bench: Bench) -> Verdict:
    """The notes of a growth are those of the melody, whatever else sounds, and a note ends."""
    said = bench.train(make(bench))
    bench.run("grow", "--model", "m.pt", "--midi", "--output", "grown.wav")
    bench.run("play", "--model", "m.pt", "--notes", "A4:0.6 -:2", "--output", "played.wav")
    notes, rest_db = bench.notes("grown.mid"), level_db(bench.read("played.wav"), 1.2, 2.5)
    text = f"{' '.join(map(str, notes))}, {rest_db:.0f} dB after the note; {said.word()}"
    return "69 to 76, under -60 dB after", text, set(notes) <= MELODY_NOTES and rest_db < -60


def exported_range(added: Callable[[int], np.ndarray], bench: Bench) -> Verdict:
    """The samples of an export keep to the notes that were played, and an octave about them."""
    melody = tone(MELODY, [1 / k for k in range(1, 12)])
    bench.train(bench.write("in.wav", melody + added(len(melody))))
    bench.run("export", "--model", "m.pt", "--output", "out")
    keys = [int(key) for key in re.findall(r"pitch_keycenter=(\d+)", bench.text("out/instrument.sfz"))]
    return "samples within 56 to 90", f"{min(keys)} to {max(keys)}", min(keys) >= 56 and max(keys) <= 90


def sung(make: Sound, low: int, high: int, bench: Bench) -> Verdict:
    """Every stage of a phrase that unfolds sounds, and its notes are those that were sung."""
    bench.train(bench.write("in.wav", make()))
    preset = ("--preset", "First sine to full sound", "--stage-files", "--midi")
    bench.run("grow", "--model", "m.pt", *preset, "--output", "grown.wav")
    stages = [level_db(bench.read(f.name)) for f in sorted(bench.folder.glob("grown*stage*.wav"))]
    strange = sorted({note for note in bench.notes("grown.mid") if not low <= note <= high})
    text = f"{min(stages):.0f} to {max(stages):.0f} dB, strange notes {strange}, {len(stages)} stages"
    return f"stages within 25 dB, notes {low} to {high}", text, min(stages) > max(stages) - 25 and not strange


def midi(data: bytes, wanted: str, bench: Bench, words="", instead="", play="", ends_s=0.0) -> Verdict:
    """A MIDI file, live and played: what sounds when. `play` may sound otherwise, or say `instead` that it does not."""
    bench.bytes("in.mid", data)
    wrong = []
    for command in ("live", "play"):
        said = bench.run(command, "--model", bench.model, "--midi", "in.mid", "--output", f"{command}.wav")
        if said.code:
            wrong.append(f"{command}: {said.word()}")
            continue
        sound = bench.read(f"{command}.wav")
        bad = unheard(sound, wanted)
        if command == "play" and ((instead and said.has(instead)) or (play and not unheard(sound, play))):
            bad = ""
        if ends_s and abs(len(sound) / SR - ends_s) > 0.6:
            bad += f" {len(sound) / SR:.1f} s long"
        if words and not said.has(words):
            bad += f" not told ({said.word()})"
        wrong += [f"{command}: {bad}"] if bad else []
    return wanted + f", a word ({words})" * bool(words), "; ".join(wrong) or "as is right", not wrong


def refused(make: Callable[[Bench], list[str]], words: str, bench: Bench) -> Verdict:
    """One line with what to do, exit code 2, and nothing written."""
    command = make(bench)
    before = set(bench.folder.rglob("*"))
    said = bench.run(*command)
    left = [f.name for f in set(bench.folder.rglob("*")) - before if not f.name.startswith(".said")]
    text = f"exit {said.code}, {said.word()}" + f", written: {left}" * bool(left)
    return f"one line ({words})", text, said.refused() and not left and said.has(words)


def length(make: File, length_s: float, bench: Bench, words="", wanted="") -> Verdict:
    """A file is as long as it is, and sounds where it sounds."""
    command = ("--model", bench.model, "--audio", make(bench), "--octave", "as-played", "--output", "played.wav")
    said = bench.run("play", *command)
    right = f"{length_s} s" + f", a word ({words})" * bool(words)
    if said.code:
        return right, said.word(), False
    sound = bench.read("played.wav")
    bad = unheard(sound, wanted) + f" not told ({said.word()})" * bool(words and not said.has(words))
    return right, f"{len(sound) / SR:.3f} s {bad}", abs(len(sound) / SR - length_s) < 0.06 and not bad


def level_kept(make: File, words: str, bench: Bench) -> Verdict:
    """A channel that sounds keeps its level, or a word says what was done."""
    name = make(bench)
    said = bench.train(name)
    right_db, found_db = max(map(level_db, bench.read(name).T)), level_db(bench.read("ddsp_reconstructed.wav"))
    told = said.has(words)
    return f"{right_db:.1f} dB, or a word", f"{found_db:.1f} dB; {said.word()}", abs(found_db - right_db) < 1.5 or told


def adds_up(make: File, bench: Bench) -> Verdict:
    """Harmonic part + residual = recording, times one gain for all files."""
    name = make(bench)
    bench.train(name)
    recording = bench.read(name)
    recording = recording.mean(1) if recording.ndim > 1 else recording
    total = bench.read("ddsp_harmonic_only.wav") + bench.read("ddsp_residual.wav")
    gain = total @ recording / (recording @ recording)
    steps_off = 32768 * np.abs(total - gain * recording).max()
    return "within 1.6 steps of 16 bits", f"{steps_off:.1f} steps (gain {gain:.3f})", steps_off < 1.6


def stems(words: str, bench: Bench, midi: bytes = b"", audio: np.ndarray | None = None) -> Verdict:
    """The stems of a command add up to its sound."""
    bench.bytes("in.mid", midi)
    if audio is not None:
        bench.write("in.wav", audio)
    bench.run(*words.split(), "--model", bench.model, "--stems", "--output", "whole.wav")
    whole, parts = bench.read("whole.wav"), [bench.read(f.name) for f in bench.folder.glob("whole_*.wav")]
    steps_off = 32768 * np.abs(sum(parts) - whole).max()
    return "within 2.1 steps of 16 bits", f"{steps_off:.1f} steps, peak {np.abs(whole).max():.2f}", steps_off < 2.1


def told(make: Callable[[Bench], list[str]], words: str, absent: str, bench: Bench) -> Verdict:
    """A command succeeds, says this and does not say that."""
    return answered(bench.run(*make(bench)), words, absent)


def trained(make: Sound, words: str, absent: str, bench: Bench, options=()) -> Verdict:
    """Training succeeds, says this and does not say that."""
    return answered(bench.train(bench.write("in.wav", make()), *options), words, absent)


def answered(said, words: str, absent: str) -> Verdict:
    right = ", ".join([f"says {words}"] * bool(words) + [f"does not say {absent}"] * bool(absent))
    return right, said.word(), said.code == 0 and said.has(words) and not (absent and said.has(absent))


def typed(text: str, wanted: str, bench: Bench, options=()) -> Verdict:
    """Written notes are played at their pitches and times."""
    said = bench.run(*written(bench, text), *options)
    bad = said.word() if said.code else unheard(bench.read("played.wav"), wanted)
    return wanted, bad or "as is right", not bad


def written(bench: Bench, text: str) -> list[str]:
    """The words that play written notes."""
    return ["play", "--model", bench.model, "--notes", text, "--output", "played.wav"]


def export_level(make: File, bench: Bench) -> Verdict:
    """The loudest samples of an export can be heard, and it is said that they were turned up."""
    bench.train(make(bench))
    said = bench.run("export", "--model", "m.pt", "--output", "out")
    peak = max(np.abs(soundfile.read(f)[0]).max() for f in (bench.folder / "out/samples").glob("*_f.flac"))
    named = re.search(r"normali|turned up|louder|quiet", said.text + bench.text("out/README.txt"))
    text = f"{20 * np.log10(peak):.0f} dB, {'told: ' + named[0] if named else 'not told'}"
    return "peak above -20 dB, told", text, peak > 0.1 and bool(named)


def live_level(make: File, bench: Bench) -> Verdict:
    """A note of usual velocity can be heard."""
    bench.train(make(bench))
    bench.bytes("in.mid", smf("note 0 1"))
    said = bench.run("live", "--model", "m.pt", "--midi", "in.mid", "--output", "live.wav")
    found_db = level_db(bench.read("live.wav"), 0.2, 0.8)
    return "above -32 dB", f"{found_db:.0f} dB; {said.word()}", found_db > -32


def bar(text: str, bench: Bench) -> Verdict:
    """What lasts longer than 2 s shows on a terminal how far it is."""
    shown, seconds = bench.on_terminal(*written(bench, text))
    return "a bar", f"{'a bar' if '%|' in shown else 'no bar'}, {seconds:.1f} s", "%|" in shown


def documents(bench: Bench) -> Verdict:
    """Every `ddsp-nb` line of README and docs, in order, with a network that is soon trained."""
    tree = bench.checkout.tree
    (bench.folder / "data").symlink_to(ROOT / "data")
    pages = [tree / "README.md", *(tree / "docs" / f"{name}.md" for name in ("command_line", "growing", "playing"))]
    lines = [line for page in pages for line in re.findall(r"^ddsp-nb (.*)$", page.read_text(), re.MULTILINE)]
    bad = []
    for words in map(shlex.split, lines):
        small = [*SMALL[:-2], "--overwrite"] if words[0] == "train" and "--help" not in words else []
        said = bench.run(*words, *small)
        bad += [f"{' '.join(words)}: {said.word()}"] if said.code else []
    return f"{len(lines)} commands succeed", "; ".join(bad) or "all do", not bad
