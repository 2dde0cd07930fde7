from .view_page import axe

__all__ = ["axe"]
