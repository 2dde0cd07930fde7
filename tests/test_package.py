"""The package as a whole: what it exports, what importing it costs, what it never does."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import workbench

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "workbench"
HEAVY = ("openai", "pydantic", "ipywidgets", "anywidget", "altair", "numpy", "rich", "IPython", "jsonpatch")
UNSAFE_JS = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")


def run(script):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_importing_the_package_imports_nothing_heavy():
    assert run(f"import sys, workbench; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_composing_functions_needs_nothing_heavy_either():
    script = (
        "import sys; from workbench import RunnableLambda; chain = RunnableLambda(str) | {'a': len}; "
        f"assert chain.invoke(10) == {{'a': 2}}; print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert run(script) == "[]"


def test_every_name_that_is_promised_can_be_had():
    assert sorted(workbench.__all__) == sorted(set(workbench.__all__))
    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
    assert set(workbench.__all__) <= set(dir(workbench))


def test_type_checkers_and_readers_see_the_same_names():
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.level]
    typed = [alias.asname for node in imports for alias in node.names]
    assert sorted(typed) == sorted(set(workbench.__all__) - {"__version__", "load_ipython_extension"})


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(workbench, "RunnableNothing")


def test_every_module_s_all_names_what_it_defines():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        defined = {
            name
            for node in ast.walk(tree)
            for name in (
                [node.name]
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                else [t.id for t in node.targets if isinstance(t, ast.Name)]
                if isinstance(node, ast.Assign)
                else [node.target.id]
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
                else [alias.asname or alias.name for alias in node.names]
                if isinstance(node, ast.Import | ast.ImportFrom)
                else []
            )
        }
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                if path == PACKAGE / "__init__.py":
                    continue  # made of the stub, which another test compares
                assert set(ast.literal_eval(node.value)) <= defined, path


def test_what_a_model_wrote_is_never_parsed_as_html_or_code():
    for path in PACKAGE.rglob("*.js"):
        found = UNSAFE_JS.search(path.read_text())
        assert found is None, (path, found)


def test_nothing_names_this_machine_or_a_package_host():
    hosts = re.compile(r"files\.pythonhosted|//pypi\.|registry\.npmjs|/home/|/root/|/work/")
    for folder in ("workbench", "notebooks", "tests", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".js", ".css", ".ipynb", ".json", ".md", "") and path.is_file():
                if path == Path(__file__) or "node_modules" in path.parts:
                    continue
                found = hosts.search(path.read_text(errors="ignore"))
                assert found is None, (path, found)


def test_methods_whose_work_is_done_on_an_upper_floor_need_no_other_import():
    chain = "from workbench import RunnableLambda; chain = RunnableLambda(len); "
    assert run(chain + "print(chain.as_tool(arg_types={'x': int}).invoke({'x': 1}))") == "1"
    assert run(chain + "print(chain.view([1, 2]))").endswith("2")
    message = "from workbench import HumanMessage; message = HumanMessage('a'); "
    assert run(message + "print(type(message + '{b}').__name__)") == "ChatPromptTemplate"


def test_only_the_methods_of_runnable_import_what_is_built_on_it():
    import grimp  # import-linter's

    graph = grimp.build_graph("workbench", cache_dir=None)
    base = "workbench.runnables.base"
    lines = (PACKAGE / "runnables" / "base.py").read_text().splitlines()
    for built in graph.find_modules_directly_imported_by(base):
        details = graph.get_import_details(importer=base, imported=built)
        if all(lines[each["line_number"] - 1].startswith(" ") for each in details):
            graph.remove_import(importer=base, imported=built)
    assert graph.nominate_cycle_breakers("workbench.runnables") == set()
