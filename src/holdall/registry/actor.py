"""Who acts, as the history of a local store names them."""

from __future__ import annotations

import getpass
import os


def find_actor() -> str:
    """The login name of whoever runs this process; `uid:1000` where the system knows no name for them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid:{os.getuid()}" if hasattr(os, "getuid") else "unknown"
