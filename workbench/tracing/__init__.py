"""Projections of the one stream of RunEvents: logs, live state and what else shows a run."""
