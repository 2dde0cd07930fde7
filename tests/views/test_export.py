"""Files that hold a run: its state, its operations, a page that stands by itself."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonpatch
import pytest
from pydantic import SecretStr

from workbench import ChatOpenAI, FakeChatModel, LiveState, RunnableLambda, RunnableParallel, StrOutputParser
from workbench.views.export import EMPTY, export_file, html_page, patch_log, save

SECRET = "sk-test-0123456789abcdefghij"


@pytest.fixture
def live() -> LiveState:
    live = LiveState()
    model = FakeChatModel(responses=["one two </script><img src=x onerror=alert(1)> \x1b[31m"])
    chain = RunnableParallel({"a/b": model | StrOutputParser(), "n": RunnableLambda(lambda x: {"given": x})})
    for _ in chain.stream("hi", {"callbacks": [live], "metadata": {"key": SecretStr(SECRET)}}):
        live.take()
    chain.batch(["x", "y"], {"callbacks": [live]})
    live.set_status("done")
    return live


def test_the_state_is_the_whole_document(live: LiveState, tmp_path: Path) -> None:
    path = save(live, tmp_path / "run.json")
    assert json.loads(path.read_text(encoding="utf-8")) == live.snapshot()["state"]


@pytest.mark.parametrize("name", ["run.patch.json", "run.jsonl"])
def test_the_operations_make_the_state_with_any_json_patch_library(
    live: LiveState, tmp_path: Path, name: str
) -> None:
    text = save(live, tmp_path / name).read_text(encoding="utf-8")
    ops = [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)
    assert {op["op"] for op in ops} <= {"add", "replace", "remove"}
    assert all(set(op) <= {"op", "path", "value"} for op in ops)
    assert jsonpatch.apply_patch(EMPTY, ops) == live.snapshot()["state"]


def test_the_operations_of_a_run_that_goes_on_make_what_there_is() -> None:
    live = LiveState()
    seen = []

    def look(x: str) -> str:
        seen.append((patch_log(live), live.snapshot()["state"]))
        return x

    RunnableLambda(look).invoke("x", {"callbacks": [live]})
    assert jsonpatch.apply_patch(EMPTY, seen[0][0]) == seen[0][1] != EMPTY


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))


def test_the_page_has_no_scripts_loads_nothing_and_is_light_and_dark(live: LiveState, tmp_path: Path) -> None:
    html = save(live, tmp_path / "run.html", title="<my> chain").read_text(encoding="utf-8")
    page = Page(html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "svg", "form", "input", "base"}
    attributes = {name for _, given in page.tags for name in given}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "href")}
    policy = next(given for _, given in page.tags if given.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert "prefers-color-scheme: dark" in html and "<title>&lt;my&gt; chain</title>" in html
    assert "one two &lt;/script&gt;&lt;img" in html and "jp-OutputArea" not in html


def test_secrets_stay_out_of_every_file() -> None:
    live = LiveState()
    model = ChatOpenAI(model="m", api_key=SECRET, base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(Exception):  # noqa: B017  # whatever a server that is not there leads to
        model.invoke("hi", {"callbacks": [live], "metadata": {"key": SecretStr(SECRET)}})
    for what in ("state", "patches", "html"):
        text = export_file(live, what)["text"]
        assert SECRET not in text and "ChatOpenAI" in text


def test_a_title_is_shown_as_it_is_and_the_text_of_the_page_is_not_taken_for_the_frame_s() -> None:
    document = {"status": "done", "runs": []}
    html = html_page(document, title="$body & $title")
    assert html.count("wb-static-page") == 1 and "<h1>$body &amp; $title</h1>" in html


def test_names_of_files_are_plain(live: LiveState) -> None:
    names = [export_file(live, "html", title=title)["name"] for title in ("../../etc", "a b/c", "", "é")]
    assert names == ["etc.html", "a-b-c.html", "run.html", "é.html"]


def test_a_run_with_a_live_state_can_be_saved(live: LiveState, tmp_path: Path) -> None:
    class Handle:
        def __init__(self) -> None:
            self.live = live

    assert save(Handle(), tmp_path / "r.json").exists()
    with pytest.raises(TypeError, match="expected a run or a LiveState to save, got int"):
        save(3, tmp_path / "r.json")


@pytest.mark.parametrize("name", ["run.pdf", "run", "json"])
def test_another_ending_is_refused_before_anything_is_written(
    live: LiveState, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name}: expected a name that ends in .patch.json")):
        save(live, tmp_path / name)
    assert not (tmp_path / name).exists()
