"""The instrument as the page plays it: numbers of the network in one array, and what they are called in it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ddsp_nb.analysis.envelope import NEPERS_PER_DB, SAFE_NYQUIST
from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.errors import ConfigError
from ddsp_nb.growth.masks import band_widths, entrance
from ddsp_nb.growth.plan import BAND_ORDERS, ORDERS
from ddsp_nb.notes import level
from ddsp_nb.notes.pitch import A4, SEMITONES_PER_OCTAVE, midi_hz
from ddsp_nb.playing import articulation, voices
from ddsp_nb.playing.own_timbre import OwnTimbre, usual_loudness_db
from ddsp_nb.playing.transfer import heard_range
from ddsp_nb.synthesis.controls import MAX_NOISE_GAIN, low_crest_directions
from ddsp_nb.training import instrument
from ddsp_nb.training.model import CLAMP, MAX_LEVEL, MAX_LOUDNESS_STEP_DB, MIN_LEVEL, DDSPModel
from ddsp_nb.training.take import Take

WASM = Path(__file__).parents[1] / "wasm" / "network.wasm"  # its source lies beside it
LANE = 4  # numbers that WebAssembly computes at once: rows of matrices are filled up to whole lanes with zeros
QUERY_SIZE = 8  # numbers of a query, filled up
N_HEARD = 2  # of the GRU's inputs: pitch and loudness; the MFCCs are 0 when notes are played
SETTLED_FRAMES = 40  # after which a note sounds as it goes on
MIDDLE = 50  # hundredths of the pitches that were heard

Layout = list[tuple[str, int]]


def packed(model: DDSPModel) -> tuple[Layout, np.ndarray]:
    """All numbers that `OwnTimbre` computes with, and those of the synthesizer.

    Args:
        model: the instrument.

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
        raise ConfigError(
            f"hidden_size is {config.hidden_size}: the page plays networks whose size is a multiple of {LANE}."
        )
    if config.hop_length & (config.hop_length - 1):
        raise ConfigError(f"hop_length is {config.hop_length}: the page plays frames of 64, 128, 256, 512 ... samples.")


def _arrays(model: DDSPModel) -> Iterator[tuple[str, torch.Tensor]]:
    network = model.network
    yield from _gru(network.gru)
    for name, head in (("amplitude", network.amplitude_head), ("noise", network.noise_head)):
        for part, layer in zip(("0", "norm", "1"), (head[0], head[1], head[3]), strict=True):
            yield from ((f"{name}.{part}.{kind}", getattr(layer, kind)) for kind in ("weight", "bias"))
    for name, corrector in zip(("partials", "bands"), network.instrument.correctors[2:], strict=True):
        yield from _corrector(name, corrector)
    queries, timbre = network.instrument.queries, OwnTimbre(model)
    yield from ((name, getattr(queries, name)) for name in ("centres_hz", "log_widths", "bands_hz"))
    yield "noise_power", timbre.noise_power
    yield from ((name, getattr(network, name)[:N_HEARD]) for name in ("input_mean", "input_std"))


def _gru(gru: torch.nn.GRU) -> Iterator[tuple[str, torch.Tensor]]:
    for layer in range(gru.num_layers):
        of_input = getattr(gru, f"weight_ih_l{layer}")
        yield f"gru.{layer}.input.weight", of_input if layer else _filled(of_input[:, :N_HEARD], LANE)
        yield f"gru.{layer}.input.bias", getattr(gru, f"bias_ih_l{layer}")
        yield f"gru.{layer}.state.weight", getattr(gru, f"weight_hh_l{layer}")
        yield f"gru.{layer}.state.bias", getattr(gru, f"bias_hh_l{layer}")


def _corrector(name: str, corrector) -> Iterator[tuple[str, torch.Tensor]]:
    first, norm, second, third = (corrector.layers[i] for i in (0, 1, 3, 5))
    yield f"{name}.mean", _filled(corrector.mean[None], QUERY_SIZE)
    yield f"{name}.std", _filled(corrector.std[None], QUERY_SIZE, 1.0)
    yield f"{name}.0.weight", _filled(first.weight, QUERY_SIZE)
    yield f"{name}.0.bias", first.bias
    for part, layer in (("norm", norm), ("1", second), ("2", third)):
        yield from ((f"{name}.{part}.{kind}", getattr(layer, kind)) for kind in ("weight", "bias"))


def _filled(matrix: torch.Tensor, n_columns: int, value: float = 0.0) -> torch.Tensor:
    return torch.nn.functional.pad(matrix, (0, n_columns - matrix.shape[1]), value=value)


def settings(model: DDSPModel, take: Take | None, n_voices: int) -> dict:
    """What the page must know besides the numbers of `packed`: sizes, limits, articulation and orders of growth.

    Args:
        model: the instrument.
        take: of its recording, on which the articulation is measured; usual values without.
        n_voices: that sound at a time.
    """
    config = model.config
    return {
        "sample_rate": config.sample_rate,
        "hop_length": config.hop_length,
        "hop_s": config.hop_length / config.sample_rate,
        "n_harmonics": config.n_harmonics,
        "n_bands": config.n_bands,
        "hidden_size": config.hidden_size,
        "n_layers": config.n_layers,
        "n_voices": n_voices,
        "corrector_size": instrument.HIDDEN_SIZE,
        "corrector_clamp": instrument.CLAMP,
        "input_clamp": CLAMP,
        "min_level": MIN_LEVEL,
        "max_level": MAX_LEVEL,
        "max_noise_gain": MAX_NOISE_GAIN,
        "directions": low_crest_directions(config.n_harmonics).flatten().tolist(),
        "nepers_per_db": NEPERS_PER_DB,
        "nyquist_hz": config.nyquist_hz,
        "safe_nyquist": SAFE_NYQUIST,
        "highest_hz": voices.MAX_NYQUIST * config.nyquist_hz,
        "min_db": MIN_DB,
        "max_loudness_step_db": MAX_LOUDNESS_STEP_DB,
        "usual_db": usual_loudness_db(model),
        **asdict(articulation.Articulation.of(take)),
        "rise_db": articulation.RISE_DB,
        "sinking_s": articulation.SINKING_S,
        "stolen_s": voices.STOLEN_S,
        "plain_velocity": level.PLAIN_VELOCITY,
        "db_per_decade": level.DB_PER_DECADE,
        "heard_notes": list(heard_range(model)),
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
    amplitudes, gains, _ = timbre.levelled(f0_hz, loudness_db, timbre.rest())
    loudness_of_bands = gains[0, -1] * band_widths(model.config).sqrt()
    return {
        name: {
            "partials": _whole(entrance(name, amplitudes[0, -1]), model.config.n_harmonics),
            "bands": _whole(entrance(name if name in BAND_ORDERS else "low", loudness_of_bands), model.config.n_bands),
        }
        for name in ORDERS
    }


def _whole(order: torch.Tensor, n: int) -> list[int]:
    """An order of some of n with the others after them."""
    first = order.tolist()
    return first + sorted(set(range(n)) - set(first))
