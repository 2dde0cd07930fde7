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
    |- RemoteError              a chain that is served over HTTP could not be called to its end
    |  |- RemoteUnreachableError     nobody answers at its address
    |  |- RemoteStatusError          the server refuses (4xx) or cannot (5xx); ``status`` says which
    |  |  `- RemoteChainError            the chain failed there; ``type`` names the exception
    |  `- RemoteStreamError          its answer is malformed, was cut off, or has stalled
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
    "OutputParserException",
    "RemoteChainError",
    "RemoteError",
    "RemoteStatusError",
    "RemoteStreamError",
    "RemoteUnreachableError",
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
    """A model's output does not have the form the parser expects.

    *error*: a message, or the error behind it. ``llm_output``: what the model wrote; ``observation``: what to
    tell the model of it; ``send_to_llm``: whether whoever runs a loop should do so (both are needed then).

    >>> from workbench import JsonOutputParser, OutputParserError
    >>> try:
    ...     JsonOutputParser().invoke("no JSON here")
    ... except OutputParserError as error:
    ...     print(error.llm_output)
    no JSON here
    """

    def __init__(
        self,
        error: object,
        observation: str | None = None,
        llm_output: str | None = None,
        send_to_llm: bool = False,
    ) -> None:
        if send_to_llm and (observation is None or llm_output is None):
            raise ValueError("OutputParserError: send_to_llm=True expects observation= and llm_output= too")
        super().__init__(error)
        self.observation = observation
        self.llm_output = llm_output
        self.send_to_llm = send_to_llm


OutputParserException = OutputParserError
"""The name that users of other implementations of the interface know."""


class RemoteError(WorkbenchError):
    """A chain that is served over HTTP could not be called to its end."""


class RemoteUnreachableError(RemoteError):
    """Nobody answers at the address of a service."""


class RemoteStatusError(RemoteError):
    """The server of a chain refuses a call or cannot serve it. ``status``: its HTTP status; ``detail``:
    what it says, for 422 a list of faults with their paths in ``loc``."""

    def __init__(self, message: str, status: int, detail: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class RemoteChainError(RemoteStatusError):
    """A chain failed at its server. ``type`` is the name of the exception there, None if the server does not
    tell; ``traceback`` its traceback, if the server gives it."""

    def __init__(
        self, message: str, status: int = 500, *, type: str | None = None, traceback: str | None = None
    ) -> None:
        super().__init__(message, status, message)
        self.type = type
        self.traceback = traceback


class RemoteStreamError(RemoteError):
    """The answer of a service is malformed, was cut off before its end, or has stalled."""


class ToolException(WorkbenchError):
    """Raise it in a tool for what the model should hear of; see ``handle_tool_error``.

    >>> from workbench import ToolException, tool
    >>> @tool(handle_tool_error=True)
    ... def look_up(name: str) -> str:
    ...     "A fact about somebody."
    ...     raise ToolException(f"nothing is known of {name}")
    >>> look_up.invoke({"name": "ankush"})
    'nothing is known of ankush'
    """


class ChainCellError(WorkbenchError, ValueError):
    """A ``%%chain`` cell cannot be run as written."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message says it all, no line of code could add to it."""
        return [f"{type(self).__name__}: {self}"]
