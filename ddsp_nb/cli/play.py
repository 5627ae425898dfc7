"""`ddsp-nb play`: an instrument plays what it never heard. Light to import, as `train` and `grow` are."""

from pathlib import Path

import click

from ddsp_nb.cli.checks import check_not_input, check_place, refuse_to_replace
from ddsp_nb.cli.instruments import PLAYER, load_instrument
from ddsp_nb.cli.options import SEED, FiniteFloat, is_typed, options
from ddsp_nb.errors import AudioError, WorkbookError, held_warnings
from ddsp_nb.notes.length import FASTEST_BPM, SLOWEST_BPM, USUAL_BPM
from ddsp_nb.notes.note import parse_notes

SOUND_SUFFIXES = (".wav", ".flac")


@click.command()
@options(
    *PLAYER,
    click.option("--audio", type=Path, help="Recording whose performance is to be played."),
    click.option(
        "--midi",
        type=Path,
        help="MIDI file to play instead, all of it but drums; each channel has its own instrument unless one is named.",
    ),
    click.option("--notes", help='Notes to play instead, with seconds or note values: "A4:0.5 C5:1/8. 440Hz:1 -:1/4".'),
    click.option(
        "--tempo",
        "--bpm",
        "bpm",
        default=USUAL_BPM,
        type=FiniteFloat(SLOWEST_BPM, FASTEST_BPM),
        help="Beats a minute of note values in --notes; a beat is a quarter note.",
    ),
    click.option("--output", default="ddsp_played.wav", type=Path, help="Sound file, .wav or .flac."),
    click.option(
        "--from-pitch-and-loudness",
        "own_timbre",
        is_flag=True,
        help="Take only pitch and loudness of the recording; the timbre is the instrument's own.",
    ),
    click.option("--transpose", "semitones", default=0.0, type=FiniteFloat(-60, 60), help="Semitones to move by."),
    click.option(
        "--octave",
        default="as-played",
        type=click.Choice(["as-played", "auto"]),
        help="“auto” moves by the octaves that come nearest to the instrument's own pitch.",
    ),
    click.option("--tape", is_flag=True, help="Move the timbre along with the pitch, as a tape that runs faster does."),
    click.option(
        "--loudness-match",
        "match_loudness",
        is_flag=True,
        help="Play as softly and loudly as the instrument's recordings.",
    ),
    click.option("--stems", is_flag=True, help="Also write partials and noise, NAME_harmonic and NAME_noise."),
    click.option("--overwrite", is_flag=True, help="Replace files that exist."),
    SEED,
)
def play(
    checkpoint, words, family_path, audio, midi, notes, bpm, output, own_timbre, octave, stems, overwrite, seed, **moves
):
    """Play another recording, a MIDI file or written notes with an instrument.

    With a recording the timbre follows its spectral envelope; written notes have the instrument's own.
    """
    if sum(source is not None for source in (audio, midi, notes)) != 1:
        raise WorkbookError("Say what to play: one of --audio FILE, --midi FILE or --notes “A4:0.5 C5:0.5”.")
    written = None if notes is None else parse_notes(notes, bpm)
    names = ("", "_harmonic", "_noise") if stems else ("",)
    paths = [output.with_name(f"{output.stem}{name}{output.suffix}") for name in names]
    for path in paths:
        check_place(path, SOUND_SUFFIXES, AudioError)
        check_not_input(path, checkpoint)
        if audio is not None:
            check_not_input(path, audio)
    refuse_to_replace(paths, overwrite)

    from torch.nn.utils.rnn import pad_sequence

    from ddsp_nb import FeatureExtractor, Performance, load_audio, load_family, save_together
    from ddsp_nb.playing.family import articulation, morphing, players
    from ddsp_nb.playing.own_timbre import lift_db, warn_of_lift
    from ddsp_nb.playing.transfer import transfer_lines

    lines_of = lambda played, model, take: [line.features(model, take) for line in played.lines()]
    if midi is not None and words is None and not is_typed("checkpoint"):
        family = load_family(family_path)
        parts = []
        for name, played in players(midi, family).items():
            model = family[name].model()
            parts.append((f"{name}: ", model, lines_of(played, model, articulation(family[name]))))
    else:
        model, take = load_instrument(checkpoint, words, family_path)
        if audio is not None:
            lines = [FeatureExtractor(model.config)(load_audio(audio, model.config.sample_rate))]
        else:
            played = Performance.of_midi(midi) if written is None else Performance.of_notes(written)
            lines = lines_of(played, model, take)
            warn_of_lift(model)
        parts = [("", model, lines)]
    sounds = []
    for about, model, lines in parts:
        with held_warnings(about):
            moved = transfer_lines(lines, model, nearest_octave=octave == "auto", **moves)
            if words is not None:
                moved = morphing(moved, words, load_family(family_path), model.config)
            envelope, first = audio is not None and not own_timbre, seed + len(sounds)
            sounds += [model(line, envelope=envelope, seed=first + i) for i, line in enumerate(moved)]
    gain = 10 ** (lift_db(model) / 20) if audio is None else 1.0
    mixed = lambda part: gain * pad_sequence([getattr(sound, part) for sound in sounds]).sum(1)
    whole, *stems = paths
    files, rests = {whole: mixed("audio")}, {}
    if stems:
        harmonic, noise = stems
        files[harmonic], rests[noise] = mixed("harmonic"), (files[whole], harmonic)
    for path in save_together(files, model.config.sample_rate, rests=rests):
        click.echo(path)
