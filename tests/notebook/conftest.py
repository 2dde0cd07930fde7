from ..browser import browser, jupyter, lab
from ..local_model import local_model
from .view_page import axe

__all__ = ["axe", "browser", "jupyter", "lab", "local_model"]
