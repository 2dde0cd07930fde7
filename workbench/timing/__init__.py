"""Where time went: of one run, and of several ways to run the same thing.

``runs`` reads one run, ``measuring`` runs cases in rounds, ``charts`` and ``timeline`` draw. Above them stand
``experiment`` (what is compared), ``comparison`` (what came of it), its ``table`` and its ``page``.
"""
