"""The growth panel, driven without a browser: knobs turned, buttons clicked, what the player holds decoded."""

import json
import time

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import ADSR, GrowthPlan, grow
from ddsp_nb.growth.sidecar import read_sidecar, regrow
from ddsp_nb.panels import Player
from ddsp_nb.panels.growth_controls import ESSENTIAL, MORE
from ddsp_nb.panels.growth_panel import OWN_PLAN, GrowthPanel
from ddsp_nb.panels.growth_results import History, Takes
from ddsp_nb.panels.presets import DEFAULTS, PRESETS, plan_from_values

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
    "notes": ("A4, 330", {"pitch": "notes"}, {"pitch": ("A4", 330.0)}),
    "ratios": ("just", {}, {"ratios": "just"}),
    "own_ratios": ("1, 2.5", {"ratios": "own"}, {"ratios": (1.0, 2.5)}),
    "inharmonicity": (0.01, {}, {"inharmonicity": 0.01}),
    "attack_s": (0.1, {}, {"adsr": ADSR(attack_s=0.1)}),
    "decay_s": (0.1, {}, {"adsr": ADSR(decay_s=0.1)}),
    "sustain": (0.5, {}, {"adsr": ADSR(sustain=0.5)}),
    "release_s": (0.1, {}, {"adsr": ADSR(release_s=0.1)}),
    "loudness": ("swell", {}, {"loudness_db": (-24.0, 0.0, -24.0)}),
    "depth_db": (12, {"loudness": "crescendo"}, {"loudness_db": (-12.0, 0.0)}),
}


@pytest.fixture
def panel(trained, take, tmp_path):
    panel = GrowthPanel(trained, take)
    panel.exporter.file_name.value = str(tmp_path / "piece.wav")
    return panel


def held(panel):
    """What the player holds, [n_samples]."""
    (sound,) = panel.player.sounds.values()
    return sound


@pytest.fixture
def sent(monkeypatch):
    """Messages of players to the page."""
    messages = []
    monkeypatch.setattr(Player, "send", lambda self, content, buffers=(): messages.append(content))
    return messages


def is_picture(widget):
    return bytes(widget.value).startswith(b"\x89PNG")


def shown(panel):
    """Whether the player is on the page."""
    return panel.player.layout.visibility == "visible"


def is_error(panel):
    return "#b00020" in panel.status.value


# Knobs


def test_every_control_is_in_a_group_and_in_the_table(panel):
    grouped = [name for groups in (ESSENTIAL, MORE) for names in groups.values() for name in names]
    assert sorted(grouped) == sorted(panel.knobs) == sorted([*SOME, "seed"])


def test_every_control_changes_the_plan_and_the_map(panel):
    for name, (value, needs, part) in SOME.items():
        panel.board.set(DEFAULTS | needs)
        plan, drawn, control = panel.plan, panel.stage_map.value, panel.knobs[name]
        assert not control.disabled and control.layout.display is None, name
        control.value = value
        values = {f: getattr(plan, f) for f in plan.__dataclass_fields__}
        if values["stages"] is not None:
            del values["strategy"]
        assert panel.plan == GrowthPlan(**values | part) != plan, name
        same_stages = name in (*MORE["Pitch"], "own_ratios")  # another sound, the same map
        assert same_stages or panel.stage_map.value != drawn, name
        assert is_picture(panel.stage_map) and not is_error(panel), name


def test_controls_that_do_not_count_are_out_of_the_way(panel):
    hidden = {name for name, control in panel.knobs.items() if control.disabled}
    assert hidden == {
        "n_stages", "stages", "seed", "noise_strategy", "noise_order", "notes", "own_ratios", "depth_db",
    }  # fmt: skip
    assert all((control.layout.display == "none") == control.disabled for control in panel.knobs.values())


def test_the_seed_shuffles(panel):
    panel.knobs["order"].value = "random"
    before, plan = panel._schedule().masks, panel.plan
    panel.knobs["seed"].value = 3
    assert panel.plan == plan and not torch.equal(panel._schedule().masks, before)


def test_the_status_tells_stages_length_and_remarks(panel):
    panel.board.set({"strategy": "written", "stages": "1, 2", "silence_duration_s": 0.0})
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
    assert plan_from_values(DEFAULTS | PRESETS[name]) == growth_panel.growth.plan


def test_presets_are_distinct_and_leave_no_trace(panel):
    assert len({plan_from_values(DEFAULTS | preset) for preset in PRESETS.values()}) == len(PRESETS)
    for name in reversed(PRESETS):
        panel.preset.value = name
    assert panel.plan == GrowthPlan()


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
        panel.undo_button.click()
        assert panel.plan == expected
    assert panel.undo_button.disabled and not panel.redo_button.disabled
    for expected in (second, bell):
        panel.redo_button.click()
        assert panel.plan == expected
    assert panel.redo_button.disabled and panel.preset.value == "Bell"


def test_a_change_after_undo_forgets_what_was_undone():
    history = History({"a": 1})
    for value in (2, 2, 3):
        history.record({"a": value})
    assert history.step(-1) == {"a": 2}
    history.record({"a": 9})
    assert not history.can_step(1) and [history.step(-1), history.step(-1)] == [{"a": 2}, {"a": 1}]


# Sound


def test_render_fills_the_player_and_plays(panel, sent):
    panel.knobs["stage_duration_s"].value = 0.4
    panel.render_button.click()
    stages = panel.growth.stages
    assert len(held(panel)) / panel.player.sample_rate == pytest.approx(len(stages) * 0.6 - 0.2, abs=1e-3)
    assert "Rendered as A" in panel.status.value and sent[-1]["play"]
    assert [mark[1] for mark in sent[-1]["marks"]] == [str(i + 1) for i in range(len(stages))]
    assert sent[-1]["marks"][1][0] == pytest.approx(0.6, abs=1e-3)


def test_the_player_of_another_piece_is_hidden_and_falls_silent(panel, sent):
    assert not shown(panel)
    panel.render_button.click()
    assert shown(panel)
    panel.knobs["noise"].value = "every"
    assert not shown(panel) and panel.growth is None and sent[-1] == {"type": "pause"}


def test_undo_brings_back_the_sound_of_its_plan(panel, sent):
    panel.render_button.click()
    sound = held(panel)
    panel.knobs["noise"].value = "every"
    panel.undo_button.click()
    assert shown(panel) and np.array_equal(held(panel), sound) and "play" not in sent[-1]


def test_live_renders_after_each_change(panel):
    panel.live_box.value = True
    panel.knobs["noise"].value = "every"
    assert shown(panel) and panel.growth.plan.noise == "every"


def test_partials_that_are_off_are_absent_from_the_player(panel):
    panel.knobs["noise"].value = "none"
    panel.render_button.click()
    sound, rate = held(panel), panel.player.sample_rate
    stage = panel.growth.stages[0]
    first = sound[stage.start : stage.stop] * np.blackman(stage.stop - stage.start)
    spectrum = np.abs(np.fft.rfft(first))
    frequency_hz = np.fft.rfftfreq(len(first), 1 / rate)
    f0_hz = frequency_hz[spectrum.argmax()]
    above = spectrum[frequency_hz > 1.5 * f0_hz]
    assert 400 < f0_hz < 900 and above.max() < 1e-3 * spectrum.max()


# A and B


def test_a_and_b_bring_back_plan_and_sound(panel):
    assert all(button.disabled for button in panel.take_buttons)
    pieces = []
    for strategy in ("exponential", "primes"):
        panel.knobs["strategy"].value = strategy
        panel.render_button.click()
        pieces.append((panel.plan, held(panel)))
    for i in (0, 1, 0):
        panel.take_buttons[i].click()
        plan, sound = pieces[i]
        assert panel.plan == plan and np.array_equal(held(panel), sound) and shown(panel)
        assert [bool(button.button_style) for button in panel.take_buttons] == [i == 0, i == 1]


def test_a_third_piece_takes_the_place_of_the_older(panel):
    for strategy in ("exponential", "primes", "fibonacci"):
        panel.knobs["strategy"].value = strategy
        panel.render_button.click()
    kept = [take.growth.plan.strategy for take in panel.takes.slots]
    assert kept == ["fibonacci", "primes"]


def test_rendering_the_same_again_keeps_the_other(panel):
    panel.render_button.click()
    panel.render_button.click()
    assert panel.takes.slots[1] is None and Takes().slot_of(panel.board.values) is None


def test_recall_in_live_mode_does_not_render_again(panel):
    panel.render_button.click()
    take = panel.take
    panel.knobs["noise"].value = "none"
    panel.live_box.value = True
    panel.take_buttons[0].click()
    assert panel.take is take and panel.takes.slots[1] is None


# The certificate


def wait_for_measure(panel):
    end = time.time() + 60
    while panel.measure_button.disabled:
        assert time.time() < end, "waited in vain"
        time.sleep(0.01)


def test_measure_tells_the_verdict_and_remembers_it(panel):
    panel.measure_button.click()  # renders first
    wait_for_measure(panel)
    assert "Passed: silent partials at" in panel.verdict.value
    panel.knobs["noise"].value = "none"
    assert "Passed" not in panel.verdict.value
    panel.undo_button.click()
    assert "Passed" in panel.verdict.value


def test_measure_finds_a_fault_and_names_its_stage(panel):
    panel.render_button.click()
    panel.growth.harmonic[panel.growth.stages[1].start] += 0.5
    panel.measure_button.click()
    wait_for_measure(panel)
    assert "Not passed. Stage 2" in panel.verdict.value or "Not passed. Stage 1" in panel.verdict.value


def test_every_preset_is_heard_from_its_first_stage(trained, take):
    for name, preset in PRESETS.items():
        growth = grow(trained, take, plan_from_values(DEFAULTS | {"seed": 0} | preset), 0)
        levels_db = [10 * growth.stage_audio(i).square().mean().log10() for i in range(len(growth.stages))]
        assert levels_db[0] > max(levels_db) - FAINT_DB, name


# Words instead of tracebacks


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"strategy": "written", "stages": "one, two"}, "counts such as 1,4,9"),
        ({"pitch": "notes", "notes": "H4"}, "a note such as"),
        ({"pitch": "notes", "notes": "60 64"}, "Write C4 E4 for the notes, or 60Hz 64Hz"),
        ({"stage_duration_s": 0.05, "pace": 1 / 8}, "0.02 to 600 s"),
    ],
)
def test_a_plan_that_cannot_be_made_is_explained_and_map_and_sound_stay(panel, values, words):
    panel.render_button.click()
    stage_map, sound = panel.stage_map.value, held(panel)
    panel.board.set(values)
    assert is_error(panel) and words in panel.status.value
    assert panel.stage_map.value == stage_map and held(panel) is sound and shown(panel)
    panel.render_button.click()
    assert is_error(panel) and words in panel.status.value and held(panel) is sound
    panel.undo_button.click()
    assert not is_error(panel) and shown(panel)


def test_an_unexpected_error_leaves_the_panel_alive(panel, monkeypatch):
    monkeypatch.setattr("ddsp_nb.panels.growth_panel.grow", lambda *_, **__: 1 / 0)
    panel.render_button.click()
    assert "ZeroDivisionError" in panel.status.value
    monkeypatch.undo()
    panel.render_button.click()
    assert "Rendered" in panel.status.value


# Export


def test_export_writes_sound_and_sidecar_that_renders_the_same(panel, trained, take, tmp_path):
    panel.preset.value = "Accelerating swarm"
    panel.exporter.button.click()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["piece.json", "piece.wav"]
    assert "Written" in panel.status.value and "piece.json" in panel.status.value
    again = regrow(read_sidecar(tmp_path / "piece.json"), (trained, take))
    assert torch.equal(again.audio, panel.growth.audio)


def test_export_writes_what_is_ticked(panel, tmp_path):
    panel.board.set({"strategy": "written", "stages": "1, 4"})
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
        assert {path.name for path in tmp_path.iterdir()} == expected


@pytest.mark.parametrize(("name", "bits", "subtype"), [("a.flac", "PCM_24", "PCM_24"), ("a.wav", "FLOAT", "FLOAT")])
def test_export_takes_format_and_bits(panel, tmp_path, name, bits, subtype):
    panel.exporter.file_name.value, panel.exporter.bits.value = str(tmp_path / name), bits
    panel.exporter.button.click()
    assert sf.info(tmp_path / name).subtype == subtype
    assert json.loads((tmp_path / "a.json").read_text())["subtype"] == subtype


def test_export_does_not_overwrite_unless_asked(panel, tmp_path):
    panel.exporter.button.click()
    before = (tmp_path / "piece.wav").read_bytes()
    panel.knobs["strategy"].value = "exponential"
    panel.exporter.button.click()
    assert "exists already" in panel.status.value and "tick “replace" in panel.status.value
    assert (tmp_path / "piece.wav").read_bytes() == before
    panel.exporter.replace_box.value = True
    panel.exporter.button.click()
    assert "Written" in panel.status.value and (tmp_path / "piece.wav").read_bytes() != before


def test_export_explains_names_it_cannot_write(panel):
    for name in ("", "piece.mp3", "."):
        panel.exporter.file_name.value = name
        panel.exporter.button.click()
        assert is_error(panel) and ".wav or .flac" in panel.status.value and panel.growth is None


def test_export_explains_a_format_that_does_not_exist(panel, tmp_path):
    panel.exporter.file_name.value, panel.exporter.bits.value = str(tmp_path / "a.flac"), "FLOAT"
    panel.exporter.button.click()
    assert "Use .wav for floating point" in panel.status.value and not list(tmp_path.iterdir())
