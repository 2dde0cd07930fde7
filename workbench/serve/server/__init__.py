"""Chains over HTTP: the server's side."""
