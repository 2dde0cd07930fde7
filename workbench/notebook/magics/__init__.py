"""The magics: ``%%chain``, ``%chain``, ``%timechain`` and what reads their lines."""
