"""Join the ES modules of this folder and its sub-folders into the one string that a notebook's page imports.

A notebook front end loads a module from a string, where relative imports lead nowhere. Ours are plain modules
that a web page or node can import as they are; here they are put one after the other, in the order of their
imports, without the import lines and the ``export`` keywords. That is all: no renaming and no bundler, so the
modules keep to named imports and to top-level names that differ. Anything else raises ValueError that names
the module and the line.

Each module begins with a comment that has its path, and keeps its number of lines: line *n* after that
comment is line *n* of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

__all__ = ["imported_modules", "join_modules"]

_IMPORT = re.compile(
    r"^import\s*\{(?P<names>[^}]*)\}\s*from\s*(?P<quote>[\"'])(?P<file>\.\.?/[\w./-]+)(?P=quote);?[ \t]*$",
    re.M,
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*? |class |const |let )\w)", re.M)
_DEFAULT = re.compile(r"^export default ", re.M)
_DECLARED = re.compile(
    r"^(?:export )?(?:async )?(?:function\*?|class|const|let|var)\s+(?P<name>[\w$]+)", re.M
)
_LEFT_OVER = re.compile(r"^(?:import\b|export\b|(?:const|let|var)\s*[\[{]).*$|\bimport\s*\(.*$", re.M)

_COMMENT = re.compile(r"/\*.*?\*/", re.S)  # JSDoc types use import() as well


def join_modules(entry: Path, *, shrink: Callable[[str], str] = str) -> str:
    """The module *entry* and all it imports, as one module with the default export of *entry*.

    *shrink* is applied to each module, and must keep its number of lines.
    """
    modules = imported_modules(entry)
    owners: dict[str, Path] = {}
    parts: list[str] = []
    for path, source in modules.items():
        for match in _DECLARED.finditer(source):
            other = owners.setdefault(match["name"], path)
            if other is not path:
                raise ValueError(f"{path.name}: the name {match['name']!r} is also declared in {other.name}")
        body = shrink(_body(path, source, is_entry=path == entry.resolve()))
        parts.append(f"// {path.relative_to(entry.resolve().parent).as_posix()}\n{body}")
    return "\n".join(parts)


def imported_modules(entry: Path) -> dict[Path, str]:
    """The sources of *entry* and of all that it imports, each after those it imports."""
    found: dict[Path, str] = {}
    _visit(entry.resolve(), (), found)
    return found


def _visit(path: Path, above: tuple[Path, ...], found: dict[Path, str]) -> None:
    """Add to *found* what *path* imports, then *path*."""
    if path in above:
        raise ValueError(f"{path.name}: imports itself by way of {' > '.join(step.name for step in above)}")
    if path in found:
        return
    if not path.is_file():
        raise ValueError(f"{above[-1].name if above else path}: cannot import ./{path.name}: no such file")
    source = path.read_text(encoding="utf-8")
    for match in _IMPORT.finditer(source):
        if " as " in match["names"]:
            raise ValueError(f"{path.name}: cannot join a renaming import: {match[0]!r}")
        imported = (path.parent / match["file"]).resolve()
        _visit(imported, (*above, path), found)
        _check_exports(path, imported.name, found[imported], match["names"])
    found[path] = source


def _check_exports(path: Path, imported: str, source: str, names: str) -> None:
    exported = {match["name"] for match in _DECLARED.finditer(source) if match[0].startswith("export ")}
    for name in (part.strip() for part in names.split(",")):
        if name and name not in exported:
            raise ValueError(f"{path.name}: {imported} does not export {name!r}")


def _body(path: Path, source: str, *, is_entry: bool) -> str:
    body = _EXPORT.sub("", _IMPORT.sub(lambda match: "\n" * match[0].count("\n"), source))
    rest = _DEFAULT.sub("", body) if is_entry else body
    if left := _LEFT_OVER.search(_COMMENT.sub("", rest)):
        raise ValueError(
            f"{path.name}: cannot join {left[0].strip()!r}; use named relative imports and exports"
        )
    return body
