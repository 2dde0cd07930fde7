from ..browser import browser, jupyter, lab

__all__ = ["browser", "jupyter", "lab"]
