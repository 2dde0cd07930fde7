"""Execute the notebooks and compare: what is stored in them has the form of a fresh run, and is fit to be
read without a kernel. With --write, store the fresh outputs instead.

Widget state is left out of what is stored: the static twins show the results everywhere, while stored state
makes converters load scripts from the network.
"""

import argparse
import copy
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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


def measures(path: Path) -> bool:
    """Whether a notebook times something: it then runs with nothing beside it."""
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return bool(re.search(r"%timechain|%time\b|--time\b|\bcompare\(|perf_counter", "\n".join(code)))


def check(path: Path, *, write: bool) -> bool:
    """Run a notebook, say what is wrong with it."""
    notebook = nbformat.read(path, as_version=4)
    stored = copy.deepcopy(notebook)
    started = time.monotonic()
    try:
        NotebookClient(
            notebook,
            timeout=LIMIT_S,
            resources={"metadata": {"path": path.resolve().parent}},
            store_widget_state=False,
        ).execute()
    except CellExecutionError as error:
        print(f"{path.name}: FAILED\n{error}")
        return False
    seconds = time.monotonic() - started
    fresh = cleaned(notebook)
    wrong = problems(fresh) if write else problems(stored) + differences(stored, fresh)
    if seconds > LIMIT_S:
        wrong.append(f"took longer than {LIMIT_S} s")
    print("\n  ".join([f"{path.name}: {seconds:.1f} s", *wrong]), flush=True)
    if write:
        nbformat.write(fresh, path)
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    parser.add_argument("--write", action="store_true", help="store the outputs")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--measuring", action="store_true", help="only those that time something")
    only.add_argument("--side-by-side", action="store_true", help="only those that do not")
    options = parser.parse_args()
    paths = options.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    alone = [path for path in paths if measures(path)]
    others = [path for path in paths if path not in alone]
    run = partial(check, write=options.write)
    right: list[bool] = []
    if not options.measuring:
        with ThreadPoolExecutor(2) as pool:
            right += pool.map(run, others)
    if not options.side_by_side:
        right += map(run, alone)
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
