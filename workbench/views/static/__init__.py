"""Views without scripts, for readers without a kernel."""
