"""Every exception the workbench raises on its own account, in one tree.

::

    WorkbenchError
    |- MissingDependencyError   an optional package is not installed (also an ImportError)
    |- ModelError               a model cannot be had or does not answer
    |  |- ModelNotInstalledError    its weights are not on this machine
    |  |- ModelDownloadError        its weights could not be fetched or are damaged
    |  |- ModelServerError          the local server did not start or has died
    |  `- ModelAnswerError          an answer was cut off, or what came is none
    |- CassetteError            a cassette cannot be read, or lacks what was asked (also a LookupError)
    |- DimensionError           vectors of one store differ in length (also a ValueError)
    |- OutputParserError        a model's output does not have the expected form (also a ValueError)
    |- ToolException            a tool could not do what it was asked to; raised by the code of tools
    `- ChainCellError           a %%chain cell cannot be run as written (also a ValueError)

Plain misuse raises the built-in TypeError, ValueError or KeyError. Exceptions of user code and of the
``openai`` package pass through unchanged, with a note that names the step they came from.
"""

__all__ = [
    "CassetteError",
    "ChainCellError",
    "DimensionError",
    "MissingDependencyError",
    "ModelAnswerError",
    "ModelDownloadError",
    "ModelError",
    "ModelNotInstalledError",
    "ModelServerError",
    "OutputParserError",
    "ToolException",
    "WorkbenchError",
]


class WorkbenchError(Exception):
    """Base of the errors raised by the workbench itself."""


class MissingDependencyError(WorkbenchError, ImportError):
    """An optional package is missing; the message names the extra that brings it."""

    @classmethod
    def for_extra(cls, what: str, package: str, extra: str) -> "MissingDependencyError":
        """*what* needs *package*, which the extra *extra* installs."""
        return cls(f'{what} needs {package}: pip install "chain-workbench[{extra}]"')


class ModelError(WorkbenchError):
    """A model cannot be had, or does not answer."""


class ModelNotInstalledError(ModelError):
    """The weights of a local model are not on this machine; the message names the command that pulls them."""


class ModelDownloadError(ModelError):
    """Weights could not be fetched, or what came does not have the expected checksum."""


class ModelServerError(ModelError):
    """The in-process model server did not start, or stopped answering."""


class ModelAnswerError(ModelError):
    """An answer was cut off before its end, or what the server sent is none."""


class CassetteError(WorkbenchError, LookupError):
    """A cassette cannot be read, or has no recording of what a model was asked."""


class DimensionError(WorkbenchError, ValueError):
    """A vector does not have the length of those it is compared with: another model made it."""


class OutputParserError(WorkbenchError, ValueError):
    """A model's output does not have the form the parser expects."""


class ToolException(WorkbenchError):
    """Raise it in a tool for what the model should hear of; see ``handle_tool_error``."""


class ChainCellError(WorkbenchError, ValueError):
    """A ``%%chain`` cell cannot be run as written."""
