from ..browser import browser, jupyter
from ..local_model import local_model

__all__ = ["browser", "jupyter", "local_model"]
