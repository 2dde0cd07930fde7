"""How a call runs: one implementation, two drivers.

A combinator is a coroutine (``_invoke``) or an async generator (``_transform``) that awaits only its
*scope*. The scope comes in two kinds, ``Blocking`` and ``EventLoop``, and knows how to call user code,
step user generators, run branches side by side and wait. Under ``Blocking`` nothing ever suspends, so a
single ``send(None)`` drives the coroutine to its end, with no event loop anywhere.
"""
