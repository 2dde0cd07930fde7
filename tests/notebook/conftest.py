import pytest
from IPython.core.interactiveshell import InteractiveShell

from .view_page import axe

__all__ = ["axe", "shell"]


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "workbench")
    yield shell
    InteractiveShell.clear_instance()
