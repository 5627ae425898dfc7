"""What a process that plays live needs of its system: even times. For the whole process, so nothing for a notebook."""

import ctypes
import gc
from contextlib import suppress

import torch

# Options of glibc's mallopt and values beyond what a hop needs: freed memory is kept, and not asked for anew in every
# hop. Fresh pages from the system took a third of the time of 8 voices.
KEEP_MEMORY = {-1: 1 << 30, -3: 1 << 30}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, bytes


def prepare_process() -> None:
    """Make PyTorch's times even: one thread, memory that is kept, no search of old objects for garbage."""
    torch.set_num_threads(1)  # a hop's work is too small to share: threads would only wait for each other
    with suppress(OSError, AttributeError):  # where the C library is not glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in KEEP_MEMORY.items():
            mallopt(option, value)
    gc.freeze()
