"""Execute the notebooks; with --write, store their outputs in them.

Widget state is left out of what is stored: the static twins show the results everywhere, while stored state
makes converters load scripts from the network.
"""

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LIMIT_S = 180


def joined(outputs: list) -> list:
    """The outputs with what was printed in pieces put together."""
    kept: list = []
    for output in outputs:
        last = kept[-1] if kept else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            kept.append(output)
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    parser.add_argument("--write", action="store_true", help="store the outputs")
    options = parser.parse_args()
    folder = Path(__file__).resolve().parent.parent / "notebooks"
    failed = 0
    for path in options.notebooks or sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
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
        print(f"{path.name}: {seconds:.1f} s")
        if seconds > LIMIT_S:
            print(f"{path.name}: took longer than {LIMIT_S} s")
            failed += 1
        if options.write:
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)
                if cell.cell_type == "code":
                    cell.outputs = joined(cell.outputs)
            notebook.metadata.pop("widgets", None)
            nbformat.write(notebook, path)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
