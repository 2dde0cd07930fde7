"""The help page of the magics: what ``%%chain?`` and ``--help`` show."""

from __future__ import annotations

from .cell_line import OPTIONS
from .options import options_text

__all__ = ["HELP"]

_HEAD = """%%chain [NAME] [key=value ...] [options]
<Python; the last expression is the chain>

Runs the cell's Python in your namespace, binds its last expression to NAME, runs it on the input and shows
it while it runs. `_` is then the output. The cell may `await`.

  %chain NAME key=value ...   run a chain again with other inputs; without any, with its last ones
  %chains                     the chains that have a name, with their graphs
  %runs [N]                   the runs of this session (the last 50); run N in its view again

inputs: key=value
  topic=bears  topic="polar bears"  n=3  tags=['a', 'b']     words and Python literals
  topic=who  topic=data[0]                                   names of yours, and expressions of them
  topic={who.title()}  topic=young-{who}                     {expr}: any expression, also within a word

options
"""

_TAIL = """
examples
  %%chain joke topic=bears
  ChatPromptTemplate.from_template("Tell me a joke about {topic}.") | model | StrOutputParser()

  %%chain joke --batch [{"topic": "bears"}, {"topic": "cats"}] --concurrency 2 --time
  %%chain both topic=bears --view tree --save both.html
  {"joke": joke, "poem": poem}

  %%chain slow topic=bears --bg       then: run = workbench.runs[-1]; run.status, run.stop(), await run
  %chain joke topic=owls --timeout 10

The Stop button, the kernel's interrupt and Ctrl-C end the run and its requests; what was written is kept in
workbench.runs[-1].output. workbench.display(auto=False) switches the views off.
"""

HELP = _HEAD + options_text(OPTIONS) + _TAIL
