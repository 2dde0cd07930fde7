"""Tools: functions that a model may ask to have called.

``@tool`` makes one of a function, with its signature as the arguments and its docstring as the description;
``BaseTool`` is subclassed with ``_run`` (or ``_arun``); ``Runnable.as_tool`` makes one of a chain. A tool is
given its arguments and returns what the function returns; given a *tool call* of a model (a dict with
``"type": "tool_call"``) it returns a ``ToolMessage`` to send back. Running the loop of model and tools is not
done here.
"""
