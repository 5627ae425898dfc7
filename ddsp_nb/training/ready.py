"""A trained model for notebooks that begin with one: loaded where it exists, trained where it does not."""

from pathlib import Path

import torch
from tqdm.auto import tqdm

from ddsp_nb.analysis.features import FeatureExtractor, Features
from ddsp_nb.config import Config
from ddsp_nb.sound.load import load_audio
from ddsp_nb.training.checkpoint import load_model, save_model
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.train import DEFAULT_EPOCHS, train


def load_or_train(
    path, audio_path, config: Config | None = None, *, epochs: int = DEFAULT_EPOCHS, seed: int = 0
) -> tuple[DDSPModel, Features]:
    """Load a checkpoint, or train one with a progress bar and write it.

    Args:
        path: the checkpoint. An existing one is taken as it is, with its own config and recording.
        audio_path: recording to train on where there is no checkpoint.
        config: of a model to train; the defaults if None.
        epochs: training steps.
        seed: of the weights and of the noise.

    Returns:
        The model and the features of its recording.

    Raises:
        CheckpointError: the file exists but holds no model of ours.
        AudioError: the recording cannot be used.
    """
    if Path(path).is_file():
        return load_model(path)
    config = config or Config()
    audio = load_audio(audio_path, config.sample_rate)
    features = FeatureExtractor(config)(audio)
    torch.manual_seed(seed)
    model = DDSPModel(config)
    with tqdm(train(model, features, audio, epochs=epochs, seed=seed), total=epochs, desc="training") as bar:
        for progress in bar:
            bar.set_postfix_str(f"loss {progress.loss:.2f}, SNR {progress.snr_db:.1f} dB")
    save_model(path, model, features)
    return model, features
