"""The output pane, the header and the controls in a real browser, with a model that the test plays."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ..browser import Browser
from .view_page import ViewPage, entry, root, serious, snapshot, stamp

Open = Callable[..., ViewPage]

ENDED = {"status": "done", "end_time": stamp(1000)}
HOSTILE = "<img src=x onerror=window.__pwned=1></script><script>window.__pwned=1</script>"
MARKDOWN = f"""# Title

A **bold** word, [a page](https://example.org/a), [bad](javascript:window.__pwned=1), {HOSTILE}

![photo](https://evil.test/pixel.png)

- [x] done
- one

| a | b |
|---|--:|
| 1 | 2 |

```python
print("<b>")
```
"""
CALL = {"model": "m", "input_tokens": 9, "output_tokens": 40, "total_tokens": 49, "first_token_s": 0.2}
CALL |= {"tokens_per_s": 50.0, "gap_s": None, "cost_usd": 0.0042, "cached": False}


@pytest.fixture
def view(browser: Browser) -> Iterator[Open]:
    pages: list[ViewPage] = []

    def open_view(*runs: dict[str, Any], status: str = "streaming", **options: Any) -> ViewPage:
        pages.append(ViewPage(browser, snapshot(*runs, status=status), **options))
        return pages[-1]

    yield open_view
    for page in pages:
        assert not page.errors
        page.close()


def model(id: str, tokens: int = 0, **fields: Any) -> dict[str, Any]:
    return entry(id, name="llm", type="chat_model", streamed_output=["x "] * tokens, **fields)


def batch(count: int, done: int = 0) -> list[dict[str, Any]]:
    return [
        root(
            f"r{number}",
            item=number,
            input={"topic": f"thing {number}"},
            streamed_output=[f"answer {number}"],
        )
        | (ENDED if number < done else {})
        for number in range(count)
    ]


def button(view: ViewPage, name: str) -> Any:
    return view.body.get_by_role("button", name=name, exact=True)


def output(view: ViewPage) -> str:
    return "".join(view.body.locator(".wb-stream .wb-text").all_text_contents())


def test_text_grows_token_by_token_and_nothing_of_it_is_drawn_again(view: Open) -> None:
    page = view(root())
    page.say("Harrison ")
    page.page.evaluate("window.first = document.querySelector('.wb-stream .wb-text-block').firstChild")
    page.say("worked ", "at ")
    page.say("Kensho.")
    assert output(page) == "Harrison worked at Kensho."
    assert page.page.evaluate("window.first.isConnected && window.first.data") == "Harrison worked at Kensho."


def test_a_hundred_thousand_tokens_change_only_the_last_block(view: Open) -> None:
    page = view(root())
    cost = page.page.evaluate(
        """async () => {
          const changed = [];
          new MutationObserver((records) => changed.push(...records.map((record) => record.target)))
            .observe(document.querySelector(".wb-stream"), { subtree: true, characterData: true });
          for (let frame = 0; frame < 200; frame += 1) {
            const values = Array.from({ length: 500 }, (_, n) => `token${n % 10} `);
            window.frame([{ op: "append", path: "/runs/0/streamed_output", values }]);
            await window.painted();
          }
          return Math.max(...changed.map((node) => node.data.length));
        }"""
    )
    assert len(output(page)) == 200 * 500 * 7
    assert cost <= 8_000, "the longest text node that was written to"
    assert page.body.locator(".wb-text-block").count() > 80


def test_markdown_is_offered_when_the_text_looks_like_it_and_the_choice_is_kept(view: Open) -> None:
    page = view(root())
    page.say("Plain words.\n")
    assert not button(page, "Markdown").is_visible()
    page.say(MARKDOWN)
    button(page, "Markdown").click()
    assert button(page, "Markdown").get_attribute("aria-pressed") == "true"
    page.say("\n## Later\n\nmore *text*")
    shown = page.body.locator(".wb-markdown")
    assert shown.get_by_role("heading", name="Later").count() == 1
    assert shown.locator("em").inner_text() == "text"
    assert shown.locator("td").all_inner_texts() == ["1", "2"]
    assert shown.locator("pre code").inner_text().strip() == 'print("<b>")'
    button(page, "Text").click()
    assert output(page) == f"Plain words.\n{MARKDOWN}\n## Later\n\nmore *text*"


def test_markdown_of_a_model_can_neither_run_nor_load_nor_hide_an_address(view: Open) -> None:
    page = view(root(streamed_output=[MARKDOWN]))
    button(page, "Markdown").click()
    shown = page.body.locator(".wb-markdown")
    assert shown.locator("img, script, iframe, object").count() == 0
    links = shown.locator("a").evaluate_all("(all) => all.map((a) => [a.href, a.rel, a.target])")
    assert links == [["https://example.org/a", "noopener noreferrer", "_blank"]]
    assert (
        "https://example.org/a" in shown.inner_text() and "https://evil.test/pixel.png" in shown.inner_text()
    )
    assert HOSTILE in shown.inner_text()
    assert page.page.evaluate("window.__pwned") is None
    assert not [url for url in page.requests if not url.startswith("http://view.test/")]


def test_escape_sequences_and_turned_writing_are_seen_not_obeyed(view: Open) -> None:
    page = view(root(), title="a\u202eb")
    page.say("\x1b[31mred\x00 \u202eevil ", HOSTILE, "‮")
    assert "\u241b[31mred\u2400" in output(page) and "\u202e" not in output(page)
    assert page.body.locator(".wb-stream .wb-text").get_attribute("dir") == "auto"
    assert "\u202e" not in page.body.locator(".wb-title").inner_text()
    assert page.page.evaluate("window.__pwned") is None


def test_json_grows_in_place_and_what_the_reader_closed_stays_closed(view: Open) -> None:
    page = view(root(streamed_output=[{"people": [{"name": "Ann"}], "note": "a"}]))
    people = page.body.locator(".wb-stream details.wb-json-branch", has_text="people").last
    people.locator("summary").first.click()
    page.frame(
        {"op": "add", "path": "/runs/0/streamed_output/0/people/-", "value": {"name": "Bob"}},
        {"op": "append", "path": "/runs/0/streamed_output/0/note", "values": ["bc"]},
    )
    assert people.get_attribute("open") is None
    assert people.locator("summary").first.inner_text().startswith("people")
    assert page.body.locator(".wb-stream .wb-json-value", has_text="abc").count() == 1


def test_a_huge_list_is_drawn_a_hundred_at_a_time(view: Open) -> None:
    page = view(root(final_output=list(range(5_000)), **ENDED), status="done")
    assert page.body.locator(".wb-stream .wb-json-leaf").count() == 100
    page.body.get_by_role("button", name="… 4,900 more").click()
    assert page.body.locator(".wb-stream .wb-json-leaf").count() == 200


def test_branches_stand_side_by_side_in_the_order_of_their_keys(view: Open) -> None:
    logs = {key: entry(key, tags=[f"map:key:{key}"]) for key in ("joke", "poem")}
    page = view(
        root(name="RunnableParallel<joke,poem>", logs=logs, streamed_output=[{"poem": "Roses", "joke": ""}])
    )
    page.frame({"op": "append", "path": "/runs/0/streamed_output/0/joke", "values": ["Why", "?"]})
    blocks = page.body.locator(".wb-block")
    assert page.body.locator(".wb-block-label bdi").all_inner_texts() == ["joke", "poem"]
    assert blocks.locator(".wb-text").all_inner_texts() == ["Why?", "Roses"]
    boxes = [block.bounding_box() for block in blocks.all()]
    assert boxes[0]["x"] < boxes[1]["x"] and boxes[0]["y"] == boxes[1]["y"]


def test_tool_calls_and_refusals_are_shown(view: Open) -> None:
    calls = [{"name": "search", "args": {"query": "kensho"}, "id": "call_1", "type": "tool_call"}]
    page = view(root("tools"))
    page.end({"type": "ai", "content": "", "tool_calls": calls})
    assert re.search(r"search[\s\S]*kensho", page.body.locator(".wb-stream").inner_text())
    page = view(root("refused"))
    page.end({"type": "ai", "content": "", "additional_kwargs": {"refusal": "I cannot."}})
    assert page.body.locator(".wb-refusal").inner_text() == "Refused: I cannot."


def test_a_failure_names_the_step_and_keeps_what_was_written(view: Open) -> None:
    error = {
        "type": "KeyError",
        "message": "'x'",
        "traceback": "Traceback\n  File cell, line 1\nKeyError: 'x'",
    }
    failed = {"status": "failed", "end_time": stamp(900), "error": error}
    page = view(
        root(streamed_output=["part"], logs={"get": entry("g", name="get", **failed)}, **failed),
        status="failed",
    )
    assert output(page).startswith("part")
    assert page.body.locator(".wb-stream .wb-error-where").inner_text() == "RunnableSequence > get"
    page.body.locator(".wb-stream summary", has_text="Traceback").click()
    assert "line 1" in page.body.locator(".wb-stream .wb-error").inner_text()


def test_a_text_that_was_cut_says_so(view: Open) -> None:
    cut = f"{'a' * 80_000}… (4,900,000 characters left out) …{'z' * 20_000}"
    page = view(root(final_output=cut, **ENDED), status="done")
    assert (
        page.body.locator(".wb-cut").inner_text()
        == "Head and tail only: 4,900,000 characters are left out here"
    )


def test_it_follows_the_tail_until_the_reader_scrolls_up(view: Open) -> None:
    page = view(root())
    page.say(*[f"line {number}\n" for number in range(200)])
    scroll = page.body.locator(".wb-scroll")
    at_end = "(el) => el.scrollHeight - el.scrollTop - el.clientHeight < 2"
    assert scroll.evaluate(at_end)
    assert not button(page, "Jump to end").is_visible()
    scroll.evaluate("(el) => { el.scrollTop = 100; }")
    button(page, "Jump to end").wait_for()
    page.say("more\n")
    assert scroll.evaluate("(el) => el.scrollTop") == 100
    button(page, "Jump to end").click()
    page.say("and more\n")
    assert scroll.evaluate(at_end)
    assert not button(page, "Jump to end").is_visible()


def test_the_pane_never_shrinks_while_a_run_writes(view: Open) -> None:
    page = view(root())
    height = 0.0
    button_shown = False
    for part in ["# Title\n", "- a\n- b\n", "text\n\n", "```\ncode\n", "```\n", "end"]:
        page.say(part)
        if not button_shown:
            button(page, "Markdown").click()
            button_shown = True
        now = page.body.locator(".wb-scroll").bounding_box()["height"]
        assert now >= height
        height = now


def test_copy_puts_the_whole_text_on_the_clipboard(view: Open) -> None:
    page = view(root(streamed_output=["one ", "two"]))
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.evaluate("navigator.clipboard = undefined; document.execCommand = () => true")
    page.page.evaluate(
        "document.addEventListener('focusin', (e) => { window.copied = e.target.value ?? window.copied; })"
    )
    page.body.locator(".wb-stream .wb-copy").click()
    page.body.locator(".wb-stream .wb-copy", has_text="Copied").wait_for()


def test_a_small_batch_is_a_grid_or_tabs(view: Open) -> None:
    page = view(*reversed(batch(4, done=2)))
    assert page.body.locator(".wb-item-input").all_inner_texts() == [
        f"topic: thing {number}" for number in range(4)
    ]
    button(page, "Tabs").click()
    tabs = page.body.get_by_role("tab")
    assert tabs.count() == 4 and output(page) == "answer 0"
    tabs.first.focus()
    page.page.keyboard.press("ArrowRight")
    assert output(page) == "answer 1"
    page.page.keyboard.press("End")
    assert output(page) == "answer 3"
    assert page.body.locator("[role=tab][tabindex='0']").count() == 1


def test_a_batch_of_a_thousand_draws_only_what_is_in_view(view: Open) -> None:
    page = view(*batch(1_000, done=17))
    assert page.body.locator(".wb-items, .wb-numbers .wb-items").inner_text() == "17 of 1,000"
    assert page.body.locator(".wb-stream *").count() < 400
    page.body.get_by_label("Find an item").fill("thing 99")
    assert page.body.locator(".wb-list-count").inner_text() == "11 items of 1,000"
    page.body.get_by_role("option").nth(1).click()
    assert output(page) == "answer 990"
    page.say(" and more", run=990)
    assert output(page) == "answer 990 and more"
    button(page, "Grid").click()
    page.painted()
    assert page.body.locator(".wb-card").count() < 60
    progress = page.body.get_by_role("progressbar")
    assert (
        progress.get_attribute("aria-valuenow") == "17" and progress.get_attribute("aria-valuemax") == "1000"
    )


def test_the_header_counts_with_the_right_words(view: Open) -> None:
    page = view(root(logs={"m": model("m", 1)}))
    assert page.body.locator(".wb-tokens").inner_text() == "1 token"
    page.frame({"op": "append", "path": "/runs/0/logs/m/streamed_output", "values": ["y"]})
    page.body.locator(".wb-tokens", has_text="2 tokens").wait_for()  # numbers move ten times a second
    assert page.body.locator(".wb-first").inner_text() == "first 200 ms"
    assert not page.body.locator(".wb-cost").is_visible(), "nothing where no price is known"


@pytest.mark.parametrize(
    ("calls", "shown"), [([CALL], "$0.0042"), ([CALL, {**CALL, "cost_usd": None}], "≥ $0.0042")]
)
def test_a_cost_with_unknown_prices_is_a_lower_bound(view: Open, calls: list[Any], shown: str) -> None:
    logs = {f"m{number}": model(f"m{number}", 3, call=call, **ENDED) for number, call in enumerate(calls)}
    page = view(root(logs=logs, **ENDED), status="done")
    assert page.body.locator(".wb-cost").inner_text() == shown


def test_stop_asks_python_and_interrupts_a_kernel_that_does_not_answer(view: Open) -> None:
    page = view(root())
    button(page, "Stop").click()
    assert page.sent == [{"k": "stop"}]
    page.page.wait_for_function("window.kernel.interrupted === 1")
    answered = view(root())
    button(answered, "Stop").click()
    answered.receive({"k": "ack", "of": "stop"})
    answered.end(None, status="cancelled")
    answered.page.wait_for_timeout(500)  # longer than the view waits for an answer
    assert answered.page.evaluate("window.kernel.interrupted") == 0
    assert answered.body.locator(".wb-status").inner_text() == "Stopped"
    assert button(answered, "Stop").is_disabled()


def test_run_again_is_there_when_the_run_has_ended_and_python_can(view: Open) -> None:
    page = view(root(), can_rerun=True)
    assert button(page, "Run again").is_disabled()
    page.end("x")
    button(page, "Run again").click()
    assert page.sent == [{"k": "rerun"}]
    page.receive({"k": "ack", "of": "rerun", "error": "ValueError: no"})
    assert page.body.locator(".wb-notice").inner_text() == "ValueError: no"
    assert button(view(root(**ENDED), status="done"), "Run again").is_disabled()


def test_a_run_again_in_the_same_view_starts_from_nothing(view: Open) -> None:
    page = view(root(final_output="old", **ENDED), status="done")
    page.receive({"k": "snap", "e": 1, **snapshot(root("new", streamed_output=["fresh"]), seq=1)})
    assert output(page) == "fresh"
    assert page.body.locator(".wb-status").inner_text() == "Running"


def test_the_toolbar_and_the_menu_are_walked_with_the_keyboard(view: Open) -> None:
    page = view(root(final_output="x", **ENDED), status="done", can_rerun=True, python="chain.invoke(1)")
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    page.body.locator(".wb-tool[tabindex='0']").focus()

    def press(key: str) -> str:
        page.page.keyboard.press(key)
        name: str = page.page.evaluate(focused)
        return name

    assert [press(key) for key in ("Home", "ArrowRight", "End")] == ["Run again", "Pin", "Download"]
    assert press("Enter") == "State (JSON)"
    assert [press(key) for key in ("ArrowDown", "End", "ArrowDown")] == [
        "JSON Patch log",
        "Page (HTML)",
        "State (JSON)",
    ]
    assert button(page, "Download").get_attribute("aria-expanded") == "true"
    assert press("Escape") == "Download"
    assert not page.body.get_by_role("menu").is_visible()


def test_files_come_from_python_or_are_made_here_without_it(view: Open, tmp_path: Path) -> None:
    page = view(root(final_output="x", **ENDED), status="done")

    def choose(name: str) -> None:
        button(page, "Download").click()
        page.body.get_by_role("menuitem", name=name).click()

    with page.page.expect_download() as download:
        choose("Page (HTML)")
        assert page.sent == [{"k": "export", "what": "html"}]
        file = {"k": "file", "what": "html", "name": "chain.html", "mime": "text/html", "text": "<p>run"}
        page.receive(file)
    assert download.value.suggested_filename == "chain.html"
    assert Path(download.value.path()).read_text() == "<p>run"
    page.page.evaluate("window.setKernel('dead')")
    with page.page.expect_download() as download:
        choose("State (JSON)")
    assert json.loads(Path(download.value.path()).read_text())["runs"][0]["final_output"] == "x"
    with page.page.expect_download() as download:
        choose("JSON Patch log")
    assert json.loads(Path(download.value.path()).read_text())[0]["op"] == "replace"
    button(page, "Download").click()
    assert page.body.get_by_role("menuitem", name="Page (HTML)").get_attribute("aria-disabled") == "true"


def test_a_gone_kernel_is_told_and_what_needs_it_is_disabled(view: Open) -> None:
    page = view(root(streamed_output=["kept"]), can_rerun=True, python="x")
    page.page.evaluate("window.setKernel('restarting')")
    assert page.body.locator(".wb-status").inner_text() == "Kernel gone"
    assert output(page) == "kept"
    assert [button(page, name).is_enabled() for name in ("Stop", "Run again", "Pin")] == [False] * 3
    assert [button(page, name).is_enabled() for name in ("Copy as Python", "Download")] == [True] * 2
    page.page.evaluate("window.setKernel('idle')")
    assert page.body.locator(".wb-status").inner_text() == "Kernel gone", (
        "the new kernel does not know the run"
    )
    ended = view(root(final_output="x", **ENDED), status="done")
    ended.page.evaluate("window.setKernel('dead')")
    assert ended.body.locator(".wb-status").inner_text() == "Done"
    assert "gone" in ended.body.locator(".wb-notice").inner_text()


def test_a_pinned_run_stands_beside_the_current_one_with_its_differences(view: Open) -> None:
    page = view(
        root("now", logs={"m": model("m", 40, call=CALL, **ENDED)}, streamed_output=["new"], **ENDED),
        status="done",
    )
    button(page, "Pin").click()
    assert page.sent == [{"k": "pin"}]
    slow = {"status": "done", "end_time": stamp(3000)}
    pinned = root(
        "then",
        logs={"m": model("p", 30, call={**CALL, "output_tokens": 30, "cost_usd": 0.001}, **slow)},
        streamed_output=["old"],
        **slow,
    )
    page.set("pinned", {**snapshot(pinned, status="done"), "title": "chain"})
    assert page.body.locator(".wb-pinned-output .wb-text").inner_text() == "old"
    assert page.body.locator(".wb-elapsed .wb-difference").inner_text() == "\u22122.00 s"
    assert page.body.locator(".wb-elapsed .wb-difference").get_attribute("data-better") == "true"
    assert page.body.locator(".wb-tokens .wb-difference").inner_text() == "+10"
    assert page.body.locator(".wb-cost .wb-difference").get_attribute("data-better") == "false"
    button(page, "Unpin").click()
    assert page.sent[-1] == {"k": "unpin"}
    page.set("pinned", {})
    assert page.body.locator(".wb-pinned-output .wb-text").count() == 0
    own = view(
        root("now", streamed_output=["new"], **ENDED),
        status="done",
        pinned=snapshot(root("now"), status="done"),
    )
    assert own.body.locator(".wb-pinned-output .wb-text").count() == 0, "a run is not compared with itself"
    assert button(own, "Unpin").is_enabled()


def test_the_switch_and_the_trait_choose_what_is_shown(view: Open) -> None:
    page = view(root(streamed_output=["text"]), view="tree")
    shown = lambda: [page.body.locator(part).is_visible() for part in (".wb-stream", ".wb-steps")]  # noqa: E731
    assert shown() == [False, True]
    page.say(" more")
    button(page, "Output").click()
    assert shown() == [True, False]
    assert output(page) == "text more"
    button(page, "All").click()
    assert shown() == [True, True]


def test_a_closed_view_leaves_nothing_behind(view: Open) -> None:
    page = view(root(streamed_output=["text"]))
    page.page.evaluate("window.closeView()")
    page.say("more")
    assert page.page.locator("#view *").count() == 0


FAILED = {
    "status": "failed",
    "end_time": stamp(9),
    "error": {"type": "E", "message": "m", "traceback": "t"},
}


@pytest.mark.parametrize(
    ("press", "runs", "status"),
    [
        ("Markdown", [root(streamed_output=[MARKDOWN], **ENDED)], "done"),
        ("Grid", [*batch(5, done=3), root("f", item=5, **FAILED)], "streaming"),
        ("Tabs", batch(5, done=3), "streaming"),
        ("List", batch(40, done=17), "streaming"),
        ("All", [root(streamed_output=[{"a": [1, None, "x"]}])], "streaming"),
    ],
    ids=["markdown", "grid", "tabs", "list", "json"],
)
def test_nothing_serious_stands_in_the_way_of_a_reader(
    view: Open, axe: str, tmp_path: Path, press: str, runs: list[dict[str, Any]], status: str
) -> None:
    shots = Path(os.environ.get("WORKBENCH_SHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    page = view(*runs, status=status)
    button(page, press).click()
    for width, dark in product((500, 1000, 1400), (False, True)):
        theme = "dark" if dark else "light"
        page.look_as(width=width, dark=dark)
        page.painted()
        page.page.screenshot(path=shots / f"stream_{press.lower()}_{width}_{theme}.png")
        found = serious(page, axe, ".wb-header", ".wb-stream")
        assert not found, f"{width}, {theme}: {json.dumps(found, indent=1)}"
        fits = page.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert fits, f"{width}, {theme}"
