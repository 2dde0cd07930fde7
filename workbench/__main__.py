"""``python -m workbench``: the command line, as ``workbench`` is."""

import sys

from .cli.main import main

sys.exit(main())
