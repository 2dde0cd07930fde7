"""Runnables: the building blocks of chains."""
