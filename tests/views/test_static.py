"""The static twin: complete, escaped, and made of what sanitizers keep."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from workbench.live.state import LiveState
from workbench.models.fake import FakeChatModel
from workbench.runnables.parallel import RunnableParallel
from workbench.views.static.html import static_html
from workbench.views.static.text import plain_text

PWNED = "<img src=x onerror=window.__pwned=1>\"'&"
ALLOWED = {"div", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "pre", "b", "style"}


def run(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"id of {name}",
        "name": name,
        "type": "chain",
        "tags": [],
        "metadata": {},
        "status": "done",
        "input": None,
        "start_time": "2026-01-01T00:00:00.000+00:00",
        "first_chunk_time": None,
        "end_time": "2026-01-01T00:00:02.000+00:00",
        "streamed_output": [],
        "final_output": None,
        "error": None,
        "usage": None,
        "events": [],
        **fields,
    }


MESSAGES = {"messages": [{"type": "system", "content": "be brief"}, {"type": "human", "content": "where?"}]}
LLM = run(
    "my_llm",
    type="chat_model",
    parent="inner",
    input=MESSAGES,
    tags=["seq:step:2"],
    metadata={"temperature": 0.5},
    first_chunk_time="2026-01-01T00:00:00.500+00:00",
    streamed_output=["Harrison ", "worked ", "at Kensho."],
    final_output={"type": "ai", "content": "Harrison worked at Kensho."},
    usage={"input_tokens": 30, "output_tokens": 7, "total_tokens": 37},
    events=[{"name": "cache", "data": {"hit": False}}],
)
ROOT = run(
    "RunnableSequence",
    input={"question": "where?"},
    first_chunk_time="2026-01-01T00:00:00.500+00:00",
    streamed_output=["Harrison ", "worked ", "at Kensho."],
    final_output="Harrison worked at Kensho.",
    logs={
        "my_prompt": run("my_prompt", type="prompt", parent=None, final_output=MESSAGES),
        "inner": run("inner", parent=None),
        "my_llm": LLM,
    },
)
DOCUMENT = {"status": "done", "runs": [ROOT]}


def failed(message: str = "boom") -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    document["status"] = document["runs"][0]["status"] = "failed"
    document["runs"][0]["error"] = {"type": "ValueError", "message": message, "traceback": "Traceback …"}
    return document


class Tags(HTMLParser):
    """Tags and attributes, and whether all that opens also closes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attributes)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_holds_output_tree_status_times_and_every_input_and_output() -> None:
    html = static_html(DOCUMENT, id="ab12")
    assert html.startswith('<div class="wb-static-ab12">')
    assert ">Harrison worked at Kensho.</pre>" in html
    for part in (
        "done · 2.00 s · first token after 500 ms · 7 tokens",
        "&nbsp;&nbsp;&nbsp;&nbsp;✓&nbsp;my_prompt",
        "&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;✓&nbsp;my_llm",
        "RunnableSequence &gt; inner &gt; my_llm",
        "<div><b>system</b></div>",
        ">where?</pre>",
        "chat&nbsp;model",
        "seq:step:2",
        "temperature",
        "total_tokens",
        "cache",
    ):
        assert part in html


def test_bars_lie_where_the_runs_lie_on_the_axis() -> None:
    html = static_html(DOCUMENT, id="x")
    assert "width:24.50%;height:9px;background:#7c5cff;opacity:0.4" in html
    assert "width:73.50%;height:9px;background:#7c5cff" in html


def test_only_tags_and_attributes_that_sanitizers_keep_and_no_script() -> None:
    tags = Tags(static_html(failed(), id="x"))
    assert tags.names <= ALLOWED
    assert tags.attributes <= {"class", "style"}
    assert tags.open == []


@pytest.mark.parametrize(
    "where", ["input", "final_output", "name", "streamed_output", "tags", "metadata", "events"]
)
def test_everything_is_escaped(where: str) -> None:
    values = {
        "streamed_output": [PWNED],
        "tags": [PWNED],
        "metadata": {PWNED: PWNED},
        "events": [{"name": PWNED, "data": PWNED}],
    }
    document = copy.deepcopy(DOCUMENT)
    for entry in (document["runs"][0], document["runs"][0]["logs"]["my_llm"]):
        entry["streamed_output"] = []
        entry[where] = values.get(where, PWNED)
    html = static_html(document, id="x")
    assert "<img" not in html
    assert "&lt;img src=x" in html


def test_errors_are_escaped_and_named() -> None:
    html = static_html(failed(PWNED), id="x")
    assert re.search(r"<b style=[^>]*>ValueError</b>: &lt;img", html) and "<img" not in html
    assert "ValueError: <img" in plain_text(failed(PWNED))


def test_plain_text_starts_with_the_output_and_lists_the_steps() -> None:
    assert plain_text(DOCUMENT).splitlines() == [
        "Harrison worked at Kensho.",
        "",
        "done · 2.00 s · first token after 500 ms · 7 tokens",
        "✓ RunnableSequence (2.00 s, 3 tokens)",
        "  ✓ my_prompt (2.00 s)",
        "  ✓ inner (2.00 s)",
        "    ✓ my_llm (2.00 s, 7 tokens)",
    ]


def test_tool_calls_are_shown_with_the_text_before_them() -> None:
    output = {"type": "ai", "content": "let me see", "tool_calls": [{"name": "add", "args": {"a": 1}}]}
    called = run("llm", streamed_output=["let me ", "see"], final_output=output, logs={})
    text = plain_text({"status": "done", "runs": [called]})
    assert text.startswith("let me see\n") and '"name": "add"' in text


def test_branches_are_shown_by_key() -> None:
    logs = {key: run(key, tags=[f"map:key:{key}"], parent=None) for key in "ba"}
    value = {"b": "y", "a": {"n": [1]}}
    parallel = run("p<a,b>", streamed_output=[value], final_output=value, logs=logs)
    document = {"status": "done", "runs": [parallel]}
    assert plain_text(document).startswith('a:\n{\n  "n": [\n    1\n  ]\n}\n\nb:\ny\n')
    html = static_html(document, id="x")
    assert html.index("<b>a</b>") < html.index("<b>b</b>") < html.index(">y</pre>") < html.index("<table")
    assert html.index("✓&nbsp;a: a") < html.index("✓&nbsp;b: b"), "in the order of the keys"


def test_a_batch_names_each_item_by_its_input() -> None:
    runs = [run("c", input=word, final_output=word.upper(), logs={}) for word in ("one", "two")]
    document = {"status": "done", "runs": runs}
    html = static_html(document, id="x")
    assert html.index("<b>2. two</b>") < html.index(">TWO</pre>") < html.index("<table")
    assert plain_text(document).startswith("[1] one\nONE\n[2] two\nTWO")


def test_a_stopped_run_shows_how_far_it_came() -> None:
    stopped = run("c", status="cancelled", streamed_output=["a", "b"], end_time=None, logs={})
    html = static_html({"status": "cancelled", "runs": [stopped]}, id="x")
    assert ">ab</pre>" in html and "■ stopped" in html


def test_a_document_without_runs() -> None:
    document: dict[str, Any] = {"status": "cancelled", "runs": []}
    assert "stopped" in static_html(document, id="x")
    assert plain_text(document) == "stopped"


def test_items_of_a_batch_stand_in_their_order_with_their_messages() -> None:
    output = [{"type": "ai", "content": "hi"}]
    runs = [run("c", item=item, input=f"input {item}", final_output=output, logs={}) for item in (2, 0, 1)]
    document = {"status": "done", "runs": runs}
    html = static_html(document, id="x")
    assert html.index("1. input 0") < html.index("2. input 1") < html.index("3. input 2")
    assert "<div><b>ai</b></div>" in html and ">hi</pre>" in html
    assert plain_text(document).startswith("[1] input 0\nai:\nhi\n[2] input 1")


def test_costs_are_a_column_where_there_are_any() -> None:
    assert "Cost" not in static_html(DOCUMENT, id="x")
    document = copy.deepcopy(DOCUMENT)
    document["runs"][0]["logs"]["my_llm"]["call"] = {"output_tokens": 9, "cost_usd": 0.00123}
    html = static_html(document, id="x")
    assert "<td>9</td><td>$0.00123</td>" in html and "9 tokens · $0.00123" in html


def test_five_thousand_runs_are_a_page_of_bounded_size_that_says_what_is_missing() -> None:
    logs = {
        f"s{n}": run(f"s{n}", parent=None, input="x" * 1000, final_output="y" * 1000) for n in range(5000)
    }
    logs["s4999"]["status"] = "failed"
    root = run("c", final_output="z" * 1_000_000, logs=logs)
    html = static_html({"status": "done", "runs": [root]}, id="x")
    assert len(html) < 1_500_000
    assert "4,501 more steps are not shown here" in html and "600,000 more characters" in html
    assert "✕&nbsp;s4999" in html, "what failed is listed"
    assert "4,501 more steps" in plain_text({"status": "done", "runs": [root]})
    many = {
        "status": "done",
        "runs": [run("c", input=n, final_output=n, item=n, logs={}) for n in range(5000)],
    }
    assert "4,950 more outputs are not shown here" in static_html(many, id="x")


def test_controls_that_would_hide_or_turn_text_can_be_seen() -> None:
    hostile = "\x1b[31mred\x00 \u202eevil</script>"
    for where in ("final_output", "input", "name"):
        document = {
            "status": "done",
            "runs": [run("c", logs={}, **{where: hostile}) if where != "name" else run(hostile, logs={})],
        }
        for shown in (static_html(document, id="x"), plain_text(document)):
            assert not {"\x1b", "\x00", "\u202e"} & set(shown)
        assert "</script>" not in static_html(document, id="x")


def test_a_parent_that_is_unknown_or_a_circle_loses_no_output() -> None:
    root = run("c", final_output="all there", logs={"a": run("a", parent="gone"), "b": run("b", parent="b")})
    html = static_html({"status": "done", "runs": [root]}, id="x")
    assert "all there" in html and "✓&nbsp;a" in html


def test_the_items_of_a_batch_have_their_numbers_in_the_table_and_branches_their_keys_in_the_steps():
    branch = FakeChatModel(responses=["x"]).with_config({"run_name": "llm"})
    live = LiveState()
    chain = RunnableParallel(joke=branch, poem=branch)
    chain.batch(["a", "b"], {"callbacks": [live]})
    html = static_html(live.snapshot()["state"], id="x")
    assert "&nbsp;1. RunnableParallel" in html and "&nbsp;2. RunnableParallel" in html
    assert re.search(r"<summary>✓ 2\. RunnableParallel\S+ &gt; poem: llm</summary>", html)
    assert "2. RunnableParallel" in plain_text(live.snapshot()["state"])


def test_a_long_text_stands_there_once() -> None:
    answer = "all of it, and more " * 40
    chain = run("c", final_output=answer)
    model = run("model", parent="c", input=f"{answer}?", final_output=answer)
    parser = run("parser", parent="c", input=f"{answer}?", final_output=answer)
    html = static_html(
        {"status": "done", "runs": [{**chain, "logs": {"model": model, "parser": parser}}]}, id="x"
    )
    assert html.count(f">{answer}<") == 1
    assert html.count(f">{answer}?<") == 1
    assert html.count("<div>output</div><div>as the output above</div>") == 3
    assert html.count("<div>input</div><div>as the input of c &gt; model</div>") == 1


def test_what_was_stopped_says_so_and_names_no_exception() -> None:
    error = {"type": "CancelledError", "message": "", "traceback": "Traceback ..."}
    stopped = run(
        "c", status="cancelled", streamed_output=["Once upon"], final_output="Once upon", error=error
    )
    document = {"status": "cancelled", "runs": [stopped]}
    html, text = static_html(document, id="x"), plain_text(document)
    assert html.count("■ stopped here") == 2
    assert "Once upon\n■ stopped here" in text
    assert "CancelledError" not in html + text
    stopped["error"] = {**error, "message": "the log <ended>"}
    assert "<div>■ stopped here: the log &lt;ended&gt;</div>" in static_html(document, id="x")
    assert "■ stopped here: the log <ended>" in plain_text(document)
