"""The front end: ES modules and styles."""
