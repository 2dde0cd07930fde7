"""Join the ES modules of this folder and its sub-folders into the one string that anywidget takes.

A notebook front end loads a widget's module from a string, where relative imports lead nowhere. Ours are
plain modules that a web page or node can import as they are; here they are put one after the other, in
the order of their imports, without the import lines, the ``export`` keywords and the lines that are comments.
That is all: no renaming and no bundler, so the modules keep to named imports and to top-level names that
differ. Anything else raises ValueError that names the module and the line.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["join_modules"]

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
_COMMENT_LINES = re.compile(r"^[ \t]*(?:/\*.*?\*/[ \t]*|//[^\n]*)\n", re.S | re.M)


def join_modules(entry: Path) -> str:
    """The module *entry* and all it imports, as one module with the default export of *entry*."""
    entry = entry.resolve()
    order: list[Path] = []
    _visit(entry, (), order)
    owners: dict[str, Path] = {}
    parts: list[str] = []
    for path in order:
        source = path.read_text(encoding="utf-8")
        for match in _DECLARED.finditer(source):
            other = owners.setdefault(match["name"], path)
            if other is not path:
                raise ValueError(f"{path.name}: the name {match['name']!r} is also declared in {other.name}")
        parts.append(f"// {path.name}\n{_body(path, source, is_entry=path is order[-1])}")
    return "\n".join(parts)


def _visit(path: Path, above: tuple[Path, ...], order: list[Path]) -> None:
    """Append to *order* what *path* imports, then *path*."""
    if path in above:
        raise ValueError(f"{path.name}: imports itself by way of {' > '.join(step.name for step in above)}")
    if path in order:
        return
    if not path.is_file():
        raise ValueError(f"{above[-1].name if above else path}: cannot import ./{path.name}: no such file")
    source = path.read_text(encoding="utf-8")
    for match in _IMPORT.finditer(source):
        if " as " in match["names"]:
            raise ValueError(f"{path.name}: cannot join a renaming import: {match[0]!r}")
        imported = (path.parent / match["file"]).resolve()
        _visit(imported, (*above, path), order)
        _check_exports(path, imported, match["names"])
    order.append(path)


def _check_exports(path: Path, imported: Path, names: str) -> None:
    source = imported.read_text(encoding="utf-8")
    exported = {match["name"] for match in _DECLARED.finditer(source) if match[0].startswith("export ")}
    for name in (part.strip() for part in names.split(",")):
        if name and name not in exported:
            raise ValueError(f"{path.name}: {imported.name} does not export {name!r}")


def _body(path: Path, source: str, *, is_entry: bool) -> str:
    body = _EXPORT.sub("", _IMPORT.sub("", source))
    rest = _DEFAULT.sub("", body) if is_entry else body
    if left := _LEFT_OVER.search(_COMMENT.sub("", rest)):
        raise ValueError(
            f"{path.name}: cannot join {left[0].strip()!r}; use named relative imports and exports"
        )
    return _COMMENT_LINES.sub("", body)
