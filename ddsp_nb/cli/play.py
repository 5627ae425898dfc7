"""`ddsp-nb play`: an instrument plays what it never heard. Light to import, as `train` and `grow` are."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from ddsp_nb.cli.checks import check_outputs
from ddsp_nb.cli.grow import BPM
from ddsp_nb.cli.instruments import PLAYER, load_instrument
from ddsp_nb.cli.options import ROOM, SEED, TARGET, TUNING, FiniteFloat, is_typed, load_room, one_of, optional, options
from ddsp_nb.errors import AudioError, WorkbookError, held_warnings
from ddsp_nb.notes.note import parse_notes
from ddsp_nb.notes.scala import retuned, tuned

SOUND_SUFFIXES = (".wav", ".flac")


@click.command()
@options(
    *PLAYER,
    click.option("--audio", type=Path, help="Recording whose performance is to be played."),
    click.option(
        "--midi",
        type=Path,
        help="MIDI or MusicXML file to play instead, all but drums; each channel has its own instrument unless one is "
        "named.",
    ),
    click.option("--notes", help='Notes to play instead, with seconds or note values: "A4:0.5 C5:1/8. 440Hz:1 -:1/4".'),
    BPM,
    *TUNING,
    click.option("--output", default="ddsp_played.wav", type=Path, help="Sound file, .wav or .flac."),
    click.option(
        "--from-pitch-and-loudness",
        "own_timbre",
        is_flag=True,
        help="Take only pitch and loudness of the recording; the timbre is the instrument's own.",
    ),
    click.option("--transpose", "semitones", default=0.0, type=FiniteFloat(-60, 60), help="Semitones to move by."),
    one_of("--octave", "as-played", "auto", words="“auto” moves by octaves, to the instrument's own pitch."),
    click.option("--tape", is_flag=True, help="Move the timbre along with the pitch, as a tape that runs faster does."),
    optional(
        "--loudness-match",
        "match_loudness",
        is_flag=False,
        flag_value="rms",
        type=click.Choice(["rms", "heard"]),
        help="Play as softly and loudly as the instrument's recordings, by RMS level, or as the ear has it.",
    ),
    click.option("--stems", is_flag=True, help="Also write partials, noise and room, NAME_harmonic and so on."),
    TARGET,
    click.option("--overwrite", is_flag=True, help="Replace files that exist."),
    *ROOM,
    SEED,
)
def play(checkpoint, words, family_path, audio, midi, notes, output, own_timbre, octave, stems, overwrite, **moves):
    """Play another recording, a MIDI file or written notes with an instrument.

    With a recording the timbre follows its spectral envelope, heard without its room; written notes have the
    instrument's own.
    """
    if sum(source is not None for source in (audio, midi, notes)) != 1:
        raise WorkbookError("Say what to play: one of --audio FILE, --midi FILE or --notes “A4:0.5 C5:0.5”.")
    others = ("bpm", "seed", "room", "wet_db", "target_lufs", "tuning", "keyboard_map")
    bpm, seed, room, wet_db, target_lufs, tuning, _ = map(moves.pop, others)
    written = None if notes is None else parse_notes(notes, bpm, partial(tuned, tuning=tuning))
    names = ("", "_harmonic", "_room", "_noise") if stems else ("",)
    paths = [output.with_name(f"{output.stem}{name}{output.suffix}") for name in names]
    check_outputs(paths, SOUND_SUFFIXES, AudioError, (checkpoint, audio, room), overwrite)

    import torch
    from torch.nn.functional import pad
    from torch.nn.utils.rnn import pad_sequence

    from ddsp_nb import load_family
    from ddsp_nb.playing.family import morphing
    from ddsp_nb.playing.own_timbre import lift_db
    from ddsp_nb.playing.transfer import transfer_lines
    from ddsp_nb.sound.loudness import gain_to

    players, learned = who_plays(checkpoint, words, family_path, audio, midi, written, tuning)
    config, sounds = players[0][1].config, []
    hall = load_room(room, config.sample_rate, learned)
    envelope = audio is not None and not own_timbre
    for about, model, lines in players:
        with held_warnings(about):
            moved = transfer_lines(lines, model, nearest_octave=octave == "auto", envelope=envelope, **moves)
            if words is not None:
                moved = morphing(moved, words, load_family(family_path), config)
            first = seed + len(sounds)
            sounds += [model(line, envelope=envelope, seed=first + i) for i, line in enumerate(moved)]
    gain = 10 ** (lift_db(players[-1][1]) / 20) if audio is None else 1.0
    mixed = lambda part: gain * pad_sequence([getattr(sound, part) for sound in sounds]).sum(1)
    dry = mixed("audio")
    added = hall.heard(dry, wet_db) if hall else torch.zeros_like(dry)
    longer = lambda part: pad(part, (0, len(added) - len(dry)))
    parts = [longer(dry) + added, longer(mixed("harmonic")), added, longer(mixed("noise"))]
    if target_lufs is not None:
        more, said = gain_to(target_lufs, parts[0], parts[1:], config.sample_rate)
        parts = [more * part for part in parts]
        click.echo(said)
    write(dict(zip(paths, parts, strict=False)), config.sample_rate, has_room=hall is not None)


def who_plays(checkpoint, words, family_path, audio, midi, written, tuning) -> tuple:
    """(what warnings of it begin with, model, lines that it plays) of each instrument; and the room of the only one."""
    from ddsp_nb import FeatureExtractor, Performance, load_audio, load_family
    from ddsp_nb.analysis.room import learn_room, without_room
    from ddsp_nb.playing.family import articulation, players
    from ddsp_nb.playing.own_timbre import warn_of_lift

    lines_of = lambda played, model, take: [line.features(model, take) for line in played.lines()]
    score = None if midi is None else Performance.of_midi(midi)
    if score and tuning:
        score = replace(score, events=tuple(retuned(score.events, tuning)))
    if score and words is None and not is_typed("checkpoint"):
        family = load_family(family_path)
        orchestra = []
        for name, played in players(score, family).items():
            model = family[name].model()
            orchestra.append((f"{name}: ", model, lines_of(played, model, articulation(family[name]))))
        return orchestra, None
    model, take = load_instrument(checkpoint, words, family_path)
    if audio is None:
        lines = lines_of(score or Performance.of_notes(written), model, take)
        warn_of_lift(model)
    else:
        sound = load_audio(audio, model.config.sample_rate)
        its_room = learn_room(sound, model.config)
        lines = [FeatureExtractor(model.config)(without_room(sound, its_room) if its_room else sound)]
    return [("", model, lines)], take.room


def write(files: dict, sample_rate: int, *, has_room: bool) -> None:
    """Write the whole alone, or with its stems: partials, room where there is one, and noise, which they leave over."""
    from ddsp_nb import save_together

    rests = {}
    if len(files) > 1:
        whole, _, room, noise = files
        for path in (noise, *([] if has_room else [room])):
            del files[path]
        rests[noise] = (files[whole], *list(files)[1:])
    for path in save_together(files, sample_rate, rests=rests):
        click.echo(path)
