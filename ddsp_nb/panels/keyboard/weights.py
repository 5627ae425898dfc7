"""The instrument as the page plays it: numbers of the network in one array, and what they are called in it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ddsp_nb.analysis import onsets
from ddsp_nb.analysis.envelope import LOUDNESS_STEP_DB, NEPERS_PER_DB, SAFE_NYQUIST
from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.config import N_PLAYED, Config
from ddsp_nb.errors import ConfigError
from ddsp_nb.growth.masks import band_widths, entrance
from ddsp_nb.growth.plan import BAND_ORDERS, NOTE_ORDERS
from ddsp_nb.notes import level
from ddsp_nb.notes.pitch import A4, SEMITONES_PER_OCTAVE, midi_hz
from ddsp_nb.playing import articulation, voices
from ddsp_nb.playing.own_timbre import OwnTimbre, lift_db, usual_loudness_db
from ddsp_nb.playing.transfer import heard_range
from ddsp_nb.synthesis.controls import MAX_NOISE_GAIN, low_crest_directions
from ddsp_nb.training import instrument
from ddsp_nb.training.model import CLAMP, MAX_LEVEL, MAX_LOUDNESS_STEP_DB, MIN_LEVEL, DDSPModel
from ddsp_nb.training.take import Take

WASM = Path(__file__).parents[1] / "wasm" / "network.wasm"  # its source lies beside it
LANE = 4  # numbers that WebAssembly computes at once: rows of matrices are filled up to whole lanes with zeros
CODED = (0, 3)  # layers of what answers for partials and bands whose biases the page moves by the code
SETTLED_FRAMES = 40  # after which a note sounds as it goes on
MIDDLE = 50  # hundredths of the pitches that were heard

# Of the config, that the page must know.
SIZES = ("sample_rate", "nyquist_hz", "hop_length", "n_harmonics", "n_bands", "hidden_size", "n_layers")

Layout = list[tuple[str, int]]


def packed(model: DDSPModel) -> tuple[Layout, np.ndarray]:
    """All numbers that `OwnTimbre` computes with, and those of the synthesizer.

    Returns:
        name and length of each array, and the arrays one after another, float32; each begins on a whole lane, behind
        zeros that do not count. Matrices are [n_outputs, n_inputs], row by row.

    Raises:
        ConfigError: hidden_size is no multiple of 4, or hop_length no power of 2.
    """
    check_playable(model)
    layout, parts = [], []
    for name, values in _arrays(model):
        flat = values.detach().cpu().float().flatten().numpy()
        layout.append((name, len(flat)))
        parts.append(np.pad(flat, (0, -len(flat) % LANE)))
    return layout, np.concatenate(parts).astype("<f4")


def check_playable(model: DDSPModel) -> None:
    """Raise ConfigError, saying what to change, where the page cannot compute this instrument."""
    config = model.config
    if config.hidden_size % LANE:
        raise ConfigError(f"hidden_size is {config.hidden_size}: for the page it must be a multiple of {LANE}.")
    if config.hop_length & (config.hop_length - 1):
        raise ConfigError(f"hop_length is {config.hop_length}: the page plays frames of 64, 128, 256, 512 ... samples.")


def _arrays(model: DDSPModel) -> Iterator[tuple[str, torch.Tensor]]:
    network, timbre = model.network, OwnTimbre(model)
    for name, values in network.gru.named_parameters():
        yield f"gru.{name}", _filled(values[:, :N_PLAYED] if name == "weight_ih_l0" else values)
    for name, layers in _networks(model).items():
        yield from ((f"{name}.{part}", _filled(values)) for part, values in layers.named_parameters())
    for name, corrector in zip(("partials", "bands"), network.instrument.correctors[2:], strict=True):
        for layer, moves in zip(CODED, corrector.codes, strict=True):
            yield f"{name}.{layer}.codes", moves.weight
        yield f"{name}.mean", _filled(corrector.mean[None])
        yield f"{name}.std", _filled(corrector.std[None], 1.0)
    queries = network.instrument.queries
    yield from ((name, getattr(queries, name)) for name in ("centres_hz", "log_widths", "bands_hz"))
    yield "timbre", heard_timbre(network.instrument.timbre(), model.config)
    yield "noise_power", timbre.noise_power
    yield from ((name, getattr(network, name)[:N_PLAYED]) for name in ("input_mean", "input_std"))


def heard_timbre(timbre: torch.Tensor, config: Config) -> torch.Tensor:
    """[..., CODE_SIZE + n_bands] what the page needs of a timbre: hands play without the noise floor."""
    return timbre[..., : -config.n_bands]


def _networks(model: DDSPModel) -> dict[str, torch.nn.Sequential]:
    """Those whose layers follow one another: heads of the GRU, and what answers for partials and bands."""
    network = model.network
    partials, bands = (corrector.layers for corrector in network.instrument.correctors[2:])
    return {"amplitude": network.amplitude_head, "noise": network.noise_head, "partials": partials, "bands": bands}


def _layers(network: torch.nn.Sequential) -> list[tuple[str, int, int]]:
    """Kind, outputs and inputs of each layer, as many as there are in `packed`."""
    layers, size = [], 0
    for layer in network:
        n_inputs = size
        if isinstance(layer, torch.nn.Linear):
            n_inputs, size = _filled(layer.weight).shape[1], layer.out_features
        layers.append((type(layer).__name__, size, n_inputs))
    return layers


def _filled(values: torch.Tensor, value: float = 0.0) -> torch.Tensor:
    """Rows of a matrix filled up to whole lanes; a vector as it is."""
    return values if values.ndim < 2 else torch.nn.functional.pad(values, (0, -values.shape[1] % LANE), value=value)


def settings(model: DDSPModel, take: Take | articulation.Articulation | None, n_voices: int) -> dict:
    """What the page must know besides the numbers of `packed`: sizes, limits, articulation and orders of growth.

    Args:
        model: the instrument.
        take: of its recording, on which the articulation is measured; usual values without.
        n_voices: that sound at a time.
    """
    config = model.config
    return {
        **{name: getattr(config, name) for name in SIZES},
        "hop_s": config.hop_length / config.sample_rate,
        "n_voices": n_voices,
        "coded": list(CODED),
        "code_size": instrument.CODE_SIZE,
        "layers": {name: _layers(network) for name, network in _networks(model).items()},
        "corrector_clamp": instrument.CLAMP,
        "input_clamp": CLAMP,
        "min_level": MIN_LEVEL,
        "min_log_amplitude": instrument.MIN_LOG_AMPLITUDE,
        "max_level": MAX_LEVEL,
        "max_noise_gain": MAX_NOISE_GAIN,
        "directions": low_crest_directions(config.n_harmonics).flatten().tolist(),
        "nepers_per_db": NEPERS_PER_DB,
        "safe_nyquist": SAFE_NYQUIST,
        "highest_hz": voices.MAX_NYQUIST * config.nyquist_hz,
        "min_db": MIN_DB,
        "max_loudness_step_db": MAX_LOUDNESS_STEP_DB,
        "usual_db": usual_loudness_db(model),
        "loudness_step_db": LOUDNESS_STEP_DB,
        "shortest_s": onsets.SHORTEST_S,
        "longest_s": onsets.LONGEST_S,
        "lift_db": lift_db(model),
        **asdict(articulation.Articulation.of(take)),
        "rise_db": articulation.RISE_DB,
        "sinking_s": articulation.SINKING_S,
        "stolen_s": voices.STOLEN_S,
        "plain_velocity": level.PLAIN_VELOCITY,
        "db_per_decade": level.DB_PER_DECADE,
        "heard_notes": list(heard_range(model.octave_quantiles)),
        "orders": orders(model),
    }


@torch.no_grad()
def orders(model: DDSPModel) -> dict[str, dict[str, list[int]]]:
    """In which order partials and bands enter: {name: {"partials": indices, "bands": indices}}, from 0.

    The loudest are those of the instrument's middle note. What is not heard there enters last.
    """
    timbre = OwnTimbre(model).eval().cpu()
    middle = A4 + SEMITONES_PER_OCTAVE * model.octave_quantiles[MIDDLE].item()
    f0_hz, loudness_db = (torch.full((1, SETTLED_FRAMES), x) for x in (midi_hz(middle), usual_loudness_db(model)))
    age_s = torch.arange(1, SETTLED_FRAMES + 1)[None] * model.config.hop_length / model.config.sample_rate
    amplitudes, gains, _ = timbre.levelled(f0_hz, loudness_db, age_s, timbre.rest())
    loudness_of_bands = gains[0, -1] * band_widths(model.config).sqrt()
    return {
        name: {
            "partials": _whole(entrance(name, amplitudes[0, -1]), model.config.n_harmonics),
            "bands": _whole(entrance(name if name in BAND_ORDERS else "low", loudness_of_bands), model.config.n_bands),
        }
        for name in NOTE_ORDERS
    }


def _whole(order: torch.Tensor, n: int) -> list[int]:
    """An order of some of n with the others after them."""
    first = order.tolist()
    return first + sorted(set(range(n)) - set(first))
