"""Answers kept and given again: cassettes and caches."""
