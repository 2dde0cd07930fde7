"""The run log: a run as JSON Patch operations (RFC 6902) that, applied in order, build its ``RunState``.

``LogWriter`` turns RunEvents into patches, ``stream_log`` runs a chain and yields them while it runs.
Reading is lazy: the sum of the output that each chunk's patch replaces is computed when somebody looks at
it, so a kept log takes memory in proportion to the tokens, not to their square.
"""
