"""The growth panel, driven without a browser: knobs turned, buttons clicked, what the player holds decoded."""

import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import ADSR, GrowthPlan, grow
from ddsp_nb.panels import GrowthPanel, Player
from ddsp_nb.panels.growth.composed import History
from ddsp_nb.panels.growth.knob_views import SHARED
from ddsp_nb.panels.growth.knobs import KNOBS
from ddsp_nb.panels.growth.start_box import OWN_PLAN
from ddsp_nb.piece.presets import PRESETS
from ddsp_nb.piece.sidecar import read_sidecar, regrow
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.sound.loudness import integrated_lufs
from ddsp_nb.store.workspace import Workspace

FAINT_DB = 24  # below the loudest stage: a first stage that is softer is taken for silence
SOME = {  # a value of each control, what must hold for it to count, and the part of the plan that it becomes
    "strategy": ("primes", {}, {"strategy": "primes"}),
    "n_stages": (3, {"strategy": "linear"}, {"n_stages": 3}),
    "stages": ("1/1+3", {"strategy": "written"}, {"stages": ((1,), (1, 3))}),
    "order": ("odd", {}, {"order": "odd"}),
    "shrinking": (True, {}, {"shrinking": True}),
    "stage_duration_s": (0.8, {}, {"stage_duration_s": 0.8}),
    "pace": (0.25, {}, {"stage_duration_s": (0.5, 0.125), "silence_duration_s": (0.2, 0.05)}),
    "crossfade_s": (0.1, {}, {"crossfade_s": 0.1}),
    "silence_duration_s": (0.0, {}, {"silence_duration_s": 0.0}),
    "noise": ("every", {}, {"noise": "every"}),
    "noise_strategy": ("exponential", {"noise": "bands"}, {"noise_strategy": "exponential"}),
    "noise_order": ("high", {"noise": "bands"}, {"noise_order": "high"}),
    "pitch": ("held", {}, {"pitch": "held"}),
    "phrase": ("repeat", {}, {"phrase": "repeat"}),
    "rests": ("keep", {}, {"rests": "keep"}),
    "notes": ("A4, 330", {"pitch": "notes"}, {"pitch": ("A4", 330.0)}),
    "rule": ("blink", {"strategy": "rule"}, {"rule": "blink"}),
    "rule_number": ("12", {"strategy": "rule", "rule": "own"}, {"rule": "12"}),
    "neighbours": ("2, 3/2", {"strategy": "rule"}, {"neighbours": "2, 3/2"}),
    "rule_chance": (0.5, {"strategy": "rule"}, {"rule_chance": 0.5}),
    "ratios": ("just", {}, {"ratios": "just"}),
    "own_ratios": ("1, 2.5", {"ratios": "own"}, {"ratios": (1.0, 2.5)}),
    "inharmonicity": (0.01, {}, {"inharmonicity": 0.01}),
    "attack_s": (0.1, {}, {"adsr": ADSR(attack_s=0.1)}),
    "decay_s": (0.1, {}, {"adsr": ADSR(decay_s=0.1)}),
    "sustain": (0.5, {}, {"adsr": ADSR(sustain=0.5)}),
    "release_s": (0.1, {}, {"adsr": ADSR(release_s=0.1)}),
    "loudness": ("swell", {}, {"loudness_db": (-24.0, 0.0, -24.0)}),
    "loudness_as": ("heard", {}, {"loudness_as": "heard"}),
    "depth_db": (12, {"loudness": "crescendo"}, {"loudness_db": (-12.0, 0.0)}),
    "timing": (True, {}, {"stage_duration_s": 0.375, "silence_duration_s": 0.125}),
    "stage_note": ("1/2", {"timing": True}, {"stage_duration_s": 0.875}),
    "silence_note": ("0", {"timing": True, "stage_note": "1/4"}, {"stage_duration_s": 0.5, "silence_duration_s": 0.0}),
    "lengths": ("1, 2", {"lengths": "1, 3"}, {"stage_duration_s": (1.0, 2.0)}),
    "bands": ("0/1-8", {"noise": "written"}, {"noise_stages": ((), tuple(range(1, 9)))}),
    "sustains": ("0, 1", {"sustains": "1, 0"}, {"adsr": ADSR(sustain=(0.0, 1.0))}),
    "timbre_first": ("flute", {}, {"timbre": ("flute", "own")}),
    "timbre_last": ("oboe", {}, {"timbre": ("own", "oboe")}),
    "timbres": ("own, flute:0.5 oboe:0.5", {"timbres": "cello, own, oboe"}, {"timbre": ("own", "flute:0.5 oboe:0.5")}),
    "levels": ("-6, -1", {"levels": "-9, -3"}, {"loudness_db": (-6.0, -1.0)}),
}


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "my", tmp_path / "shipped")


@pytest.fixture
def panel(trained, take, tmp_path, workspace):
    panel = GrowthPanel(trained, take, workspace=workspace)
    panel.exporter.file_name.value = str(tmp_path / "files" / "piece.wav")
    return panel


def held(panel):
    """What the player holds, [n_samples]."""
    return panel.player.sounds[panel.held.title]


@pytest.fixture
def sent(monkeypatch):
    """Messages of players to the page."""
    messages = []
    monkeypatch.setattr(Player, "send", lambda self, content, buffers=(): messages.append(content))
    return messages


def turn(panel, **values):
    """Turn knobs, one after the other."""
    for name, value in values.items():
        panel.knobs[name].value = value


def is_error(panel):
    return panel.status.wrong or panel.exporter.words.wrong


def words_of(choice):
    """What a list shows as chosen."""
    return next(words for words, value in choice.options if value == choice.value)


# Knobs


def test_every_control_is_in_the_table(panel):
    assert sorted(panel.knobs) == sorted([*SOME, "seed", "harmonise", "harmonises", *KNOBS["Layer"], *SHARED])


def test_every_control_changes_the_plan_and_the_map(panel):
    for name, (value, needs, part) in SOME.items():
        panel.preset.value = next(iter(PRESETS))
        turn(panel, **needs)
        plan, drawn, control = panel.plan, panel.score.score, panel.knobs[name]
        assert not (control.disabled or control.hidden), name
        control.value = value
        values = {f: getattr(plan, f) for f in plan.__dataclass_fields__}
        if values["stages"] is not None:
            del values["strategy"]
        if values["noise_stages"] is not None:
            del values["noise"]
        assert panel.plan == GrowthPlan(**values | part) != plan, name
        assert panel.score.score["version"] > drawn["version"], name
        same = name in (
            *KNOBS["Pitch"],
            *KNOBS["ADSR"],
            "own_ratios",
            "pace",
            "loudness_as",
        )  # another sound, the same stages
        assert same or panel.score.score["stages"] != drawn["stages"], name
        assert not is_error(panel), name


def test_controls_that_do_not_count_are_out_of_the_way(panel):
    hidden = {name for name, control in panel.knobs.items() if control.disabled}
    assert hidden == {
        "n_stages", "stages", "seed", "noise_strategy", "noise_order", "notes", "own_ratios", "depth_db",
        "tempo_bpm", "beats_per_bar", "stage_note", "silence_note", "lengths", "bands", "sustains", "levels", "timbres",
        "rule", "rule_number", "neighbours", "rule_chance",
        "harmonise", "harmonises",
    }  # fmt: skip
    assert all(control.hidden == control.disabled for control in panel.knobs.values())


def test_the_seed_shuffles(panel):
    panel.knobs["order"].value = "random"
    before, plan = panel._schedule(0).masks, panel.plan
    panel.knobs["seed"].value = 3
    assert panel.plan == plan and not torch.equal(panel._schedule(0).masks, before)


def test_the_status_tells_stages_length_and_remarks(panel):
    turn(panel, strategy="written", stages="1, 2", silence_duration_s=0.0)
    assert "2 stages, 1.0 s, from 1 to 2 partials" in panel.status.value
    assert "No stage is complete" in panel.status.value


# Presets


def test_the_panel_opens_with_the_first_preset(panel):
    assert panel.preset.value == next(iter(PRESETS)) and panel.plan == GrowthPlan()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_render_and_pass(trained, take, name):
    growth_panel = GrowthPanel(trained, take)
    growth_panel.preset.value = name
    growth_panel.render()
    assert not is_error(growth_panel) and growth_panel.preset.value == name
    certificate = growth_panel.growth.certificate()
    assert certificate.passed, certificate.faults
    assert PRESETS[name].plan == growth_panel.growth.plan


def test_a_turned_knob_makes_the_plan_ones_own(panel):
    panel.knobs["attack_s"].value = 0.3
    assert panel.preset.value == OWN_PLAN and panel.plan.adsr.attack_s == 0.3
    panel.knobs["attack_s"].value = 0.02
    assert panel.preset.value == "First sine to full sound"


# Undo and redo


def test_undo_and_redo(panel):
    first = panel.plan
    panel.knobs["order"].value = "high"
    second = panel.plan
    panel.preset.value = "Bell"
    bell = panel.plan
    for expected in (second, first):
        panel._act({"type": "undo"})
        assert panel.plan == expected
    assert not panel.score.can_undo and panel.score.can_redo
    for expected in (second, bell):
        panel._act({"type": "redo"})
        assert panel.plan == expected
    assert not panel.score.can_redo and panel.preset.value == "Bell"


def test_a_change_after_undo_forgets_what_was_undone():
    history = History(1)
    for value in (2, 2, 3):
        history.record(value)
    assert history.step(-1) == 2
    history.record(9)
    assert not history.can_step(1) and [history.step(-1), history.step(-1)] == [2, 1]


def test_what_a_hand_holds_is_one_step():
    history = History(0)
    history.record(1)
    for value in (2, 3, 4):
        history.record(value, held=True)
    history.let_go()
    history.record(5, held=True)
    # Brought back: no step at all.
    history.record(4, held=True)
    assert history.states == [0, 1, 4] and history.step(-1) == 1


# From session to session


def kept(workspace):
    (path,) = (workspace.folder / "growth").glob("*-composed.json")
    return path


def test_what_was_composed_comes_back_and_nothing_is_kept_without_a_workspace(panel, trained, take, workspace):
    turn(panel, order="random", seed=7, levels="-6, -1")
    panel.add_layer()
    turn(panel, pan=0.5)
    again = GrowthPanel(trained, take, workspace=workspace)
    assert (again.sketch, again.selected) == (panel.sketch, 1) and again.score.can_undo
    for _ in range(5):
        again._act({"type": "undo"})
    assert again.sketch == again.empty[0]
    before = kept(workspace).read_bytes()
    turn(GrowthPanel(trained, take), order="high")
    assert kept(workspace).read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: "[1, 2]",
        lambda text: text.replace('"now": 1', '"now": 99'),
        lambda text: text.replace('"plays": "growth:"', '"plays": "growth:a flute that is gone"'),
        lambda text: text.replace('"order": "high"', '"order": "upwards"'),
    ],
)
def test_a_damaged_or_foreign_file_is_ignored(panel, trained, take, workspace, damage):
    turn(panel, order="high")
    text = kept(workspace).read_text()
    kept(workspace).write_text(damage(text))
    assert damage(text) != text
    again = GrowthPanel(trained, take, workspace=workspace)
    assert again.sketch == again.empty[0] and not again.score.can_undo and not is_error(again)
    turn(again, order="odd")
    assert GrowthPanel(trained, take, workspace=workspace).plan.order == "odd"


def test_large_pieces_keep_fewer_steps_and_never_none(panel, trained, take, workspace, monkeypatch):
    monkeypatch.setattr("ddsp_nb.panels.growth.composed.LARGEST_STORE", 4000)
    for stages in range(2, 9):
        panel.plan = GrowthPlan(strategy="linear", n_stages=stages)
    assert kept(workspace).stat().st_size < 4000
    assert GrowthPanel(trained, take, workspace=workspace).plan == panel.plan


# Sound


def test_render_fills_the_player_and_plays(panel, sent):
    panel.knobs["stage_duration_s"].value = 0.4
    panel._act({"type": "play"})
    stages = panel.growth.stages
    assert len(held(panel)) / panel.player.sample_rate == pytest.approx(len(stages) * 0.6 - 0.2, abs=1e-3)
    assert "Rendered and kept as Render 1" in panel.status.value and sent[-1]["play"]
    assert [mark[1] for mark in sent[-1]["marks"]] == [str(i + 1) for i in range(len(stages))]
    assert sent[-1]["marks"][1][0] == pytest.approx(0.6, abs=1e-3)


def test_live_renders_after_each_change(panel):
    panel.score.live = True
    panel.knobs["noise"].value = "every"
    assert panel.score.fresh and panel.growth.plan.noise == "every"


def test_a_stage_is_played_once_and_a_loop_follows_its_stages(panel, sent):
    panel._act({"type": "play", "stage": 1})
    first = panel.score.score["stages"][1]
    assert sent[-1]["once"] == pytest.approx((first["start"], first["stop"])) and not sent[-1].get("play")
    panel._act({"type": "loop", "stages": [1, 2]})
    panel.knobs["stage_duration_s"].value = 0.25
    panel._act({"type": "play"})
    stages = panel.score.score["stages"]
    assert sent[-1]["loop"] == pytest.approx((stages[1]["start"], stages[2]["stop"]))


# What is drawn on the score


def draw(panel, **edit):
    panel._act({"type": "edit"} | edit)


def test_cells_that_are_switched_are_what_sounds(panel):
    rows, n = panel.score.score["n_partials"], len(panel.score.score["stages"])
    draw(panel, partials=["101" + "0" * (rows - 3)] * n)
    assert not is_error(panel) and panel.plan.stages == ((1, 3),) * n
    panel._act({"type": "undo"})
    draw(panel, bands=["1" + "0" * 63] * n)
    assert panel.plan.noise_stages == ((1,),) * n and panel.plan.stages is None
    panel.render()
    assert panel.growth.schedule.noise_masks.sum() == n


def test_curves_that_are_drawn_are_those_of_the_plan(panel):
    n = len(panel.score.score["stages"])
    values = [round(0.3 + 0.1 * i, 2) for i in range(n)]
    draw(panel, lengths_s=values)
    draw(panel, levels_db=[-6.0] * (n - 1) + [0.0])
    draw(panel, sustains=[0.5] * n)
    turn(panel, timbre_last="oboe")
    draw(panel, shares=[0.25] * (n - 1) + [2.0])
    plan = panel.plan
    assert plan.timbre == ("own:0.75 oboe:0.25",) * (n - 1) + ("own:0 oboe:1",)
    assert plan.stage_duration_s == pytest.approx(values)
    assert plan.loudness_db[-2:] == (-6, 0) and plan.adsr.sustain == (0.5,) * n
    shown = panel.score.score["stages"]
    assert [s["stop"] - s["start"] for s in shown] == pytest.approx(values, abs=1e-4)
    assert [s["share"] for s in shown] == [0.25] * (n - 1) + [1] and shown[0]["becomes"] == "oboe"
    panel.knobs["timbre_first"].value = "flute"
    assert panel.plan.timbre[0] == "flute:0.75 oboe:0.25"
    panel.knobs["timbres"].value = ""
    assert panel.plan.timbre == ("flute", "oboe")
    panel.knobs["lengths"].value = ""
    assert panel.plan.stage_duration_s == 0.5  # the slider's again


def test_a_moved_stage_takes_everything_along(panel):
    turn(panel, pitch="notes", notes="A4, C5", noise="bands", timbre_last="oboe")
    before = panel.score.score["stages"]
    order = [1, 0, *range(2, len(before)), 0]
    draw(panel, order=order)
    after = panel.score.score["stages"]
    for name in ("partials", "bands", "note", "share"):
        assert [stage[name] for stage in after] == [before[i][name] for i in order], name


def test_drawn_lengths_become_note_values_at_a_tempo(panel):
    turn(panel, timing=True, stage_note="1/8", silence_note="1/32", tempo_bpm=97.0)
    stages = panel.score.score["stages"]
    lengths_s = [s["stop"] - s["start"] for s in stages]
    lengths_s[2] += 60 / 97 / 4
    draw(panel, lengths_s=lengths_s)
    assert panel.knobs["lengths"].value.split(", ")[:4] == ["1/8", "1/8", "1/8.", "1/8"]
    assert panel.plan.stage_duration_s[2] == pytest.approx(60 / 97 * 5 / 8)


@pytest.mark.parametrize(
    "edit",
    [{"lengths_s": [1.0]}, {"order": [99]}, {"order": "x"}, {"nonsense": [1]}, {"bands": 5}, {"shares": [1] * 7}],
)
def test_what_cannot_be_drawn_changes_nothing(panel, sent, monkeypatch, edit):
    refused = []
    monkeypatch.setattr(panel.score, "send", refused.append)
    before = panel.sketch
    draw(panel, **edit)
    assert is_error(panel) and panel.sketch == before and refused == [{"type": "refused"}]


# Layers


def test_layers_sound_over_one_another_and_undo_reaches_all(panel):
    panel._act({"type": "play"})
    alone = held(panel)
    panel.add_layer()
    turn(panel, delay_s=1.0, gain_db=-6.0, pan=0.5, strategy="primes")
    panel._act({"type": "play"})
    assert held(panel).shape[0] == 2 and held(panel).shape[1] > len(alone)
    assert [bool(layer["selected"]) for layer in panel.score.score["layers"]] == [False, True]
    assert panel.score.score["stages"][0]["start"] == pytest.approx(1.0)
    panel.knobs["tempo_bpm"].value = 90.0
    assert panel.tempo == Tempo(90)
    for _ in range(6):
        panel._act({"type": "undo"})
    assert len(panel.layers) == 1 and np.array_equal(held(panel), alone)


# Rooms


def test_a_piece_in_a_room_rings_on_and_undo_turns_it_off(panel):
    assert dict(panel.room.choice.options)["as recorded: dry"] == panel.sketch.room and panel.room.level.disabled
    panel._act({"type": "play"})
    dry = held(panel)
    panel.room.choice.value = dict(panel.room.choice.options)["hall"]
    wet = held(panel)
    after = wet[len(dry) :]
    assert len(after) > 0.5 * panel.piece.sample_rate and abs(after).max() > 1e-3 and panel.piece.room.rt60_s > 1.2
    panel.add_layer()
    panel.drop_layer()
    panel.knobs["tempo_bpm"].value = 90.0
    panel.room.level.value = -12.0
    panel._act({"type": "play"})
    softer = held(panel)[: len(dry)] / panel.piece.gain.item() - dry
    np.testing.assert_allclose(
        softer, (wet[: len(dry)] / panel.renders.all[1].piece.gain.item() - dry) / 10**0.6, atol=1e-5
    )
    for _ in range(5):
        panel._act({"type": "undo"})
    assert np.array_equal(held(panel), dry) and words_of(panel.room.choice) == "as recorded: dry"


def test_the_room_of_the_recording_is_heard_until_another_is_chosen(trained, take, hall):
    panel = GrowthPanel(trained, replace(take, room=hall))
    assert words_of(panel.room.choice) == "as recorded" and not panel.room.level.disabled
    panel._act({"type": "play"})
    assert panel.piece.room is hall
    panel.room.choice.value = dict(panel.room.choice.options)["none"]
    assert panel.piece.room is None and len(panel.renders.all) == 2


def test_a_room_of_ones_own_is_kept_with_what_was_rendered_in_it(panel, trained, take, workspace, hall, tmp_path):
    panel.room.bring("cave.wav", hall.save(tmp_path / "cave.wav").read_bytes())
    assert words_of(panel.room.choice) == "cave" and not panel.room.level.disabled
    panel._act({"type": "play"})
    sound = held(panel)
    panel.exporter.button.click()
    again = GrowthPanel(trained, take, workspace=workspace)
    again.renders_box.show(None)
    bring_back(again, 1)
    assert words_of(again.room.choice) == "cave" and np.array_equal(held(again), sound)
    made = regrow(read_sidecar(tmp_path / "files" / "piece.json"), (trained, take), room=again.piece.room)
    assert np.array_equal(made.audio, sound)
    panel._attempt(lambda: panel.room.bring("song.wav", b"no sound"))
    assert is_error(panel) and "song.wav" in panel.status.value and words_of(panel.room.choice) == "cave"
    assert [path.name for path in (workspace.folder / "growth" / "rooms").iterdir()] == ["cave.wav"]


# Renders and presets


def bring_back(panel, number):
    panel.renders_box.list.value = number
    panel.renders_box.buttons["Bring back"]()


def test_every_render_comes_back_also_after_a_restart(panel, trained, take, workspace):
    pieces = []
    for strategy in ("exponential", "primes", "linear"):
        panel.knobs["strategy"].value = strategy
        panel._act({"type": "play"})
        panel._act({"type": "play"})  # the same again is no other render
        pieces.append((panel.plan, held(panel)))
    assert len(panel.renders.all) == 3
    again = GrowthPanel(trained, take, workspace=workspace)
    again.renders_box.show(None)
    for one, number in ((panel, 1), (panel, 2), (again, 3), (again, 1)):
        bring_back(one, number)
        plan, sound = pieces[number - 1]
        assert one.plan == plan and np.array_equal(held(one), sound)


def test_pinned_renders_stay_beside_the_new_ones_in_the_player(panel):
    panel._act({"type": "play"})
    panel.renders_box.list.value = 1
    panel.renders_box.buttons["Pin or unpin"]()
    panel.renders_box.name.value = "the first"
    panel.renders_box.buttons["Name it"]()
    panel.knobs["order"].value = "high"
    panel._act({"type": "play"})
    assert list(panel.player.sounds) == ["Render 2", "the first"]
    panel.renders_box.list.value = 1
    panel.renders_box.buttons["Discard"]()
    assert list(panel.player.sounds) == ["Render 2"] and len(panel.renders.all) == 1


def test_memory_is_bounded_and_what_was_let_go_sounds_the_same(panel, monkeypatch):
    panel._act({"type": "play"})
    first = held(panel)
    monkeypatch.setattr("ddsp_nb.panels.growth.renders.MOST_SAMPLES", 1000)
    panel.knobs["order"].value = "high"
    panel._act({"type": "play"})
    assert [kept.piece is None for kept in panel.renders.all] == [True, False]
    bring_back(panel, 1)
    assert np.array_equal(held(panel), first)


def test_recall_in_live_mode_does_not_render_again(panel):
    panel._act({"type": "play"})
    panel.knobs["noise"].value = "none"
    panel.score.live = True
    bring_back(panel, 1)
    assert panel.held.number == 1 and len(panel.renders.all) == 1


def test_presets_of_ones_own_are_kept_by_name(panel, trained, take, workspace):
    turn(panel, order="high", levels="-6, -1")
    plan = panel.plan
    panel.start.name.value = "Mine"
    panel.start.save_button.click()
    again = GrowthPanel(trained, take, workspace=workspace)
    again.preset.value = "Mine"
    assert again.plan == plan and not is_error(again)
    again.start.delete_button.click()
    assert "Mine" not in GrowthPanel(trained, take, workspace=workspace).preset.options
    panel.start.name.value = "Bell"
    panel.start.save_button.click()
    assert is_error(panel)


def test_chance_is_the_same_for_the_same_number(panel, trained, take):
    other = GrowthPanel(trained, take)
    plans = []
    for _ in range(5):
        for one in (panel, other):
            one.start.roll_button.click()
            assert not is_error(one), one.status.value
        assert panel.plan == other.plan
        plans.append(panel.plan)
    assert len(set(map(repr, plans))) == 5


# The certificate


def wait_for_measure(panel):
    end = time.time() + 60
    while panel.measure_button.disabled:
        assert time.time() < end, "waited in vain"
        time.sleep(0.01)


def test_measure_tells_the_verdict_and_remembers_it(panel):
    panel.measure_button.click()  # renders first
    wait_for_measure(panel)
    assert "Yes: every partial that should be silent is at least" in panel.verdict.value
    panel.knobs["noise"].value = "none"
    assert "Yes" not in panel.verdict.value
    panel._act({"type": "undo"})
    assert "Yes" in panel.verdict.value


def test_measure_finds_a_fault_and_names_its_stage(panel):
    panel._act({"type": "play"})
    panel.growth.harmonic[panel.growth.stages[1].start] += 0.5
    panel.measure_button.click()
    wait_for_measure(panel)
    assert "No. Stage 2" in panel.verdict.value or "No. Stage 1" in panel.verdict.value


def test_every_preset_is_heard_from_its_first_stage(trained, take):
    for name, preset in PRESETS.items():
        growth = grow(trained, take, preset.plan, 0)
        levels_db = [10 * growth.stage_audio(i).square().mean().log10() for i in range(len(growth.stages))]
        assert levels_db[0] > max(levels_db) - FAINT_DB, name


# Words instead of tracebacks


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"strategy": "written", "stages": "one, two"}, "counts such as 1,4,9"),
        ({"pitch": "notes", "notes": "H4"}, "a note such as"),
        ({"pitch": "notes", "notes": "60 64"}, "Write C4 E4 for the notes, or 60Hz 64Hz"),
        ({"timing": True, "silence_note": "1/4"}, "The silence fills a whole stage"),
    ],
)
def test_a_plan_that_cannot_be_made_is_explained_and_all_stays(panel, values, words):
    *first, (name, value) = values.items()
    turn(panel, **dict(first))
    panel._act({"type": "play"})
    sketch, score, sound = panel.sketch, panel.score.score, held(panel)
    turn(panel, **{name: value})
    assert is_error(panel) and words in panel.status.value and panel.knobs[name].value == value
    assert (panel.sketch, panel.score.score) == (sketch, score) and held(panel) is sound and panel.score.fresh
    panel._act({"type": "undo"})
    panel._act({"type": "redo"})
    assert not is_error(panel) and panel.sketch == sketch and panel.knobs[name].value != value


def test_a_plan_that_cannot_be_rendered_is_explained_and_map_and_sound_stay(panel):
    panel._act({"type": "play"})
    score, sound = panel.score.score, held(panel)
    turn(panel, strategy="written", stages="1/400")
    for _ in range(2):
        assert is_error(panel) and "There is no partial 400" in panel.status.value and held(panel) is sound
        panel._act({"type": "play"})
    panel._act({"type": "undo"})
    panel._act({"type": "undo"})
    assert not is_error(panel) and panel.score.fresh and panel.score.score["stages"] == score["stages"]


def test_files_have_the_loudness_that_is_chosen_and_the_player_does_not(panel, tmp_path):
    panel.exporter.loudness.value = -23
    panel.exporter.button.click()
    sound, rate = sf.read(tmp_path / "files" / "piece.wav", dtype="float32")
    assert integrated_lufs(torch.from_numpy(sound), rate) == pytest.approx(-23, abs=0.1)
    assert "Turned down by" in panel.exporter.words.value and "to -23.0 LUFS; true peak" in panel.exporter.words.value
    name, content = panel.exporter.zipped(panel.piece)
    (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / name) as files:
        assert files.read("piece.wav") == (tmp_path / "files" / "piece.wav").read_bytes()
    assert integrated_lufs(torch.from_numpy(held(panel)), rate) > -20 and panel.piece.composition.target_lufs is None


def test_lengths_in_notes_follow_the_tempo_and_the_preset_stays_itself(panel):
    panel.preset.value = "Pulse"
    for bpm in (97.0, 133.0, 61.0):
        panel.knobs["tempo_bpm"].value = bpm
        slot_s = panel.plan.stage_duration_s + panel.plan.silence_duration_s
        assert slot_s == pytest.approx(30 / bpm, rel=1e-12) and panel.preset.value == "Pulse"
        assert (panel.knobs["stage_note"].value, panel.knobs["silence_note"].value) == ("1/8", "1/32")
    panel.knobs["timing"].value = False
    plan = panel.plan
    panel.knobs["tempo_bpm"].value = 90.0
    assert panel.plan == plan  # seconds are seconds


def test_a_plan_from_code_is_shown_by_the_knobs(panel):
    panel.plan = GrowthPlan(stages=((1,), (1, 3)), pitch=("A3", 330.0), loudness_db=(-12.0, 0.0))
    shown = {name: panel.knobs[name].value for name in ("strategy", "stages", "pitch", "notes", "loudness", "depth_db")}
    assert shown == {
        "strategy": "written",
        "stages": "1/1+3",
        "pitch": "notes",
        "notes": "A3, 330Hz",
        "loudness": "crescendo",
        "depth_db": 12.0,
    }
    assert not is_error(panel)


def test_an_unexpected_error_leaves_the_panel_alive(panel, monkeypatch):
    monkeypatch.setattr("ddsp_nb.panels.growth.panel.compose", lambda *_, **__: 1 / 0)
    panel._act({"type": "play"})
    assert "ZeroDivisionError" in panel.status.value
    monkeypatch.undo()
    panel._act({"type": "play"})
    assert "Rendered" in panel.status.value


# Export


def test_export_writes_sound_and_sidecar_that_renders_the_same(panel, trained, take, tmp_path):
    panel.preset.value = "Accelerating swarm"
    panel.exporter.button.click()
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["piece.json", "piece.wav"]
    assert "Written" in panel.exporter.words.value and "piece.json" in panel.exporter.words.value
    again = regrow(read_sidecar(tmp_path / "files" / "piece.json"), (trained, take))
    assert torch.equal(again.audio, panel.piece.audio)


def test_export_writes_what_is_ticked(panel, tmp_path):
    turn(panel, strategy="written", stages="1, 4")
    more = {
        "stems": {"piece_harmonic.wav", "piece_noise.wav"},
        "stages": {"piece_stage_01.wav", "piece_stage_02.wav"},
        "midi": {"piece.mid"},
        "stage_map": {"piece_map.png"},
    }
    expected = {"piece.json", "piece.wav"}
    panel.exporter.replace_box.value = True
    for box, names in more.items():
        panel.exporter.also[box].value = True
        panel.exporter.button.click()
        expected |= names
        assert {path.name for path in (tmp_path / "files").iterdir()} == expected


def test_export_does_not_overwrite_unless_asked(panel, tmp_path):
    panel.exporter.button.click()
    before = (tmp_path / "files" / "piece.wav").read_bytes()
    panel.knobs["strategy"].value = "exponential"
    panel.exporter.button.click()
    assert "exists already" in panel.exporter.words.value and "tick “replace" in panel.exporter.words.value
    assert (tmp_path / "files" / "piece.wav").read_bytes() == before
    panel.exporter.replace_box.value = True
    panel.exporter.button.click()
    assert "Written" in panel.exporter.words.value and (tmp_path / "files" / "piece.wav").read_bytes() != before


def test_export_explains_names_it_cannot_write(panel):
    for name in ("", "piece.mp3", "."):
        panel.exporter.file_name.value = name
        panel.exporter.button.click()
        assert is_error(panel) and ".wav or .flac" in panel.exporter.words.value and panel.growth is None
