"""The playground's page and files, as any client gets them."""

import posixpath
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from workbench.serve.server.app import create_app

from .servers import chains, running

PAGES = Path(__file__).parents[2] / "workbench/serve/server/pages"


def test_the_page_has_no_script_or_style_of_its_own_and_a_policy_that_forbids_them(ours):
    answer = httpx.get(f"{ours}/joke/playground/")
    policy = answer.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert rule in policy
    assert "unsafe" not in policy and "*" not in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", answer.text) == []
    assert re.findall(r"https?://|//\w", answer.text) == []
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_file_that_the_page_and_its_modules_name_is_there(ours):
    page = httpx.get(f"{ours}/joke/playground", follow_redirects=True)
    assert page.status_code == 200 and str(page.url) == f"{ours}/joke/playground/"
    wanted = re.findall(r'(?:href|src)="([\w./]+)"', page.text)
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        answer = httpx.get(f"{ours}/joke/playground/{name}")
        assert answer.status_code == 200, name
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert answer.headers["content-type"].startswith(kind)
        if kind == "text/javascript":
            found = re.findall(r'^(?:import|\}).* from "(\.\.?/[\w./]+)";', answer.text, re.M)
            wanted += [posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in found]
    assert {
        "playground.js",
        "run_view.js",
        "data/store.js",
        "panes/stream_pane.js",
        "tree/tree_pane.js",
        "tree/waterfall.js",
    } <= seen


def test_a_name_cannot_leave_its_place_in_the_page():
    with running(create_app({"/a~b.c-d": chains()["/joke"]})) as address:
        text = httpx.get(f"{address}/a~b.c-d/playground/").text
        assert "<title>a~b.c-d: playground</title>" in text


def test_without_a_playground_there_is_none():
    with running(create_app({"/joke": chains()["/joke"]}, playground=False)) as address:
        assert httpx.get(f"{address}/joke/playground/").status_code == 404


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_python_code_is_made_of_json_values():
    script = (
        f"import {{ pythonCall, pythonLiteral }} from '{PAGES.as_uri()}/python_text.js';"
        "console.log(pythonLiteral({a: [1, 2.5, true, null, 'x\"\\n\\u2028'], b: {}}));"
        "console.log(pythonCall('http://h/joke', {topic: 'bears'}, true));"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    literal, _, call = done.stdout.partition("\n")
    assert eval(literal) == {"a": [1, 2.5, True, None, 'x"\n\u2028'], "b": {}}
    assert 'RemoteRunnable("http://h/joke", token="...")' in call
    compile(call, "call", "exec")
