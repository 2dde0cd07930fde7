"""Output parsers: from a model's text or message to the value that a program wants."""
