"""``compare`` and its relatives without a view, and with a watcher or a stop of a test's own."""

from functools import partial
from typing import Any

import workbench
from workbench.timing.comparison import Comparison
from workbench.timing.experiment import experiment_of_chains

__all__ = ["batch_against_one_by_one", "compare", "parallel_against_alone"]

parallel_against_alone = partial(workbench.parallel_against_alone, live=False)
batch_against_one_by_one = partial(workbench.batch_against_one_by_one, live=False)


def compare(chains: Any, inputs: Any = None, **options: Any) -> Comparison:
    given = {name: options.pop(name) for name in ("watcher", "stop") if name in options}
    if not given:
        return workbench.compare(chains, inputs, live=False, **options)
    rounds = {name: options.pop(name) for name in ("repeats", "warmup") if name in options}
    return experiment_of_chains(chains, inputs, **options).run(**rounds, **given)
