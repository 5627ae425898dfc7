"""The instrument under the hands: keys in the page that a trained model answers, without the kernel."""

import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import anywidget
import torch
import traitlets

from ddsp_nb.errors import ConfigError, NotesError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.render import grow
from ddsp_nb.notes.scala import Tuning, read_tuning, retuned
from ddsp_nb.panels.board import Board, Button, Download, File
from ddsp_nb.panels.growth.words import stage_marks
from ddsp_nb.panels.keyboard.weights import WASM, check_playable, heard_timbre, packed, settings
from ddsp_nb.panels.listen import at_one_gain
from ddsp_nb.panels.page import PageWidget, module
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.rooms import NONE, RECORDED, rooms_for
from ddsp_nb.panels.widgets import in_words
from ddsp_nb.piece.compose import Piece
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.own_timbre import warn_of_lift
from ddsp_nb.playing.performance import Performance
from ddsp_nb.studio.export import export_instrument
from ddsp_nb.synthesis.room import Room
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

MAX_VOICES = 16  # of the largest network these take half of one core
PIECE = 1 << 22  # bytes of a message: servers refuse more than 10 MiB, and small ones keep the page alive
MAP = ".kbm"
N_STAGES, HIGHEST_HZ = 8, 12_000  # of a phrase that grows, which is played once, and of its picture


class PlayPanel(PageWidget):
    """Play a trained model: keys on the screen, of the computer or of MIDI, or sing; sliders for what sounds of it.

    Network and synthesizer run in the page, so the kernel is free while one plays, and may even train: `use` swaps the
    weights under the fingers. What is played between Record and Stop comes back as `performance`.

    Args:
        model: the instrument, with its own timbre.
        take: of its recording, whose attack, decay and release notes have, or these; usual ones without.
        n_voices: that sound at a time, 1 to 16; one more steals the oldest released one, which fades within 10 ms.
        rooms: {name: room} to choose from, besides that of the take and made ones.
        tuning: [128] Hz of the keys, None where one plays nothing, such as `read_tuning("slendro.scl")`.

    Attributes:
        room: name of the room that is heard: that of the take, or "none", until another one is chosen.
        wet_db: by which that room is louder than it is.

    Raises:
        ConfigError: n_voices outside its range, or an instrument that the page cannot compute (`hidden_size` no
            multiple of 4, `hop_length` no power of 2).
    """

    _esm = module("play_panel", WORKLET="play_worklet", WORKER="play_worker", MICROPHONE="play_microphone_worklet")

    room = traitlets.Unicode(NONE).tag(sync=True)
    wet_db = traitlets.Float(0.0).tag(sync=True)
    # Some of its buttons, and a player below it once a phrase has grown.
    tuner, grower, sampler, grown = (anywidget.WidgetTrait().tag(sync=True) for _ in range(4))

    def __init__(
        self,
        model: DDSPModel,
        take: Take | Articulation | None = None,
        *,
        n_voices: int = 8,
        rooms: Mapping[str, Room] | None = None,
        tuning: Tuning | None = None,
    ):
        if not 1 <= n_voices <= MAX_VOICES:
            raise ConfigError(f"n_voices is {n_voices!r}; use 1 to {MAX_VOICES}.")
        check_playable(model)
        warn_of_lift(model)
        sampler = Board([Download("Export for a sampler (zip)", self._sampler, waiting="Packing …")])
        grower = Board([Button("Grow this phrase", self._grow, waiting="Growing …")])
        own = File("Tuning …", self._bring_tuning, ".scl,.kbm", tip="A scale (.scl); after it, its keyboard map (.kbm)")
        self._usual = Button("Usual tuning", lambda: self.tune(None), hidden=tuning is None)
        super().__init__(sampler=sampler, grower=grower, tuner=Board([own, self._usual]))
        self.model_played, self.take_played, self.n_voices, self._own_rooms = model, take, n_voices, dict(rooms or {})
        self.tuning, self._tuning_files = tuning, dict[str, bytes]()
        self._performance: Performance | None = None
        self._player = Player({"growing": torch.zeros(1)}, model.config.sample_rate, max_hz=HIGHEST_HZ)
        self.room = RECORDED if RECORDED in self.rooms else NONE
        self.on_msg(self._heard)

    def use(self, model: DDSPModel, take: Take | Articulation | None = None) -> None:
        """Play another model, or the same one as it is now; notes that are held go on with it.

        Args:
            model: the instrument.
            take: of its recording; the one before, if None.

        Raises:
            ConfigError: an instrument that the page cannot compute.
        """
        check_playable(model)
        warn_of_lift(model)
        self.model_played, self.take_played = model, take or self.take_played
        if self.room not in self.rooms:
            self.room = NONE
        self._send_instrument()

    def play_as(self, timbre: torch.Tensor) -> None:
        """Go on in another timbre, notes that are held included, until another one comes or `use` is called.

        It is [n_timbre] such as `family.member("flute:0.4 oboe:0.6").timbre(config)`; its noise floor is left out.
        """
        heard = heard_timbre(timbre.detach().cpu().float(), self.model_played.config)
        self.send({"type": "timbre"}, buffers=[heard.numpy().astype("<f4").tobytes()])

    def tune(self, tuning: Tuning | None) -> None:
        """Play another tuning, as `tuning` of the panel, from now on; the usual one, if None."""
        self.tuning, self._usual.hidden = tuning, tuning is None
        self.send({"type": "tuning", "tuning": tuning})

    def performance(self, default: Performance | None = None) -> Performance:
        """What was played last between Record and Stop, or `default`. Raises NotesError where there is neither."""
        return self._performance or default or Performance((), 0.0)

    def _instrument(self) -> tuple[DDSPModel, Take | None]:
        """What is played, with its own timbre, and the take of its recording."""
        return self.model_played, self.take_played if isinstance(self.take_played, Take) else None

    def _grow(self) -> None:
        """Let what was recorded last grow, in a player below the keys."""
        with self._errors_said():
            phrase, (model, take) = self.performance(), self._instrument()
            if take is None:
                raise ConfigError("A phrase grows with the take of a recording: PlayPanel(model, take).")
            plan = GrowthPlan(strategy="fibonacci", stage_duration_s=phrase.seconds / N_STAGES, silence_duration_s=0)
            growth = grow(model, phrase.take(model, take), plan)
            both = {"growing": self.in_room(growth.audio), "as played": self.in_room(phrase.render(model, take))}
            self._player.show(at_one_gain(both), growth.sample_rate, marks=stage_marks(Piece.of(growth)), play=True)
            self._player.first, self.grown = {"play": self.grown is None}, self._player
            self._player.look()
            counts = ", ".join(str(stage.n_harmonics) for stage in growth.stages)
            self._say(f"Your phrase grows in {len(growth.stages)} stages, with {counts} partials.")

    def _sampler(self) -> tuple[str, bytes] | None:
        """Name and bytes of a zip of the instrument for samplers, or None."""
        told = lambda n, n_all: self._say(f"The instrument plays note {n} of {n_all} for the sampler …")
        with self._errors_said(), TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as guesses:
            model, take = self._instrument()
            export_instrument(model, Path(folder) / "instrument", take=take, on_note=told)
            zipped = Path(shutil.make_archive(f"{folder}/instrument", "zip", folder, "instrument")).read_bytes()
            said = " ".join(str(guess.message) for guess in guesses)
            self._say(f"instrument.zip is in your downloads: unpack it, and open instrument.sfz. {said}")
            return "instrument.zip", zipped
        return None

    def _bring_tuning(self, name: str, content: bytes) -> None:
        """Tune the keys as the file of a scale says, or that of a keyboard map for the scale that came before."""
        scales = [known for known in self._tuning_files if not known.endswith(MAP)]
        files = {known: self._tuning_files[known] for known in scales if name.endswith(MAP)} | {name: content}
        with self._errors_said(), TemporaryDirectory() as folder:
            if len(files) == 1 and name.endswith(MAP):
                raise NotesError(f"{name}: is a keyboard map. First choose the scale (.scl) that its keys play.")
            for known, kept in files.items():
                (Path(folder) / known).write_bytes(kept)
            try:
                tuning = read_tuning(*(Path(folder) / known for known in files))
            except NotesError as error:
                raise NotesError(str(error).replace(f"{folder}/", "")) from error
            self._tuning_files = files
            self.tune(tuning)
            self._say(f"The keys play {' with '.join(files)}.")

    def _tuned(self, events):
        """Events whose keys play what they played here."""
        if self.tuning is None:
            return events
        silent = [key for key, hz in enumerate(self.tuning) if hz is None]
        return retuned((e for e in events if e[1] not in ("on", "off") or e[2] not in silent), self.tuning)

    def _say(self, words: str) -> None:
        self.send({"type": "said", "words": words})

    @contextmanager
    def _errors_said(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._say(in_words(error))

    @property
    def rooms(self) -> dict[str, Room]:
        """Those to choose from, by name."""
        recorded = self.take_played.room if isinstance(self.take_played, Take) else None
        return rooms_for(recorded, self.model_played.config.sample_rate) | self._own_rooms

    def in_room(self, sound: torch.Tensor) -> torch.Tensor:
        """[n_samples] sound in the room that is heard, longer by its reverberation."""
        return sound if self.room == NONE else self.rooms[self.room](sound, self.wet_db)

    @traitlets.validate("room")
    def _check_room(self, proposal):
        if proposal["value"] not in (NONE, *self.rooms):
            raise ConfigError(f"There is no room {proposal['value']!r}. Use one of: {', '.join((NONE, *self.rooms))}.")
        return proposal["value"]

    def _send_instrument(self) -> None:
        """The instrument to every page that shows the panel: numbers in pieces, then what they are, then rooms."""
        layout, numbers = packed(self.model_played)
        data = numbers.tobytes()
        for offset in range(0, len(data), PIECE):
            self.send({"type": "numbers", "offset": offset}, buffers=[data[offset : offset + PIECE]])
        about = settings(self.model_played, self.take_played, self.n_voices) | {"tuning": self.tuning}
        self.send({"type": "instrument", "layout": layout, "settings": about}, buffers=[WASM.read_bytes()])
        impulses = {NONE: torch.zeros(0)} | {name: room.reverberation for name, room in self.rooms.items()}
        buffers = [impulse.numpy().astype("<f4").tobytes() for impulse in impulses.values()]
        self.send({"type": "rooms", "names": list(impulses)}, buffers=buffers)

    def _heard(self, _, content, buffers):
        if content.get("type") == "ready":
            self._send_instrument()
        elif content.get("type") == "performance":
            self._performance = None
            with suppress(NotesError), TemporaryDirectory() as folder:
                self._performance = Performance(tuple(self._tuned(map(tuple, content["events"]))), content["seconds"])
                midi = self._performance.save_midi(Path(folder) / "played.mid")
                self.send({"type": "midi"}, buffers=[midi.read_bytes()])
