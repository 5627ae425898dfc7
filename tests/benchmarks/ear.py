"""How near is a sound to its recording? `python -m tests.benchmarks.ear TARGET SOUND ...` asks judges of others.

None shares code with `ddsp_nb`. Two model the ear: ViSQOL in its mode for music (1 to 4.73; Chinen et al., QoMEX 2020)
and Zimtohrli (1 to 5; Google, 2024). They do not always agree, and nothing is trained on them. Beside them are figures
at 22 050 Hz: the distance of log magnitudes over four windows, the level's error, the distance of 80 mel bands, and the
pitch, as Praat's autocorrelation hears it.
"""

from pathlib import Path

import click
import librosa
import numpy as np

from ddsp_nb.errors import WorkbookError

INSTALL = (
    "The ear's judges are missing: pip install --no-deps zimtohrli visqol-python libsvm-official praat-parselmouth"
)
EAR_HZ, FIGURES_HZ = 48_000, 22_050
WINDOWS = (2048, 1024, 512, 256)
# ViSQOL takes two seconds for one of sound.
JUDGED_S = 8.0
PRAAT_HZ = {"pitch_floor": 50, "pitch_ceiling": 1600}
WRONG_CENTS = 50
AUDIBLE_DB = 60  # below the loudest frame
COLUMNS = ("visqol", "zimtohrli", "loss", "loudness_db", "mel_db", "pitch_cents", "pitch_off", "pitch_lost")


@click.command()
@click.argument("target", type=click.Path(exists=True, path_type=Path))
@click.argument("sounds", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--seconds", default=JUDGED_S, show_default=True, help="From the beginning, of both; 0 for all.")
def main(target, sounds, seconds):
    """Print what each SOUND is beside TARGET, as a table in Markdown."""
    click.echo(f"| sound | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")
    load = lambda path: librosa.load(path, sr=EAR_HZ, duration=seconds or None)[0]
    for path in sounds:
        pair = load(target), load(path)
        try:
            found = opinions(*pair, EAR_HZ) | figures(*pair, EAR_HZ) | pitch(*pair, EAR_HZ)
        except WorkbookError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"| {path.stem} | {' | '.join(f'{found[name]:.2f}' for name in COLUMNS)} |")


def opinions(target: np.ndarray, sound: np.ndarray, rate: int) -> dict[str, float]:
    """What two models of the ear say, more is nearer: `visqol` 1 to 4.73, `zimtohrli` 1 to 5. Of sounds `[n_samples]`.

    Raises:
        WorkbookError: the judges are not installed.
    """
    try:
        import zimtohrli
        from visqol import VisqolApi
    except ImportError:
        raise WorkbookError(INSTALL) from None
    target, sound = alike(target, sound, rate, EAR_HZ)
    judge = VisqolApi()
    judge.create(mode="audio")
    near = judge.measure_from_arrays(target.astype(np.float64), sound.astype(np.float64), EAR_HZ).moslqo
    return {"visqol": float(near), "zimtohrli": float(zimtohrli.mos_from_signals(target, sound))}


def figures(target: np.ndarray, sound: np.ndarray, rate: int) -> dict[str, float]:
    """Less is nearer: `loss` (log magnitudes), `loudness_db` and `mel_db`. Of sounds `[n_samples]`."""
    pair = alike(target, sound, rate, FIGURES_HZ)
    between = lambda of: np.abs(np.subtract(*map(of, pair)))
    log = lambda n: lambda x: np.log(np.abs(librosa.stft(x, n_fft=n, hop_length=n // 4)) + 1e-5)
    mel = lambda x: librosa.feature.melspectrogram(y=x, sr=FIGURES_HZ, n_mels=80)
    rms_db = lambda x: 20 * np.log10(librosa.feature.rms(y=x)[0] + 1e-7)
    loud = rms_db(pair[0]) > rms_db(pair[0]).max() - AUDIBLE_DB
    return {
        "loss": float(np.mean([between(log(n)).mean() for n in WINDOWS])),
        "loudness_db": float(between(rms_db)[loud].mean()),
        "mel_db": float(between(lambda x: librosa.power_to_db(mel(x), amin=1e-8, top_db=None)).mean()),
    }


def pitch(target: np.ndarray, sound: np.ndarray, rate: int) -> dict[str, float]:
    """The pitch as Praat hears it: median error in cents, share of frames wrong, and of those that lost their pitch.

    Raises:
        WorkbookError: Praat is not installed.
    """
    try:
        import parselmouth
    except ImportError:
        raise WorkbookError(INSTALL) from None
    hears = lambda x: parselmouth.Sound(x.astype(np.float64), FIGURES_HZ).to_pitch_ac(time_step=0.01, **PRAAT_HZ)
    asked, played = (hears(x).selected_array["frequency"] for x in alike(target, sound, rate, FIGURES_HZ))
    both = (asked > 0) & (played > 0)
    cents = 1200 * np.abs(np.log2(played[both] / asked[both])) if both.any() else np.array([np.nan])
    lost = ((asked > 0) & (played == 0)).sum() / max((asked > 0).sum(), 1)
    return {
        "pitch_cents": float(np.median(cents)),
        "pitch_off": float((cents > WRONG_CENTS).mean()),
        "pitch_lost": float(lost),
    }


def alike(target: np.ndarray, sound: np.ndarray, rate: int, wanted_rate: int) -> list[np.ndarray]:
    """Both at another rate, as long as the shorter one."""
    n = min(len(target), len(sound))
    return [
        librosa.resample(np.asarray(x[:n], np.float32), orig_sr=rate, target_sr=wanted_rate) for x in (target, sound)
    ]


if __name__ == "__main__":
    main()
