"""Execute the notebooks and compare: what is stored in them has the form of a fresh run, and is fit to be
read without a kernel. With --write, store the fresh outputs instead.

Widget state is left out of what is stored: the static twins show the results everywhere, while stored state
makes converters load scripts from the network.
"""

import argparse
import copy
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.docs.saved_notebooks import differences, joined, problems  # noqa: E402  # where it was just said

LIMIT_S = 180


def cleaned(notebook: Any) -> Any:
    """A run notebook as it is stored."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    notebook.metadata.pop("widgets", None)
    return notebook


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    parser.add_argument("--write", action="store_true", help="store the outputs")
    options = parser.parse_args()
    folder = ROOT / "notebooks"
    failed = 0
    for path in options.notebooks or sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        stored = copy.deepcopy(notebook)
        started = time.monotonic()
        try:
            NotebookClient(
                notebook, timeout=LIMIT_S, resources={"metadata": {"path": folder}}, store_widget_state=False
            ).execute()
        except CellExecutionError as error:
            print(f"{path.name}: FAILED\n{error}")
            failed += 1
            continue
        seconds = time.monotonic() - started
        fresh = cleaned(notebook)
        wrong = problems(fresh) if options.write else problems(stored) + differences(stored, fresh)
        if seconds > LIMIT_S:
            wrong.append(f"took longer than {LIMIT_S} s")
        print(f"{path.name}: {seconds:.1f} s", *wrong, sep="\n  ")
        failed += bool(wrong)
        if options.write:
            nbformat.write(fresh, path)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
