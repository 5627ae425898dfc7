"""Timbre Grower: differentiable synthesis that people can see, hear and play with.

The public names, and where each comes from, are listed in `__init__.pyi`. They are imported when they are first used:
the command line answers before PyTorch, which takes seconds, has loaded.
"""

import os

import lazy_loader

# Threads of PyTorch that wait for each other in a loop cost a busy machine dearly; a short loop costs an idle one
# nothing.
os.environ.setdefault("GOMP_SPINCOUNT", "100")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.2.0"
