"""Notebooks, read, made and run. nbformat and nbclient take seconds to import: a test run without such
tests does not wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["make_notebook", "new_notebook", "new_output", "read_notebook", "run_notebook"]


def new_notebook(sources: Sequence[str], *, kernel: str = "python3") -> Any:
    """A notebook of these code cells."""
    from nbformat import v4

    python = {"name": kernel, "display_name": kernel, "language": "python"}
    cells = [v4.new_code_cell(source) for source in sources]
    return v4.new_notebook(cells=cells, metadata={"kernelspec": python})


def new_output(kind: str, data: dict[str, Any] | None = None, **fields: Any) -> Any:
    """What a cell has shown."""
    from nbformat import v4

    return v4.new_output(kind, data, **fields)


def make_notebook(path: Path, sources: Sequence[str], *, kernel: str = "python3") -> Path:
    """A file with a notebook of these code cells."""
    import nbformat

    path.write_text(nbformat.writes(new_notebook(sources, kernel=kernel)), encoding="utf-8")
    return path


def read_notebook(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)


def run_notebook(notebook: Any, *, timeout_s: int = 60, allow_errors: bool = False) -> None:
    """Run all cells in a real kernel; their outputs are in *notebook* then."""
    from nbclient import NotebookClient

    NotebookClient(notebook, timeout=timeout_s, kernel_name="python3", allow_errors=allow_errors).execute()
