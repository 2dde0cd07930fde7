"""What shows a run anywhere: words, a static page, a terminal, a web page."""
