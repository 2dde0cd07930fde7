"""``python -m workbench``: the command line, as ``workbench`` is."""

import sys

from chain_workbench import main

sys.exit(main())
