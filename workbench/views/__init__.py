"""Views of a run: as text, as a static page, in a terminal, in a web page."""
