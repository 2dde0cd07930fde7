from ..browser import browser, jupyter, lab
from ..local_model import local_model

__all__ = ["browser", "jupyter", "lab", "local_model"]
