"""The tree, its panel and the raw data in a real browser, with a model that the test plays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..browser import Browser
from .view_page import ViewPage, entry, root, serious, snapshot, stamp

Open = Callable[..., ViewPage]

HOSTILE = "<img src=x onerror=window.__pwned=1></script>\x1b[31m\u202e\x00"
SEEN = "<img src=x onerror=window.__pwned=1></script>␛[31m⟨U+202E⟩␀"
ENDED = {"status": "done", "end_time": stamp(1000), "first_chunk_time": None}
MESSAGES = {
    "messages": [
        {"type": "system", "content": "Be brief."},
        {"type": "human", "content": "Where did Harrison work?"},
    ]
}
CALL = {"model": "m-1", "input_tokens": 9, "output_tokens": 40, "total_tokens": 49, "first_token_s": 0.2}
CALL |= {"tokens_per_s": 50.0, "gap_s": None, "cost_usd": 0.0042, "cached": False}
ANSWER = {
    "type": "ai",
    "content": "Kensho, I think.",
    "tool_calls": [{"name": "search", "args": {"query": "harrison"}, "id": "call_1", "type": "tool_call"}],
}


@pytest.fixture
def view(browser: Browser) -> Iterator[Open]:
    pages: list[ViewPage] = []

    def open_view(*runs: dict[str, Any], status: str = "done", **options: Any) -> ViewPage:
        pages.append(ViewPage(browser, snapshot(*runs, status=status), **options))
        return pages[-1]

    yield open_view
    for page in pages:
        assert not page.errors
        page.close()


def chain(id: str = "r0", **fields: Any) -> dict[str, Any]:
    """prompt | model | parser, in one of two branches; a retriever in the other."""
    inside = {
        "RunnableSequence": entry("s", tags=["map:key:answer"], **ENDED),
        "my_prompt": entry("p", type="prompt", name="my_prompt", parent="RunnableSequence", **ENDED)
        | {"input": {"question": "where?"}, "final_output": MESSAGES},
        "llm": entry("m", type="chat_model", name="llm", parent="RunnableSequence", call=CALL, **ENDED)
        | {"input": MESSAGES, "final_output": ANSWER, "tags": ["fast", "seq:step:2"]}
        | {"metadata": {"owner": "ana", "arm": {"n": 3}}},
        "find": entry("f", type="retriever", name="find", tags=["map:key:sources"], **ENDED)
        | {"final_output": [{"page_content": "Harrison worked at Kensho.", "metadata": {"source": "a.txt"}}]},
    }
    return root(id, name="qa", logs=inside, final_output="Kensho.", **{**ENDED, **fields})


def many(count: int) -> list[dict[str, Any]]:
    """Items of a batch with nine runs inside each."""
    return [
        root(
            f"r{item}",
            item=item,
            input={"topic": f"thing {item}"},
            logs={
                f"step:{n}": entry(f"{item}.{n}", name="odd" if n % 2 else "even", **ENDED) for n in range(9)
            },
            **ENDED,
        )
        for item in range(count)
    ]


def button(view: ViewPage, name: str) -> Any:
    return view.body.get_by_role("button", name=name, exact=True)


def row(view: ViewPage, name: str) -> Any:
    return view.body.locator(".wb-node", has=view.page.locator(f".wb-name:text-is('{name}')")).first


def names(view: ViewPage) -> list[str]:
    found: list[str] = view.body.locator(".wb-node .wb-name").all_text_contents()
    return found


def focused(view: ViewPage) -> str | None:
    name: str | None = view.page.evaluate("document.activeElement.querySelector('.wb-name')?.textContent")
    return name


def section(view: ViewPage, title: str) -> Any:
    heading = view.page.locator(f".wb-section-title:text-is('{title}')")
    return view.body.locator(".wb-details .wb-section", has=heading)


def test_rows_nest_and_say_what_they_are(view: Open) -> None:
    page = view(chain())
    assert names(page) == ["qa", "RunnableSequence", "my_prompt", "llm", "find"]
    levels = [node.get_attribute("aria-level") for node in page.body.locator(".wb-node").all()]
    assert levels == ["1", "2", "3", "3", "2"]
    assert row(page, "RunnableSequence").locator(".wb-branches").inner_text() == "answer"
    assert (
        row(page, "llm").locator(".wb-heard").text_content()
        == "llm, chat model, done, 1.00 seconds, 40 tokens"
    )
    assert row(page, "llm").locator(".wb-icon").get_attribute("title") == "chat model"
    assert row(page, "llm").locator(".wb-cell-tokens").inner_text() == "40"
    assert (
        row(page, "llm")
        .locator(".wb-track")
        .get_attribute("title")
        .startswith("started at 0 ms\ntook 1.00 s")
    )


def test_a_chain_that_waits_for_a_step_of_it_is_told_from_one_that_has_not_begun(view: Open) -> None:
    waiting = {"status": "waiting", "first_chunk_time": None}
    inner = entry("m", type="chat_model", name="llm", streamed_output=["a ", "b "])
    page = view(
        root("r0", item=0, logs={"llm": inner}, **waiting),
        root("r1", item=1, **waiting),
        status="streaming",
        width=1300,
    )
    words = page.body.locator(".wb-node .wb-cell-status").all_inner_texts()
    assert [" ".join(word.split()) for word in words] == ["▹running", "▸streaming", "○waiting"]
    assert page.body.locator(".wb-card .wb-glyph").all_inner_texts() == ["▹", "○"]


def test_an_item_of_a_batch_is_known_by_its_number_and_input_in_both_panes(view: Open) -> None:
    page = view(*many(3))
    places = page.body.locator(".wb-node[aria-level='1']")
    assert places.locator(".wb-item-index").all_inner_texts() == ["1", "2", "3"]
    assert page.body.locator(".wb-card .wb-item-number").all_inner_texts() == ["1", "2", "3"]
    note = places.first.locator(".wb-row-note")
    assert note.inner_text() == "topic: thing 0"
    assert note.bounding_box()["x"] < places.first.locator(".wb-name").bounding_box()["x"]
    assert places.first.locator(".wb-heard").text_content().startswith("item 1, RunnableSequence")


def test_a_batch_says_how_many_items_there_will_be(view: Open) -> None:
    page = view(*many(2), status="streaming")
    page.frame({"op": "add", "path": "/items", "value": 60})
    page.body.locator(".wb-items", has_text="2 of 60").wait_for()
    assert page.body.get_by_role("progressbar").get_attribute("aria-valuemax") == "60"


def test_steps_are_found_by_name_by_what_is_in_them_and_from_the_keyboard(view: Open) -> None:
    page = view(chain())
    row(page, "find").click()
    page.page.keyboard.press("/")
    page.page.keyboard.type("llm")
    page.painted()
    assert names(page) == ["qa", "RunnableSequence", "llm"], "with what is around it"
    assert page.body.locator(".wb-node mark").all_inner_texts() == ["llm"]
    assert page.body.locator(".wb-count").first.inner_text() == "1 of 5 runs"
    page.page.keyboard.press("ArrowDown")
    assert focused(page) in names(page)
    page.page.keyboard.press("/")
    page.page.keyboard.type("kensho")
    page.painted()
    assert names(page) == []
    assert page.body.locator(".wb-nothing").inner_text() == "No step like that. Escape shows all."
    page.page.keyboard.press("Enter")
    page.painted()
    assert names(page) == ["qa", "RunnableSequence", "llm", "find"], "in inputs and outputs"
    page.page.keyboard.press("Escape")
    page.painted()
    assert len(names(page)) == 5


def test_steps_are_filtered_by_type_tag_and_status(view: Open) -> None:
    page = view(chain())
    menus = {
        menu.locator("option").first.inner_text(): menu
        for menu in page.body.locator(".wb-menu").all()
        if menu.is_visible()
    }
    assert list(menus) == ["Status", "Type", "Tag"]
    assert menus["Tag"].locator("option").all_inner_texts() == ["Tag", "fast"], (
        "the engine's own are left out"
    )
    menus["Type"].select_option("retriever")
    assert names(page) == ["qa", "find"]
    menus["Type"].select_option("")
    menus["Tag"].select_option("fast")
    assert names(page)[-1] == "llm"
    menus["Tag"].select_option("")
    menus["Status"].select_option("failed")
    assert names(page) == []
    untagged = view(root(logs={"x": entry("x", **ENDED)}, **ENDED))
    assert not untagged.body.locator(".wb-menu", has_text="Tag").is_visible(), "there is nothing to choose"


def test_all_is_opened_and_closed_at_once(view: Open) -> None:
    page = view(chain())
    button(page, "Collapse all").click()
    assert names(page) == ["qa"]
    button(page, "Expand all").click()
    assert len(names(page)) == 5


def test_the_keys_are_told_on_a_card(view: Open) -> None:
    page = view(chain())
    row(page, "llm").focus()
    page.page.keyboard.press("?")
    card = page.body.get_by_role("dialog", name="Keys of the tree")
    assert card.is_visible() and "find steps" in card.inner_text()
    page.page.keyboard.press("Escape")
    assert not card.is_visible()
    assert focused(page) == "llm", "the focus is back"
    button(page, "Keys").click()
    assert card.is_visible()
    page.body.locator(".wb-status").click()
    assert not card.is_visible()


def test_the_panel_shows_a_model_s_prompt_answer_and_numbers(view: Open) -> None:
    page = view(chain())
    row(page, "llm").click()
    prompt = section(page, "Prompt as sent")
    assert prompt.locator(".wb-role").all_inner_texts() == ["system", "human"]
    assert prompt.locator(".wb-text").all_inner_texts() == ["Be brief.", "Where did Harrison work?"]
    output = section(page, "Output")
    assert "Kensho, I think." in output.inner_text()
    assert output.locator(".wb-call-name").inner_text().split() == ["search", "call_1"]
    facts = section(page, "Call").locator("dd").all_inner_texts()
    assert {"m-1", "9", "40", "200 ms", "50.0", "$0.0042"} <= set(facts)
    tags = section(page, "Tags and metadata")
    assert tags.locator(".wb-tag").all_inner_texts() == ["fast", "seq:step:2"]
    assert "ana" in tags.inner_text()
    prompt.get_by_role("button", name="JSON", exact=True).click()
    assert prompt.locator(".wb-json-key").first.inner_text() == "messages"
    row(page, "find").click()
    assert (
        section(page, "Output").locator(".wb-document .wb-text").inner_text() == "Harrison worked at Kensho."
    )


def test_a_failed_step_is_opened_with_its_traceback(view: Open) -> None:
    error = {"type": "KeyError", "message": HOSTILE, "traceback": f"Traceback\n  line 1\nKeyError: {HOSTILE}"}
    bad = {"status": "failed", "end_time": stamp(900), "error": error}
    inner = {"get": entry("g", name="get", **bad), "other": entry("o", name="other", **ENDED)}
    page = view(root(logs=inner, **bad), status="failed")
    assert page.body.locator(".wb-details-name").inner_text() == "get"
    assert section(page, "Error").locator(".wb-error-line").inner_text() == f"KeyError: {SEEN}"
    assert SEEN in section(page, "Error").locator(".wb-traceback .wb-text").inner_text()
    assert row(page, "get").locator(".wb-row-note").inner_text() == f"KeyError: {SEEN}"
    assert row(page, "get").get_attribute("aria-selected") == "true"


def test_what_a_model_wrote_is_text_in_every_corner(view: Open) -> None:
    output = {"type": "ai", "content": HOSTILE, "tool_calls": [{"name": HOSTILE, "args": {HOSTILE: HOSTILE}}]}
    run = entry("m", type="chat_model", name=HOSTILE, **ENDED) | {
        "tags": [HOSTILE, f"map:key:{HOSTILE}"],
        "metadata": {HOSTILE: HOSTILE},
        "input": {"messages": [{"type": HOSTILE, "content": HOSTILE}]},
        "final_output": output,
        "events": [{"name": HOSTILE, "time": stamp(1), "data": {HOSTILE: HOSTILE}}],
    }
    page = view(root(name=HOSTILE, input=HOSTILE, logs={HOSTILE: run}, **ENDED), title=HOSTILE)
    page.body.locator(".wb-node").nth(1).click()
    seen = page.body.locator(".wb-details").inner_text()
    assert seen.count(SEEN) >= 8
    for tab in ("State", "Patches", "Tree"):
        button(page, tab).click()
        page.painted()
    assert page.body.locator("img, script").count() == 0
    assert page.page.evaluate("window.__pwned") is None


def test_focus_selection_and_what_is_open_survive_the_updates(view: Open) -> None:
    page = view(root(logs={"llm": entry("m", type="chat_model", name="llm")}), status="streaming")
    row(page, "llm").click()
    for number in range(3):
        added = entry(f"x{number}", name=f"more_{number}")
        page.frame({"op": "add", "path": f"/runs/0/logs/more_{number}", "value": added})
        page.frame({"op": "append", "path": "/runs/0/logs/llm/streamed_output", "values": [f"word{number} "]})
    assert focused(page) == "llm"
    assert page.body.locator(".wb-details-name").inner_text() == "llm"
    assert section(page, "Output").locator(".wb-text").inner_text().strip() == "word0 word1 word2"
    assert page.body.locator(".wb-node[tabindex='0']").count() == 1


def test_the_raw_tab_shows_the_state_and_the_operations_as_they_came(view: Open) -> None:
    page = view(root(name="qa"), status="streaming")
    page.say("one ", "two ")
    page.end("one two")
    button(page, "Patches").click()
    page.painted()
    lines = page.body.locator(".wb-patch")
    assert lines.locator(".wb-patch-path").all_inner_texts()[-4:] == [
        "/runs/0/final_output",
        "/runs/0/end_time",
        "/runs/0/status",
        "/status",
    ]
    lines.last.click()
    assert json.loads('"done"') in page.body.locator(".wb-raw-full").inner_text()
    page.page.keyboard.press("ArrowUp")
    assert "/runs/0/status" in page.body.locator(".wb-raw-full").inner_text()
    button(page, "State").click()
    page.painted()
    state = page.body.locator(".wb-raw")
    assert "streamed_output" in state.inner_text() and "one two" in state.inner_text()
    assert page.body.locator(".wb-json-empty > summary").first.is_visible()
    button(page, "Tree").click()
    row(page, "qa").click()
    button(page, "State").click()
    button(page, "Selected run").click()
    assert button(page, "Selected run").get_attribute("aria-pressed") == "true"


def test_of_five_thousand_runs_only_those_in_view_are_in_the_page(view: Open) -> None:
    page = view(*many(500))
    button(page, "Expand all").click()
    assert page.body.locator(".wb-count").first.inner_text() == "5,000 runs"
    assert page.body.locator(".wb-node").count() < 60
    page.body.locator(".wb-steps .wb-rows").evaluate("(rows) => { rows.scrollTop = 60_000; }")
    page.painted()
    first = page.body.locator(".wb-node").nth(1)  # the one that keeps the focus is still there, out of view
    assert page.body.locator(".wb-node").count() < 60
    assert first.evaluate("(row) => parseInt(row.style.top)") > 50_000
    page.body.locator(".wb-tree-bar .wb-search").fill("odd")
    page.painted()
    assert page.body.locator(".wb-count").first.inner_text() == "2,000 of 5,000 runs"
    page.body.locator(".wb-tree-bar .wb-search").fill("")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("End")
    page.painted()
    last = page.page.evaluate("document.activeElement.querySelector('.wb-heard').textContent")
    assert last.startswith("even"), "the end of a tree that is mostly not in the page"


def test_parts_are_made_higher_with_a_grip_and_keep_it(view: Open) -> None:
    page = view(*many(30))
    rows = page.body.locator(".wb-steps .wb-rows")
    before = rows.bounding_box()["height"]
    grip = page.body.get_by_role("separator", name="Height of Steps")
    grip.focus()
    page.page.keyboard.press("ArrowDown")
    assert rows.bounding_box()["height"] == before + 25
    box = grip.bounding_box()
    page.page.mouse.move(box["x"] + 50, box["y"] + 3)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 50, box["y"] + 103)
    page.page.mouse.up()
    assert rows.bounding_box()["height"] == before + 125
    page.reload()
    assert rows.bounding_box()["height"] == before + 125
    page.body.get_by_role("separator", name="Height of Steps").dblclick()
    assert rows.bounding_box()["height"] == before


def test_what_was_chosen_is_there_again_in_the_next_view(view: Open) -> None:
    page = view(root(streamed_output=["# Title\n\nA **bold** word\n"], **ENDED))
    button(page, "Markdown").click()
    button(page, "Output").click()
    assert page.sent == [{"k": "panes", "view": "stream"}], "Python begins the next view with it"
    page.reload()
    assert page.body.locator(".wb-markdown strong").inner_text() == "bold"


@pytest.mark.parametrize("width", [330, 560])
def test_a_narrow_cell_cuts_nothing_off(view: Open, width: int) -> None:
    page = view(chain(), width=width)
    row(page, "llm").click()
    wide = """[...document.querySelectorAll(".wb-body *")].filter((node) => node.offsetParent
      && node.getBoundingClientRect().right > window.innerWidth).map((node) => node.className)"""
    assert page.page.evaluate(wide) == []
    own = page.body.evaluate("(body) => body.scrollWidth <= body.clientWidth")
    assert own and row(page, "llm").locator(".wb-cell-time").is_visible()


def test_motion_is_left_out_for_those_who_ask_for_none(view: Open) -> None:
    page = view(root(), status="streaming")
    style = "getComputedStyle(document.querySelector('.wb-status'), '::before').animationName"
    assert page.page.evaluate(style) == "wb-pulse"
    page.page.emulate_media(reduced_motion="reduce")
    assert page.page.evaluate(style) == "none"


def test_a_long_single_output_is_read_from_its_beginning_and_says_what_is_left_out(view: Open) -> None:
    text = "begin " + "x y " * 9_000 + "… (4,990,000 characters left out) … the end"
    page = view(root(), status="streaming")
    page.frame(
        {"op": "append", "path": "/runs/0/streamed_output", "values": [text]},
        {"op": "replace", "path": "/runs/0/end_time", "value": stamp(9)},
        {"op": "replace", "path": "/runs/0/status", "value": "done"},
        {"op": "replace", "path": "/status", "value": "done"},
    )
    scroll = page.body.locator(".wb-stream .wb-scroll")
    assert scroll.evaluate("(el) => el.scrollTop") == 0
    note = page.body.locator(".wb-cut")
    assert "4,990,000 characters" in note.inner_text()
    view_box, note_box = scroll.bounding_box(), note.bounding_box()
    assert note_box["y"] + note_box["height"] <= view_box["y"] + view_box["height"] + 1, (
        "seen without scrolling"
    )


def test_nothing_serious_stands_in_the_way_of_a_reader_of_the_tree(
    view: Open, axe: str, tmp_path: Path
) -> None:
    shots = Path(os.environ.get("WORKBENCH_SHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)

    def look(name: str, page: ViewPage, width: int = 1000) -> None:
        for theme in ("light", "dark"):
            page.look_as(width=width, dark=theme == "dark")
            page.painted()
            page.page.screenshot(path=shots / f"tree_{name}_{theme}.png")
            found = serious(page, axe, ".wb-body")
            assert not found, f"{name}, {theme}: {json.dumps(found, indent=1)}"

    page = view(chain())
    row(page, "llm").click()
    look("details", page)
    page.body.locator(".wb-tree-bar .wb-search").fill("llm")
    look("found", page)
    for tab in ("State", "Patches"):
        button(page, tab).click()
        look(tab.lower(), page)
    button(page, "Tree").click()
    button(page, "Keys").click()
    look("keys", page)
    error = {"type": "KeyError", "message": "m", "traceback": "Traceback\n  line 1"}
    bad = {"status": "failed", "end_time": stamp(900), "error": error}
    look("failed", view(root(logs={"g": entry("g", name="get", **bad)}, **bad), status="failed"))
    running = root(logs={"llm": entry("m", type="chat_model")}, streamed_output=["a "])
    look("live", view(running, status="streaming"))
    look("time", view(*many(4), view="time", width=1300), width=1300)


def test_the_view_grows_with_the_text_size_of_the_notebook(view: Open) -> None:
    page = view(*many(30))
    size = "(px) => document.documentElement.style.setProperty('--jp-content-font-size1', px)"
    before = row(page, "RunnableSequence").bounding_box()["height"]
    page.page.evaluate(size, "21px")
    page.painted()
    assert row(page, "RunnableSequence").bounding_box()["height"] == pytest.approx(1.5 * before, abs=1)
    assert page.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.body.locator(".wb-steps .wb-rows").evaluate("(rows) => { rows.scrollTop = rows.scrollHeight; }")
    page.painted()
    assert page.body.locator(".wb-node[aria-posinset='30']").is_visible()
    button(page, "Keys").click()
    card, opener = page.body.get_by_role("dialog").bounding_box(), button(page, "Keys").bounding_box()
    assert card["x"] + card["width"] == pytest.approx(opener["x"] + opener["width"], abs=2)
    page.page.keyboard.press("Escape")
    rows = page.body.locator(".wb-steps .wb-rows")
    height, grip = rows.bounding_box()["height"], page.body.get_by_role("separator", name="Height of Steps")
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    page.page.mouse.move(box["x"] + 50, box["y"] + 3)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 50, box["y"] - 57)
    page.page.mouse.up()
    assert rows.bounding_box()["height"] == pytest.approx(height - 60, abs=2), "as far as the pointer went"
