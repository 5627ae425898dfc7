"""Write files whole or not at all: into a temporary neighbour first, renamed when complete."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path, error):
    """Yield a temporary path in the folder of `path`; it takes that name only if the block ends well.

    An interrupt, a full disk or any other exception leaves an existing file as it was and no partial file.

    Args:
        path: where the file is to be; its folder is made if it is missing.
        error: exception class raised (one line, naming the path) where the system refuses.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except (OSError, RuntimeError) as problem:  # libsndfile and torch report a full disk as RuntimeError
        reason = getattr(problem, "strerror", None) or str(problem).splitlines()[0]
        raise error(f"{path}: cannot be written ({reason}). Choose another folder or free some space.") from problem
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
