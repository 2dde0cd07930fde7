from ..local_model import local_model
from .view_page import axe

__all__ = ["axe", "local_model"]
