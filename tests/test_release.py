"""What is released: the files, the page on a package index, and what happens beside the other ``workbench``.

The package index has a distribution called ``workbench``, of another project, with a package and a command of
that name. Here a small one of the same shape stands for it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from readme_renderer import markdown

import chain_workbench
import workbench

ROOT = Path(__file__).resolve().parent.parent
OTHER_INIT = "import a_cloud_that_is_not_here\n"
REMOVE = "pip uninstall -y workbench && "


def python(script: str, folder: Path) -> str:
    """What a script prints that finds only the modules in *folder*."""
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-S", "-c", script]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder as site-packages has it, with just the start of our package."""
    shutil.copy(ROOT / "chain_workbench.py", tmp_path)
    (tmp_path / "workbench").mkdir()
    for name in ("__init__.py", "__init__.pyi"):
        shutil.copy(ROOT / "workbench" / name, tmp_path / "workbench")
    return tmp_path


def add_other(folder: Path) -> None:
    (folder / "workbench-0.8.dist-info").mkdir()
    (folder / "workbench-0.8.dist-info" / "METADATA").write_text("Name: workbench\nVersion: 0.8\n")


def found_by(folder: Path) -> str:
    return python("import chain_workbench; print(chain_workbench.conflict())", folder).rstrip("\n")


def test_nothing_is_wrong_here_and_alone(installed: Path) -> None:
    assert chain_workbench.conflict() is None
    assert found_by(installed) == "None"


@pytest.mark.parametrize("init", [None, OTHER_INIT], ids=["ours is left", "theirs is left"])
def test_the_other_distribution_is_named_with_the_remedy_in_one_line(
    installed: Path, init: str | None
) -> None:
    add_other(installed)
    if init is not None:
        (installed / "workbench" / "__init__.py").write_text(init)
    line = found_by(installed)
    assert "the distribution 'workbench' 0.8" in line and REMOVE in line and "\n" not in line


def test_the_other_distribution_in_another_folder_that_is_not_used_does_no_harm(
    installed: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "workbench").mkdir(parents=True)
    add_other(elsewhere)
    script = (
        f"import sys; sys.path.append({str(elsewhere)!r}); import chain_workbench as c; print(c.conflict())"
    )
    assert python(script, installed) == "None\n"


@pytest.mark.parametrize("init", [None, OTHER_INIT], ids=["missing", "theirs"])
def test_what_is_left_when_the_other_was_removed_is_to_be_installed_again(
    installed: Path, init: str | None
) -> None:
    """Its removal takes the files away that both had."""
    (installed / "workbench" / "__init__.py").unlink()
    if init is not None:
        (installed / "workbench" / "__init__.py").write_text(init)
    line = found_by(installed)
    assert chain_workbench.REINSTALL in line and "uninstall" not in line


def test_a_file_of_the_reader_s_that_is_called_workbench_is_named(installed: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "workbench.py"
    mine.parent.mkdir()
    mine.write_text("")
    script = f"import sys; sys.path.insert(0, {str(mine.parent)!r}); import chain_workbench as c; "
    script += "print(c.conflict())"
    assert python(script, installed).startswith(f"{mine} is found in place of our package")


def test_importing_the_package_does_not_look_for_others() -> None:
    looking = ("chain_workbench", "importlib.metadata")
    script = f"import sys, workbench; print([name for name in {looking} if name in sys.modules])"
    assert python(script, ROOT) == "[]\n"


# From here on with what is really built and installed.


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.mark.slow
def test_what_is_built_passes_the_index_s_check(built: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_has_what_runs_and_nothing_else(built: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(built[1]).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"chain_workbench.py", "workbench", f"chain_workbench-{workbench.__version__}.dist-info"}
    package = {
        path.relative_to(ROOT).as_posix()
        for suffix in ("*.py", "*.pyi", "*.js", "*.css", "py.typed")
        for path in (ROOT / "workbench").rglob(suffix)
    }
    tutorials = {f"workbench/tutorials/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert len(tutorials) >= 9
    assert {name for name in names if name.startswith("workbench/")} == package | tutorials


@pytest.mark.slow
def test_the_sdist_has_what_the_tests_need(built: tuple[Path, Path]) -> None:
    prefix = f"chain_workbench-{workbench.__version__}/"
    with tarfile.open(built[0]) as sdist:
        names = {name.removeprefix(prefix) for name in sdist.getnames()}
    needed = [
        path.relative_to(ROOT).as_posix()
        for folder in ("tests", "docs", "notebooks", "workbench")
        for suffix in (".py", ".mjs", ".js", ".css", ".md", ".ipynb", ".png")
        for path in (ROOT / folder).rglob(f"*{suffix}")
        if not path.relative_to(ROOT).match("*/node_modules/*")
    ]
    assert [name for name in (*needed, "README.md", "LICENSE", ".ci/run") if name not in names] == []


@pytest.mark.slow
def test_the_page_on_an_index_has_no_link_and_no_picture_that_leads_nowhere(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        text = wheel.read(name).decode()
    page = message_from_string(text).get_payload()
    html = markdown.render(page)
    assert html and ">chain-workbench<" in html and "<table>" in html
    targets = re.findall(r'(?:href|src|srcset)="([^"]*)"', html)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    assert "<picture" not in page and "<img" not in page
    assert 'pip install -q "chain-workbench[tutorials]"' in page
    assert "pip install -q -e" not in page and "<!-- test command -->" not in page


def wheel_of_the_other(folder: Path) -> Path:
    """Its command, its package; on import it wants packages that are not there, as the real one does."""
    info = "workbench-0.8.dist-info"
    files = {
        "workbench/__init__.py": OTHER_INIT,
        "workbench/repl/__init__.py": "",
        "workbench/repl/shell.py": "def main():\n    print('the other')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: workbench\nVersion: 0.8\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nworkbench = workbench.repl.shell:main\n",
    }
    rows = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""])
    path = folder / "workbench-0.8-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


class Environment:
    """A virtual environment that sees the packages of this one, but not our checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
        Path(paths["purelib"], "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def run(self, *command: str) -> tuple[int, str]:
        """The exit code, and all that was printed."""
        hidden = ("PYTHONPATH", "VIRTUAL_ENV")
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        program = str(self.folder / "bin" / command[0])
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python"), *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-compile", "--no-index", "--no-deps", "--force-reinstall", str(wheel))

    def load_ext(self, name: str) -> str:
        script = (
            "from IPython.core.interactiveshell import InteractiveShell as Shell; shell = Shell(); "
            f"shell.run_cell('%load_ext {name}')"
        )
        return self.run("python", "-c", script)[1]


def is_the_line(text: str) -> bool:
    return text.count("\n") == 1 and "the distribution 'workbench' 0.8" in text and REMOVE in text


@pytest.mark.slow
def test_beside_the_other_one_every_way_in_says_so_in_one_line(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    other = wheel_of_the_other(tmp_path)
    env = Environment(tmp_path / "env")

    env.install(other)  # theirs first
    env.install(built[1])
    for command in (
        ["chain-workbench", "demo"],
        ["workbench", "demo"],
        ["python", "-m", "workbench", "demo"],
    ):
        code, text = env.run(*command)
        assert code == 1 and is_the_line(text), text
    for name in ("workbench", "chain_workbench"):
        text = env.load_ext(name)
        assert is_the_line(text) and text.startswith("UsageError"), text

    env.install(
        other
    )  # theirs once more, over ours: the command `workbench` and `%load_ext workbench` are theirs
    code, text = env.run("chain-workbench", "demo")
    assert code == 1 and is_the_line(text), text
    assert is_the_line(env.load_ext("chain_workbench"))

    env.pip("uninstall", "-y", "workbench")  # takes files away that were ours
    code, text = env.run("chain-workbench", "demo")
    assert code == 1 and text.count("\n") == 1 and chain_workbench.REINSTALL in text, text

    env.install(built[1])
    version = f"chain-workbench {workbench.__version__}\n"
    assert env.run("chain-workbench", "--version") == (0, version)
    assert env.run("workbench", "--version") == (0, version)
    assert env.load_ext("workbench") == "" and env.load_ext("chain_workbench") == ""
