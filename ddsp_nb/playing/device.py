"""What playing live needs of a system: even times, a sound device, a MIDI port; of libraries each may be missing."""

import ctypes
import gc
from collections.abc import Iterable
from contextlib import suppress

import mido
import torch

from ddsp_nb.errors import DeviceError, reason

INSTALL = 'Install it with: pip install "ddsp-nb[live]"'

BLOCKS_AHEAD = 3  # that the device keeps, so that one slow block is not heard
# Options of glibc's mallopt and values beyond what a hop needs: freed memory is kept, and not asked for anew in every
# hop. Fresh pages from the system took a third of the time of 8 voices.
KEEP_MEMORY = {-1: 1 << 30, -3: 1 << 30}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, bytes


def prepare_process() -> None:
    """Make PyTorch's times even: one thread, memory that is kept, no search of old objects for garbage.

    For the whole process, so nothing for a notebook.
    """
    torch.set_num_threads(1)  # a hop's work is too small to share: threads would only wait for each other
    with suppress(OSError, AttributeError):  # where the C library is not glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in KEEP_MEMORY.items():
            mallopt(option, value)
    gc.freeze()


def open_port(name: str):
    """A MIDI input port.

    Raises DeviceError where python-rtmidi is missing, the system has no MIDI, or there is no such port.
    """
    try:
        mido.set_backend("mido.backends.rtmidi", load=True)
        names = mido.get_input_names()
    except ImportError as error:
        raise DeviceError(f"MIDI ports need python-rtmidi, which is missing. {INSTALL}, or play a file.") from error
    except Exception as error:  # rtmidi has errors of its own
        raise DeviceError(f"This system offers no MIDI ports ({reason(error)}). Play a --midi file.") from error
    matching = [port for port in names if port == name] or [port for port in names if name.lower() in port.lower()]
    if not matching:
        raise DeviceError(f"There is no MIDI port {name!r}. Ports now: {', '.join(names) or 'none; plug one in'}.")
    try:
        return mido.open_input(matching[0])
    except OSError as error:
        raise DeviceError(f"{matching[0]}: cannot be opened ({reason(error)}). Close what else uses it.") from error


def open_device(sample_rate: int, block: int):
    """The system's sound device, ready to be written to.

    Raises DeviceError where sounddevice or PortAudio is missing, or there is no device for this sample rate.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise DeviceError(f"Playing aloud needs sounddevice. {INSTALL}, or write a file with --output.") from error
    except OSError as error:  # it looks for PortAudio when it is imported
        raise DeviceError(
            "Playing aloud needs PortAudio, which is missing. Install it (on Debian and Ubuntu: "
            "apt install libportaudio2), or write a file with --output."
        ) from error
    try:
        latency_s = BLOCKS_AHEAD * block / sample_rate
        return sounddevice.OutputStream(sample_rate, block, channels=1, dtype="float32", latency=latency_s)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise DeviceError(
            f"No sound device plays at {sample_rate} Hz ({reason(error)}). Plug one in, or write a file with --output."
        ) from error


def play_blocks(device, blocks: Iterable[torch.Tensor], gain: float) -> int:
    """Write [block] after [block] of sound to a device, within full scale, until they or Ctrl-C end it.

    Returns:
        How many blocks came too late.
    """
    late = 0
    with device, suppress(KeyboardInterrupt):
        for block in blocks:
            late += bool(device.write((block * gain).clamp(-1, 1).numpy()))
    return late
