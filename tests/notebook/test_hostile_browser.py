"""A chain whose prompt, document, answer and names are HTML: its live view and its static twin show text."""

from __future__ import annotations

from workbench import (
    ChatPromptTemplate,
    DeterministicFakeEmbedding,
    FakeChatModel,
    InMemoryVectorStore,
    LiveState,
    RunnablePassthrough,
    StrOutputParser,
)
from workbench.live.ordered_keys import for_page
from workbench.views.static.html import static_html

from ..browser import Browser
from .view_page import ViewPage

PWN = "<script>window.__pwned=1</script><img src=x onerror=window.__pwned=1>"


def hostile_run() -> LiveState:
    store = InMemoryVectorStore.from_texts([f"document {PWN}"], DeterministicFakeEmbedding(size=8))
    chain = (
        {"context": store.as_retriever(), "question": RunnablePassthrough()}
        | ChatPromptTemplate([("system", f"system {PWN}"), ("human", "{context} {question}")])
        | FakeChatModel(responses=[f"answer {PWN}"]).with_config(run_name=f"name {PWN}", tags=[f"tag {PWN}"])
        | StrOutputParser()
    )
    live = LiveState()
    chain.invoke(f"question {PWN}", {"callbacks": [live], "metadata": {f"key {PWN}": f"value {PWN}"}})
    return live


def test_the_static_twin_of_a_hostile_run_is_text() -> None:
    html = static_html(hostile_run().snapshot()["state"], id="x")
    assert "<script" not in html
    assert "<img" not in html
    for what in ("document", "system", "question", "answer", "name"):
        assert f"{what} &lt;script&gt;" in html


def test_the_live_view_of_a_hostile_run_shows_text_and_runs_nothing(browser: Browser) -> None:
    view = ViewPage(browser, hostile_run().snapshot())
    try:
        view.page.wait_for_function("window.ready")
        rows = view.page.locator("[role=treeitem]").all()
        assert len(rows) >= 6
        for row in rows:
            row.click()
            view.page.evaluate("window.painted()")
            assert view.page.locator("#view script, #view img").count() == 0
        assert view.page.evaluate("window.__pwned") is None
        assert "answer <script>" in view.body.inner_text()
        assert not view.errors
    finally:
        view.close()


def test_keys_that_look_like_numbers_are_shown_in_their_order(browser: Browser) -> None:
    live = LiveState()
    keys = ["10", "9", "b", "1"]
    RunnablePassthrough().invoke({key: f"value {key}" for key in keys}, {"callbacks": [live]})
    view = ViewPage(browser, {**live.snapshot(), "state": for_page(live.snapshot()["state"])})
    try:
        view.page.wait_for_function("window.ready")
        view.page.evaluate("window.painted()")
        text = view.body.inner_text()
        assert "\u2060" not in text
        assert (
            text.index("value 10") < text.index("value 9") < text.index("value b") < text.index("value 1\n")
        )
        view.page.evaluate(
            "frame([{op: 'replace', path: '/runs/0/final_output/9', value: 'changed'},"
            " {op: 'add', path: '/runs/0/final_output/0', value: 'value 0'}])"
        )
        view.page.evaluate("window.painted()")
        view.page.get_by_role("treeitem").first.click()
        view.page.evaluate("window.painted()")
        text = view.body.inner_text()
        assert "changed" in text
        assert not view.errors
    finally:
        view.close()
