"""`ddsp-nb live`: the trained instrument under the hands. Light to import, as the other commands are."""

from contextlib import closing, nullcontext
from pathlib import Path

import click

from ddsp_nb.cli.checks import check_outputs
from ddsp_nb.cli.instruments import PLAYER, load_instrument
from ddsp_nb.cli.options import ROOM, SEED, FiniteFloat, load_room, options
from ddsp_nb.cli.play import SOUND_SUFFIXES
from ddsp_nb.errors import AudioError, WorkbookError

HEADROOM_DB = -9.0  # for chords: a violin's loud notes reach full scale one by one


@click.command()
@options(
    *PLAYER,
    click.option("--midi", type=Path, help="MIDI file to play; all channels but the drums."),
    click.option("--port", help="MIDI port to listen to, or a part of its name; Ctrl-C ends."),
    click.option("--output", type=Path, help="Sound file to write instead, .wav or .flac; with --midi."),
    click.option("--voices", "n_voices", default=8, type=click.IntRange(1, 64), help="Notes that sound at a time."),
    click.option("--block", default=512, type=click.IntRange(64, 8192), help="Samples that are played at a time."),
    click.option("--volume", "volume_db", default=HEADROOM_DB, type=FiniteFloat(-60, 20), help="Of the sound, dB."),
    click.option("--overwrite", is_flag=True, help="Replace a file that exists."),
    *ROOM,
    SEED,
)
def live(checkpoint, words, family_path, midi, port, output, n_voices, block, volume_db, overwrite, room, wet_db, seed):
    """Play an instrument live: from a MIDI port or file, to the sound device or to a file.

    Velocity is loudness, and so are volume and expression (controllers 7 and 11). The wheel bends by two semitones, or
    by what the sender asks for; pedals sustain. All of these count for their channel alone, or for its zone in MPE.
    """
    if (midi is None) == (port is None):
        raise WorkbookError("Say what to play: --midi FILE or --port NAME, one of them.")
    if output is not None:
        if midi is None:
            raise WorkbookError("--output needs --midi FILE: what comes from a port has no end.")
        check_outputs([output], SOUND_SUFFIXES, AudioError, (checkpoint, midi, room), overwrite)

    import torch

    from ddsp_nb import StreamingSynthesizer, save_together
    from ddsp_nb.notes.midi import read_midi
    from ddsp_nb.playing.device import open_device, open_port, play_blocks, prepare_process
    from ddsp_nb.playing.own_timbre import warn_of_lift
    from ddsp_nb.playing.stream import blocks_of, blocks_of_port
    from ddsp_nb.progress import with_bar
    from ddsp_nb.synthesis.stream import in_room

    events = None if midi is None else read_midi(midi)
    model, take = load_instrument(checkpoint, words, family_path)
    warn_of_lift(model)
    synthesizer, sample_rate = StreamingSynthesizer(model, take, n_voices=n_voices, seed=seed), model.config.sample_rate
    hall = load_room(room, sample_rate, take.room)
    heard = (lambda sounds: in_room(sounds, hall, wet_db, block)) if hall else iter
    prepare_process()
    gain = 10 ** (volume_db / 20)
    if output is not None:
        n_blocks = round(events[-1][0] * sample_rate / block)
        sound = torch.cat(list(heard(with_bar(blocks_of(synthesizer, events, block), "Playing", n_blocks))))
        click.echo(*save_together({output: gain * sound}, sample_rate, rests={}))
        return
    with nullcontext() if port is None else closing(open_port(port)) as keys:
        if keys is None:
            sound = blocks_of(synthesizer, events, block)
        else:
            sound = blocks_of_port(synthesizer, keys.iter_pending, block)
        late = play_blocks(open_device(sample_rate, block), heard(sound), gain)
    if late:
        click.echo(f"{late} blocks came too late, which is heard as gaps; try --block {2 * block}.", err=True)
