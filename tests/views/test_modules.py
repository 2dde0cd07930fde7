"""The JavaScript of the widgets: joined to one module, typed, tested under node, and free of markup."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from workbench.views.web.modules import join_modules

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
