"""``workbench serve``: chains found by name, served until Ctrl-C."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import WorkbenchError
from ...runnables.base import coerce

__all__ = ["load_chain", "load_chains", "serve"]

TOKEN_VARIABLE = "WORKBENCH_SERVE_TOKEN"


def serve(options: argparse.Namespace) -> None:
    """Serve the chains that the command line names. Raises WorkbenchError for those that cannot be served."""
    from .app import Limits, create_app
    from .listening import is_loopback, listen, run_server, warn_open

    chains = load_chains(options.chains)
    token = _token(options.token_file)
    try:
        app = create_app(
            {f"/{name}": chain for name, chain in chains.items()},
            cors_origins=options.cors_origin,
            tokens=token,
            config_keys=tuple(options.config_key or ("configurable",)),
            errors=options.errors,
            limits=Limits(run_s=options.run_seconds),
            playground=not options.no_playground,
        )
    except ValueError as error:
        raise WorkbenchError(str(error)) from error
    listener = listen(options.host, options.port, allow_remote=options.allow_remote)
    if not is_loopback(options.host) and token is None:
        warn_open(options.host)
    address = f"http://{options.host}:{listener.getsockname()[1]}"
    for name in chains:
        shown = "" if options.no_playground else f"   playground: {address}/{name}/playground/"
        print(f"{address}/{name}{shown}", flush=True)
    run_server(app, listener, options.host, grace_s=options.grace_seconds)


def load_chains(targets: Sequence[str]) -> dict[str, Any]:
    """What ``load_chain`` gives for each, by name."""
    chains = dict(map(load_chain, targets))
    if len(chains) < len(targets):
        raise WorkbenchError("two chains have the same name: give one of them another")
    return chains


def load_chain(target: str) -> tuple[str, Any]:
    """The name and the chain that ``module:name`` or ``file.py:name`` means.

    What the module raises while it is imported is raised as it is.
    """
    source, _, name = target.rpartition(":")
    if not source or not name.isidentifier():
        raise WorkbenchError(f"expected MODULE:CHAIN, as in chains:joke or chains.py:joke, got {target!r}")
    module = _module(source)
    if not hasattr(module, name):
        names = [one for one in vars(module) if not one.startswith("_")]
        raise WorkbenchError(f"{source} has no {name!r}; it has {', '.join(names[:20]) or 'nothing'}")
    try:
        return name, coerce(getattr(module, name))
    except TypeError as error:
        raise WorkbenchError(f"{target} is no chain: {error}") from error


def _module(source: str) -> Any:
    sys.path.insert(0, os.getcwd())
    path = Path(source)
    if path.suffix == ".py":
        if not path.is_file():
            raise WorkbenchError(f"there is no file {source}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise WorkbenchError(f"{source} cannot be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{source}.".startswith(f"{error.name}."):
            raise
        raise WorkbenchError(f"there is no module {source!r} here ({os.getcwd()})") from error


def _token(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WorkbenchError(f"--token-file {path}: {error.strerror}") from error
    if not token:
        raise WorkbenchError(f"--token-file {path}: it is empty")
    return token
