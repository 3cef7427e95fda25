"""`python -m holdall` is the command `holdall`."""

from __future__ import annotations

import sys

from holdall.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
