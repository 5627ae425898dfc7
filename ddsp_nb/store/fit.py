"""The loop around `train` that all share (notebook 04, "Training"), and a model that is loaded or trained."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ddsp_nb.config import Config
from ddsp_nb.store.checkpoint import load_model, save_model
from ddsp_nb.store.recordings import analyse_recordings
from ddsp_nb.store.run_file import RunFile
from ddsp_nb.store.workspace import Recording
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take, record_take
from ddsp_nb.training.train import DEFAULT_EPOCHS, Progress, TrainingState, train


def fit(
    model: DDSPModel,
    corpus: Corpus,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    run_file: RunFile | None = None,
    stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> TrainingState | None:
    """Train in place to the end, or until told to stop; the best model is kept, also where an error ends it.

    Args:
        model, corpus: as of `train`.
        on_progress: called after every epoch that is new.
        run_file: where the state of the run is kept meanwhile. It is left there: remove it once the model is saved.
        stop: asked after every epoch; True ends the run.
        settings: the other arguments of `train`.

    Returns:
        The state to go on from where the run was stopped before its end, else None.
    """
    with closing(train(model, corpus, **settings)) as run:  # closing keeps the best model
        for progress in run:
            stopping = stop() and progress.epoch < progress.epochs
            if run_file is not None:
                run_file.keep(progress, now=stopping)
            on_progress(progress)
            if stopping:
                return progress.state()
    return None


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """A bar for the terminal or the page, as an `on_progress` for `fit`."""
    with tqdm(unit="epoch", desc="Training") as bar:

        def show(progress):
            bar.total = progress.epochs
            unheard = "" if progress.unheard_loss is None else f", unheard {progress.unheard_loss:.3f}"
            bar.set_postfix_str(f"loss {progress.loss:.3f}{unheard}, best {progress.best_loss:.3f}")
            bar.update(progress.epoch - bar.n)

        yield show


def load_or_train(
    path: str | Path,
    recording: str | Path | Recording,
    config: Config | None = None,
    *,
    epochs: int = DEFAULT_EPOCHS,
    seed: int = 0,
) -> tuple[DDSPModel, Take]:
    """Load a checkpoint, as it is, or train one on a recording, with a progress bar, and write it.

    Args:
        path: of the checkpoint.
        recording: a sound file, or a recording of the workspace, of which only a stretch may be used.
        config: sizes and pitch range of a new model.
        epochs, seed: as of `train`.

    Raises:
        CheckpointError: the file exists but holds no model of ours.
        AudioError: the recording cannot be used.
    """
    if Path(path).is_file():
        return load_model(path)
    config = config or Config()
    if isinstance(recording, Recording):
        recordings = recording.analyse(config)
    else:
        recordings = analyse_recordings([recording], config)
    take = record_take(recordings[0], config, seed)
    torch.manual_seed(seed)
    model = DDSPModel(config)
    with progress_bar() as show:
        fit(model, Corpus.of(recordings, config), on_progress=show, epochs=epochs, seed=seed)
    save_model(path, model, take)
    return model, take
