"""Views drawn with text."""
