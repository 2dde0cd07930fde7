"""The JavaScript of the widgets: joined to one module, typed, tested under node, and free of markup."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from workbench.views.web.bundle import bundle, loader, make_bundle, source_of
from workbench.views.web.modules import join_modules
from workbench.views.web.shrink import shrink_css, shrink_js

ROOT = Path(__file__).parents[2]
WIDGETS = ROOT / "workbench/views/web"
JS = ROOT / "tests/js"
node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def write(folder: Path, **modules: str) -> Path:
    """Modules by name; the path of ``main``."""
    for name, source in modules.items():
        path = folder / f"{name}.js"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    return folder / "main.js"


def test_modules_come_after_what_they_import_and_once(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { b } from "./b.js";\nimport {\n  a,\n} from "./a.js";\nexport default () => [a, b];\n',
        a="export const a = 1;\n",
        b='import { a } from "./a.js";\nexport function b() { return a; }\n',
    )
    joined = join_modules(entry)
    assert joined.index("const a = 1") < joined.index("function b()") < joined.index("export default")
    assert joined.count("const a = 1") == 1
    assert re.findall(r"^(?:import|export).*", joined, re.M) == ["export default () => [a, b];"]


def test_modules_of_other_folders_are_joined_once_whatever_leads_to_them(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        **{
            "main": 'import { a } from "./parts/a.js";\n'
            'import { b } from "./panes/b.js";\nexport default a + b;\n',
            "parts/a": "export const a = 1;\n",
            "panes/b": 'import { a } from "../parts/a.js";\nexport const b = a;\n',
        },
    )
    joined = join_modules(entry)
    assert joined.count("const a = 1") == 1
    assert joined.index("const a = 1") < joined.index("const b = a")


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"main": 'import { x } from "lodash";\n'}, "lodash"),
        ({"main": 'import x from "./a.js";\n', "a": ""}, "import x from"),
        ({"main": 'import * as x from "./a.js";\n', "a": ""}, r"import \* as x"),
        ({"main": 'import { x as y } from "./a.js";\n', "a": "export const x = 1;"}, "renaming"),
        ({"main": 'import { x } from "./a.js";\n'}, "main.js: cannot import ./a.js: no such file"),
        ({"main": 'import { x } from "./a.js";\n', "a": "const x = 1;\n"}, "a.js does not export 'x'"),
        (
            {"main": 'import { x } from "./a.js";\nconst y = 1;\n', "a": "export const x = 1;\nlet y = 2;\n"},
            "main.js: the name 'y' is also declared in a.js",
        ),
        (
            {
                "main": 'import { x } from "./a.js";\n',
                "a": 'import { y } from "./main.js";\nexport const x = 1;\n',
            },
            "imports itself",
        ),
        ({"main": "const x = 1;\nexport { x };\n"}, "export { x }"),
        ({"main": 'export * from "./a.js";\n', "a": ""}, r"export \* from"),
        ({"main": 'const x = await import("./a.js");\n', "a": ""}, "import\\("),
        ({"main": "const { x } = globalThis;\n"}, "const { x }"),
        (
            {"main": 'import { x } from "./a.js";\n', "a": "export const x = 1;\nexport default x;\n"},
            "default",
        ),
    ],
)
def test_what_cannot_be_joined_is_named(tmp_path: Path, modules: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        join_modules(write(tmp_path, **modules))


def test_the_widget_never_makes_markup_of_text() -> None:
    for path in WIDGETS.rglob("*.js"):
        source = path.read_text()
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc",
            source,
        )
        assert not found, f"{path.name}: {found}"


@node
def test_the_joined_module_is_one_that_node_accepts(tmp_path: Path) -> None:
    module = tmp_path / "joined.mjs"
    module.write_text(join_modules(WIDGETS / "run_view.js"))
    script = (
        f'const m = await import("{module.as_uri()}"); console.log(Object.keys(m), Object.keys(m.default()))'
    )
    shown = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True)
    assert shown.stdout.strip() == "[ 'default' ] [ 'initialize', 'render' ]", shown.stderr


@pytest.mark.parametrize(
    ("source", "small"),
    [
        ("  a = 1; // why\n    b();\n", "a = 1;\nb();\n"),
        ("/* a\n b */ c();\n", "\nc();\n"),
        ("const url = 'http://x'; // y\n", "const url = 'http://x';\n"),
        ("const a = `\n  // kept\n${b ? `  /* kept */ ${c /* gone */}` : {d: 1}}\n  `;\n", None),
        ("const a = /[/*]\\/\\/ `/; // gone\n", "const a = /[/*]\\/\\/ `/;\n"),
        ("const a = b / c; // d / e\n  f(/\\s+/g, 2 / 3);\n", "const a = b / c;\nf(/\\s+/g, 2 / 3);\n"),
        ("const a = 'it\\'s // kept';\n", "const a = 'it\\'s // kept';\n"),
    ],
)
def test_only_comments_and_indentation_are_taken_out(source: str, small: str | None) -> None:
    expected = source.replace("/* gone */", " ") if small is None else small
    assert shrink_js(source) == expected
    assert source.count("\n") == expected.count("\n")


def test_styles_lose_comments_but_no_text() -> None:
    sheet = 'a::before {\n  content: "/* kept */  x"; /* gone */\n}\n'
    assert shrink_css(sheet) == 'a::before {\ncontent: "/* kept */  x";\n}\n'


@pytest.mark.parametrize("name", ["run_view", "timeline"])
def test_what_a_page_gets_is_small_and_each_of_its_lines_can_be_found(name: Any) -> None:
    made = bundle(name)
    assert bundle(name) is made
    assert made.code.endswith(f"//# sourceURL=workbench/{name}.js\n")
    lines = made.code.splitlines()
    assert not [line for line in lines if line.startswith((" ", "/*"))]
    files = {
        path: (WIDGETS / path).read_text().split("\n") for path in re.findall("^// (.*)$", made.code, re.M)
    }
    looked_at = 0
    for number in range(1, len(lines) - 2, 7):
        path, _, line = source_of(name, number).partition(":")
        if int(line):
            text = re.sub(r"/\*.*?\*/", " ", files[path][int(line) - 1])
            assert lines[number - 1] in text, (number, path, line)
            looked_at += lines[number - 1] != ""
    assert looked_at > 100
    assert len(loader()) < 3_200


def test_a_readable_front_end_has_a_source_map_of_its_files() -> None:
    made = make_bundle("timeline", readable=True)
    about = json.loads(b64decode(made.code.rpartition("base64,")[2]))
    groups = about["mappings"].split(";")
    source = line = 0
    found = []
    for group in groups:
        if group:
            column, one, down, _ = _numbers(group)
            source, line = source + one, line + down
            assert column == 0
        found.append((source, line) if group else None)
    lines = made.code.splitlines()
    assert found[0] is None and lines[0].startswith("// ")
    for number, place in enumerate(found):
        if place is not None:
            text = about["sourcesContent"][place[0]].split("\n")[place[1]]
            assert lines[number] in text or text.startswith(("import", "}", " ")), (number, place)
    assert about["sources"][-1] == "workbench/timeline.js"


def _numbers(group: str) -> list[int]:
    """The numbers of a mapping of a source map."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    numbers, value, shift = [], 0, 0
    for letter in group:
        digit = letters.index(letter)
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            numbers.append(-(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    return numbers


@node
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.name, marks=[pytest.mark.timed] if "performance.now" in path.read_text() else [])
        for path in sorted(JS.glob("*.test.mjs"))
        if "rfc6902" not in path.name
    ],
)
def test_the_modules_under_node(name: str) -> None:
    run = subprocess.run(["node", "--test", str(JS / name)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@node
def test_json_patch_as_the_public_cases_have_it(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    package = "json-patch-test-suite@1"
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(tmp_path), package]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install json-patch-test-suite: {installed.stderr.strip()[-200:]}")
    cases = tmp_path / "node_modules/json-patch-test-suite"
    run = subprocess.run(
        ["node", "--test", str(JS / "rfc6902.test.mjs")],
        capture_output=True,
        text=True,
        env={**os.environ, "JSON_PATCH_TESTS": str(cases)},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"^# pass (\d+)", run.stdout, re.M)
    assert passed is not None and int(passed[1]) > 80, run.stdout


def test_the_modules_have_the_types_they_say() -> None:
    tsc = os.environ.get("WORKBENCH_TSC") or shutil.which("tsc")
    if tsc is None:
        pytest.skip("no tsc on the PATH (npm install --global typescript, or set WORKBENCH_TSC to its file)")
    check = subprocess.run([tsc, "-p", str(JS / "tsconfig.json")], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


@pytest.mark.parametrize("line", [0, -1, 10_000_000])
def test_a_line_that_the_module_does_not_have_is_refused(line: int) -> None:
    with pytest.raises(ValueError, match=f"expected a line from 1 to .*, got {line}"):
        source_of("run_view", line)
