"""Chains over HTTP: the caller's side."""
