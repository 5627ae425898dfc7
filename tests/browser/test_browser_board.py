"""Controls of a board: what hands do arrives in the kernel, and what the kernel says is shown."""

import pytest

from browser.looks import NAMELESS, wrong_looks

pytestmark = pytest.mark.notebook("board")


@pytest.fixture
def board(page):
    return page.page.locator(".ddsp.board").first


@pytest.fixture
def row(page):
    return page.page.locator(".ddsp.board").nth(1)


def test_what_hands_do_arrives_and_is_shown_as_the_kernel_took_it(page, board, row, tmp_path):
    board.get_by_role("slider", name="Stages").fill("12")
    page.wait_for_value("stages.value", 12)
    board.get_by_label("They enter").select_option("shuffled")
    page.wait_for_value("order.value", "random")
    board.get_by_role("button", name="Noise").click()
    board.get_by_role("spinbutton", name="Shuffle no.").fill("1000")
    board.get_by_role("spinbutton", name="Shuffle no.").press("Enter")
    page.wait_for_value("seed.value", 99)
    page.wait_for(board.get_by_role("spinbutton", name="Shuffle no."), "input => input.value === '99'")
    board.get_by_role("button", name="Pitch").click()
    board.get_by_role("textbox", name="Notes").fill("A4, C5")
    board.get_by_role("checkbox", name="at once").check()
    page.wait_for_value("[notes.value, live.value]", ["A4, C5", True])
    row.get_by_role("button", name="Layer 2").click()
    row.get_by_role("button", name="Start").click()
    room = tmp_path / "cave.wav"
    room.write_bytes(bytes(3_000_000))
    row.locator("input[type=file]").set_input_files(room)
    page.wait_for_value("[layer.value, pressed]", ["Layer 2", ["start", ["cave.wav", 3_000_000]]])


def test_what_the_kernel_says_is_shown_in_every_view_also_of_a_later_one(page, board, row):
    page.do("stages.value, stages.disabled, order.options = 5, True, [('by chance', 1), ('by ear', 2)]")
    page.do("words.value, words.wrong, bar.value, start.hidden = 'No room.', True, 0.5, True")
    row.get_by_text("No room.").wait_for()
    for view in (board, page.append("display(board)").locator(".ddsp.board")):
        slider = view.get_by_role("slider", name="Stages")
        assert slider.is_disabled() and slider.input_value() == "5"
        assert view.get_by_label("They enter").inner_text().split("\n") == ["by chance", "by ear"]
    assert row.locator("progress").evaluate("bar => bar.position") == 0.5
    assert not row.get_by_role("button", name="Start").count()
    page.do("stages.disabled, start.hidden = False, False")


def test_a_slider_tells_on_its_way_and_leaves_no_message_behind(page, board):
    board.get_by_role("button", name="Noise").click()
    slider = board.get_by_role("slider", name="Level (dB)")
    page.do("heard.clear()")
    box = slider.bounding_box()
    page.page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.page.mouse.down()
    for share in (0.2, 0.4, 0.6, 0.8):
        n_heard = page.value("len(heard)")
        page.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_value(f"len(heard) > {n_heard}", True)
    page.page.mouse.up()
    page.wait_for_value("level.value", float(slider.input_value()))
    told = page.value("heard")
    assert len(told) >= 3 and [held for _, held in told[:2]] == [True, True]


@pytest.mark.parametrize("width_px", [600, 1100])
def test_every_control_has_a_name_and_nothing_is_cut_off(page, board, row, width_px):
    assert wrong_looks(page, [board, row], width_px) == []
    for view in (board, row):
        assert view.evaluate(NAMELESS) == []
