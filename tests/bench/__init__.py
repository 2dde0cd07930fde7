"""What a step, a token and an item cost, beside langchain-core in the same run.

``python -m tests.bench --help``. ``sides`` holds the same work written for both; the modules named after a
topic (``imports``, ``steps``, ``tokens``, ``http_streams``, ``logs``, ``batches``) measure it; ``case`` says
what a figure is compared with. ``python -m tests.bench.serve`` is a load of its own: many streams of a served
chain, beside LangServe. Figures are never compared with an absolute time.
"""
