"""The whole path as a person sees it: ``%%chain`` on the local model, in JupyterLab, in Chromium.

With WORKBENCH_SHOTS set to a folder, screenshots in mid-stream and at the end are left there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..browser import Browser, JupyterServer, NotebookPage, check_status
from ..notebook_files import make_notebook
from .view_page import serious

SETUP = """%load_ext workbench
from workbench import *
model = init_chat_model("local:smollm2", temperature=0, max_tokens=160, model_kwargs={"ignore_eos": True})
prompt = ChatPromptTemplate.from_template("Tell me about {topic}, in several sentences.")
model.invoke("hi", max_tokens=1)"""
CHAIN = "%%chain about topic=bears\nprompt | model | StrOutputParser()"
BOTH = """%%chain joke_and_poem topic=owls
joke = ChatPromptTemplate.from_template("Tell me a funny story about {topic}.") | model | StrOutputParser()
poem = ChatPromptTemplate.from_template("Write a poem about {topic}.") | model | StrOutputParser()
RunnableParallel(joke=joke, poem=poem)"""
ENDLESS = "%%chain endless topic=rivers\nprompt | model.bind(max_tokens=1800) | StrOutputParser()"
SLOTS = """from workbench.models.local.server import get_server
import time
for _ in range(20):
    if not get_server("smollm2").busy(): break
    time.sleep(0.05)
print("busy slots:", get_server("smollm2").busy())"""
CELLS = [SETUP, CHAIN, "print(type(_), len(_) > 100)", BOTH, ENDLESS, SLOTS]

RECORD = """(cell) => {
  const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell].querySelector(".jp-Cell-outputArea");
  window.__texts = new Set();
  window.__live = true;
  const look = () => {
    const body = area.querySelector(".wb-body");
    if (body && body.dataset.status === "streaming")
      window.__texts.add(
        [...body.querySelectorAll(".wb-stream .wb-text")].map((pre) => pre.textContent).join(""));
  };
  new MutationObserver(look).observe(area, { subtree: true, childList: true, characterData: true });
}"""

# Milliseconds from the press to the end, by the page's own clock: what drives the browser takes its time too.
STOPPED = """(cell) => {
  const body = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell].querySelector(".wb-body");
  let pressed = 0;
  body.addEventListener("click", () => { pressed = performance.now(); }, { capture: true, once: true });
  window.__stopped = new Promise((done) => {
    new MutationObserver(() => body.dataset.status === "cancelled" && done(performance.now() - pressed))
      .observe(body, { attributes: true });
  });
}"""


@pytest.fixture(scope="module")
def notebook(jupyter: JupyterServer, browser: Browser, local_model: str) -> Iterator[NotebookPage]:
    make_notebook(jupyter.root / "chain.ipynb", CELLS)
    page = NotebookPage(browser, jupyter, "chain.ipynb")
    page.run(0, timeout_s=60)
    yield page
    page.close()
    jupyter.shut_down_kernels()


def theme(notebook: NotebookPage, name: str) -> None:
    notebook.command("apputils:change-theme", {"theme": f"JupyterLab {name}"})
    light = str(name == "Light").lower()
    notebook.page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")


def shoot(notebook: NotebookPage, cell: int, name: str) -> None:
    if folder := os.environ.get("WORKBENCH_SHOTS"):
        area = notebook.page.locator(".jp-Notebook .jp-Cell").nth(cell)
        area.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_a_chain_s_tokens_are_seen_as_the_model_writes_them(notebook: NotebookPage) -> None:
    notebook.page.evaluate(RECORD, 1)
    notebook.run(1, timeout_s=60)
    texts = sorted(notebook.page.evaluate("[...window.__texts]"), key=len)
    body = notebook.cell(1).locator(".wb-body")
    final = body.locator(".wb-stream .wb-text").first.text_content()
    assert final and len(final) > 200
    assert len([text for text in texts if 0 < len(text) < len(final)]) >= 20
    assert all(final.startswith(text) for text in texts)
    names = body.locator(".wb-node .wb-name").all_text_contents()
    assert names == ["RunnableSequence", "ChatPromptTemplate", "ChatLocal", "StrOutputParser"]
    assert not notebook.errors


def test_underscore_is_the_output(notebook: NotebookPage) -> None:
    notebook.run(2)
    assert notebook.cell(2).inner_text().strip() == "<class 'str'> True"


@pytest.mark.parametrize("name", ["Light", "Dark"])
def test_it_can_be_looked_at_in_mid_stream_and_at_its_end(
    notebook: NotebookPage, axe: str, name: str
) -> None:
    theme(notebook, name)
    notebook.page.evaluate("(cell) => window.scrollTo(0, 0)", 3)
    notebook.start(3)
    body = notebook.cell(3).locator(".wb-body")
    notebook.page.wait_for_function(
        """(cell) => {
          const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell];
          const blocks = [...area.querySelectorAll(".wb-stream .wb-text")];
          const texts = blocks.map((pre) => pre.textContent.length);
          return area.querySelector(".wb-body")?.dataset.status === "streaming"
            && texts.length === 2 && Math.min(...texts) > 120;
        }""",
        arg=3,
        timeout=30_000,
        polling=20,
    )
    shoot(notebook, 3, f"mid_{name.lower()}")
    assert body.get_attribute("data-status") == "streaming"
    assert body.locator(".wb-block-label bdi").all_text_contents() == ["joke", "poem"]
    assert not serious(notebook, axe, ".wb-body"), "while it streams"
    notebook.wait(3, timeout_s=60)
    shoot(notebook, 3, f"end_{name.lower()}")
    assert not serious(notebook, axe, ".wb-body"), "when it has ended"
    check_status(body, "Done")
    theme(notebook, "Light")


@pytest.mark.timed
def test_stop_ends_the_run_within_a_second_and_frees_the_model(notebook: NotebookPage) -> None:
    notebook.start(4)
    body = notebook.cell(4).locator(".wb-body")
    notebook.page.wait_for_function(
        """(cell) => (document.querySelectorAll(".jp-Notebook .jp-Cell")[cell]
          .querySelector(".wb-stream .wb-text")?.textContent.length ?? 0) > 40""",
        arg=4,
        timeout=30_000,
        polling=20,
    )
    notebook.page.evaluate(STOPPED, 4)
    body.locator("button", has_text="Stop").click()
    assert notebook.page.evaluate("window.__stopped") < 1000
    notebook.wait(4)
    notebook.run(5)
    assert re.search(r"busy slots: 0", notebook.cell(5).inner_text())
    assert len(body.locator(".wb-stream .wb-text").first.text_content() or "") > 40  # what came is kept


def test_a_saved_and_reopened_notebook_shows_the_result(
    notebook: NotebookPage, jupyter: JupyterServer, browser: Browser
) -> None:
    said = notebook.cell(1).locator(".wb-stream .wb-text").first.text_content() or ""
    notebook.save()
    jupyter.shut_down_kernels()
    again = NotebookPage(browser, jupyter, "chain.ipynb")
    try:
        again.cell(1).locator("pre", has_text=said[:40]).first.wait_for(state="attached", timeout=10_000)
        assert said[-40:].strip() in again.cell(1).inner_text()
        assert "ChatLocal" in again.cell(1).inner_text()
    finally:
        again.close()
