"""How the pages are built: ``sphinx-build -W docs build/docs``."""

import workbench

project = "chain-workbench"
author = "the authors of chain-workbench"
version = release = workbench.__version__

extensions = ["sphinx.ext.autodoc", "myst_parser"]
html_theme = "furo"
html_title = f"{project} {version}"
html_show_copyright = False

default_role = "literal"
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "exclude-members": "model_config, model_post_init, model_copy",
}
myst_heading_anchors = 3
