"""A real JupyterLab in a real Chromium, with a real kernel, for the tests of the front ends.

``jupyter`` and ``browser`` are session fixtures (import them in a conftest), ``lab`` opens notebooks.
Where Chromium, playwright or JupyterLab is missing the tests are skipped with that reason. The
tests are plain functions: playwright's synchronous API cannot run inside an event loop.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import pytest

from .notebook_files import make_notebook

__all__ = [
    "OLD_KERNEL",
    "Browser",
    "JupyterServer",
    "NotebookPage",
    "browser",
    "check_status",
    "jupyter",
    "lab",
]

CHROMIUM = os.environ.get("WORKBENCH_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None
)
CHROMIUM_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FORGET_FRONT_ENDS = """() => {
  for (const place of Object.getOwnPropertySymbols(window))
    if (place.description?.startsWith("workbench.front_end.")) delete window[place];
  document.querySelectorAll("style[data-workbench]").forEach((style) => style.remove());
}"""
CELLS = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell"
"""A page that is loaded again may open other notebooks as well, behind its own."""
OLD_KERNEL = Path(tempfile.gettempdir()) / "workbench-tests-ipykernel6.29"
"""Where a test that needs it installs an ipykernel that answers nothing while a cell runs."""
VIEWPORT = {"width": 1180, "height": 900}


def missing() -> str | None:
    """What the browser tests lack here, in words; None where they can run."""
    for package in ("playwright", "jupyterlab", "ipykernel"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    return None if CHROMIUM else "no chromium on the PATH (set WORKBENCH_CHROMIUM to its file)"


def need_browser() -> None:
    """Skip the test where it cannot run, or fail it where WORKBENCH_TEST_BROWSER says that it must."""
    if reason := missing():
        (pytest.fail if os.environ.get("WORKBENCH_TEST_BROWSER") else pytest.skip)(f"browser tests: {reason}")


def check_status(view: Any, text: str) -> None:
    """A view says *text*, which may come a little after its cell has ended."""
    status = view.locator(".wb-status", has_text=text)
    status.wait_for()
    assert status.inner_text() == text


class JupyterServer:
    """JupyterLab with configuration, data and workspaces of its own, on a free port. *kernels*: more of them
    by name, each with a folder whose packages it finds before the others."""

    def __init__(
        self,
        root: Path,
        *,
        python_path: Sequence[Path] = (),
        kernels: Mapping[str, Path] = MappingProxyType({}),
        extra: Sequence[str] = (),
    ) -> None:
        self.root = root
        self._own = Path(tempfile.mkdtemp(prefix="workbench-lab-"))
        self._python_path = python_path
        self._extra = extra
        for name, folder in kernels.items():
            self._add_kernel(name, folder)
        with contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> JupyterServer:
        self._log = (self._own / "server.log").open("w")
        self._process = subprocess.Popen(
            self._command(),
            env=self._environment(),
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/api/status", timeout=2).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError(f"JupyterLab did not start:\n{self.log()[-3000:]}") from None
                time.sleep(0.05)

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):
            self.shut_down_kernels()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._log.close()
        self._kept_log = (self._own / "server.log").read_text()
        shutil.rmtree(self._own, ignore_errors=True)

    def log(self) -> str:
        path = self._own / "server.log"
        return path.read_text() if path.exists() else self._kept_log

    def _add_kernel(self, name: str, python_path: Path) -> None:
        folder = self._own / "data/kernels" / name
        folder.mkdir(parents=True)
        search = os.pathsep.join([str(python_path), *map(str, self._python_path)])
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": name, "language": "python", "env": {"PYTHONPATH": search}}
        (folder / "kernel.json").write_text(json.dumps(spec))

    def shut_down_kernels(self) -> None:
        deadline = time.monotonic() + 10
        while sessions := self._api("/api/sessions"):
            for session in sessions:
                try:
                    self._api(f"/api/sessions/{session['id']}", "DELETE")
                except urllib.error.HTTPError:  # its kernel is just starting, or ending: not yet
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)

    def _api(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self._port}", "--ServerApp.port_retries=0"),
            *("--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"),
            *(f"--ServerApp.root_dir={self.root}", "--LabApp.news_url=None"),
            *("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
            *self._extra,
        ]

    def _environment(self) -> dict[str, str]:
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_DATA_DIR": "data",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        notification = self._own / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        notification.parent.mkdir(parents=True, exist_ok=True)
        notification.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        page_config = self._own / "config/labconfig/page_config.json"
        page_config.parent.mkdir(parents=True, exist_ok=True)
        # The check starts node whenever a page is loaded.
        page_config.write_text('{"buildAvailable": false, "buildCheck": false}')
        search = [*map(str, self._python_path), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **os.environ,
            **{name: str(self._own / folder) for name, folder in folders.items()},
            "JUPYTER_PLATFORM_DIRS": "1",
            "PYTHONPATH": os.pathsep.join(search),
        }


class Browser:
    """Chromium, with one context for all pages; it is started when it is asked for something."""

    _open: ClassVar[list[Browser]] = []

    def __init__(self) -> None:
        self.idle: dict[str, Any] = {}
        """Tabs that can be used again, by the address of what is loaded: JupyterLab takes seconds."""

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *exception: object) -> None:
        if self in self._open:
            self._open.remove(self)
            self._chromium.close()
            self._playwright.stop()
            self.idle.clear()
            del self.context

    @cached_property
    def context(self) -> Any:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        self._open.append(self)
        return self._chromium.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]  # a TypedDict

    @classmethod
    def close_all(cls) -> None:
        """Until they are asked for something again."""
        for browser in list(cls._open):
            browser.__exit__()

    def page(self) -> Any:
        return self.context.new_page()

    def open_file(self, path: Path, *, offline: bool = True) -> Any:
        """A page with a local file; *offline* refuses everything it would load from elsewhere."""
        page = self.page()
        if offline:
            page.route("http*://**", lambda route: route.abort())
        page.goto(path.absolute().as_uri(), wait_until="load")
        return page


class NotebookPage:
    """A tab with one notebook in JupyterLab, or in Notebook 7 (*app* "notebooks"). ``page`` is playwright's
    page; *fresh*: no view was ever open in it, as far as the front end can know."""

    def __init__(
        self,
        browser: Browser,
        server: JupyterServer,
        name: str,
        *,
        app: Literal["lab/tree", "notebooks"] = "lab/tree",
        fresh: bool = False,
    ) -> None:
        self.server = server
        self._browser = browser
        self._app = app
        self.name = name
        self.errors: list[str] = []
        self.received: list[int] = []
        """Bytes of each websocket message from the kernel."""
        loaded = browser.idle.pop(server.url, None) if app == "lab/tree" else None
        self.page = loaded or browser.page()
        self._is_used = loaded is not None
        self.page.on("pageerror", self._note_error)
        self.page.on("websocket", self._watch)
        if loaded is None:
            self.open()
        else:
            self._can_serve_again = True
            if fresh:
                self.page.evaluate(FORGET_FRONT_ENDS)
            self.command("docmanager:open", {"path": name})
            self._wait_for_kernel()

    def open(self, *, reset: bool = True) -> None:
        """Load the page, also anew; *reset* forgets the workspace, otherwise other notebooks may open."""
        self._can_serve_again = reset and self._app == "lab/tree"
        self.page.goto(f"{self.server.url}/{self._app}/{self.name}{'?reset' if reset else ''}")
        self._wait_for_kernel()

    def _wait_for_kernel(self) -> None:
        self.page.wait_for_selector(CELLS, timeout=60_000)
        self.page.wait_for_function(
            """() => {
              const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
              return kernel?.connectionStatus === "connected" && kernel.status !== "unknown"
                && kernel.status !== "starting";
            }""",
            timeout=60_000,
        )

    def start(self, cell: int) -> None:
        """Run a cell without waiting for it."""
        self.page.evaluate(
            """(index) => {
              const panel = window.jupyterapp.shell.currentWidget;
              panel.content.deselectAll();
              panel.content.activeCellIndex = index;
              window.jupyterapp.commands.execute("notebook:run-cell");
            }""",
            cell,
        )

    def run(self, cell: int, *, timeout_s: float = 30) -> None:
        """Run a cell to its end."""
        before = self._count(cell)
        self.start(cell)
        self.wait(cell, before, timeout_s=timeout_s)

    def wait(self, cell: int, before: int | None = None, *, timeout_s: float = 30) -> None:
        """Until a cell that was started has ended."""
        self.page.wait_for_function(
            """([index, before]) => {
              const panel = window.jupyterapp.shell.currentWidget;
              const { executionCount, executionState } = panel.content.widgets[index].model;
              return executionCount !== null && executionCount !== before && executionState !== "running"
                && panel.sessionContext.session.kernel.status === "idle";
            }""",
            arg=[cell, before],
            timeout=timeout_s * 1000,
            polling=50,
        )

    def cell(self, cell: int) -> Any:
        """The output of a cell, as a locator."""
        return self.page.locator(CELLS).nth(cell).locator(".jp-Cell-outputArea")

    def interrupt(self) -> None:
        """As the toolbar's button."""
        self.command("notebook:interrupt-kernel")

    def save(self) -> None:
        self.command("docmanager:save")

    def command(self, name: str, args: dict[str, Any] | None = None) -> None:
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => true)",
            [name, args or {}],
        )

    def close(self) -> None:
        """Close the notebook; a tab of JupyterLab serves for the next one."""
        self.page.remove_listener("pageerror", self._note_error)
        self.page.remove_listener("websocket", self._watch)
        is_idle = self._can_serve_again and self.page.evaluate(
            """() => {
              const open = [...window.jupyterapp.shell.widgets("main")];
              open.filter((widget) => widget.context).forEach((widget) => widget.dispose());
              const chosen = Object.keys(sessionStorage).filter((name) => name.startsWith("workbench."));
              chosen.forEach((name) => sessionStorage.removeItem(name));
              return document.querySelector(".jp-Dialog") === null;
            }"""
        )
        if is_idle and self.server.url not in self._browser.idle:
            self._browser.idle[self.server.url] = self.page
        else:
            self.page.close()

    def _count(self, cell: int) -> int | None:
        count: int | None = self.page.evaluate(
            "(index) => window.jupyterapp.shell.currentWidget.content.widgets[index].model.executionCount",
            cell,
        )
        return count

    def _note_error(self, error: Any) -> None:
        of_earlier_notebook = ("Canceled future for", "Kernel connection is disposed")
        if not (self._is_used and str(error).removeprefix("Error: ").startswith(of_earlier_notebook)):
            self.errors.append(str(error))

    def _watch(self, socket: Any) -> None:
        if "/channels" in socket.url:
            socket.on("framereceived", lambda payload: self.received.append(len(payload)))


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    need_browser()
    kits = Path(__file__).parent / "notebook"
    root, kernels = tmp_path_factory.mktemp("notebooks"), {"old": OLD_KERNEL}
    with JupyterServer(root, python_path=[kits], kernels=kernels) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    need_browser()
    with Browser() as chromium:
        yield chromium


@pytest.fixture
def lab(jupyter: JupyterServer, browser: Browser) -> Iterator[Callable[..., NotebookPage]]:
    """Opens a notebook of the given cells under a name; closes the pages after the test."""
    pages: list[NotebookPage] = []

    def open_notebook(name: str, cells: Sequence[str] | None = None) -> NotebookPage:
        if cells is not None:
            make_notebook(jupyter.root / name, cells)
        pages.append(NotebookPage(browser, jupyter, name))
        return pages[-1]

    yield open_notebook
    for page in pages:
        page.close()
    jupyter.shut_down_kernels()
