"""uv and its like, run as programs: they resolve and install, holdall decides what and where.

A program never waits for a person, never fetches a Python, and has a bounded time. The user's own index settings are
left as they are; what belongs to an activated environment is taken away, so that only what is named is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from holdall.errors import MissingDependency, Unavailable

_NOT_OURS = ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON", "UV_TARGET")


class ResolverFailed(Unavailable):
    """It ran and could not be done: no network, no such package, no wheel for this machine."""

    code = "resolver_failed"


def run(arguments: Sequence[str], *, seconds: float, read_timeout: int, purpose: str) -> str:
    """What uv prints when it is run with these arguments. As `program`; raises MissingDependency without uv."""
    found = find()
    if found is None:
        raise MissingDependency("uv", "holdall[pack]", purpose)
    return program([found, *arguments], seconds=seconds, read_timeout=read_timeout, purpose=purpose)


def program(command: Sequence[str], *, seconds: float, read_timeout: int, purpose: str) -> str:
    """What a program prints.

    seconds: after which it is ended. read_timeout: seconds that a server may be silent. purpose: for messages, such as
    'locking the environment'. Raises ResolverFailed with the program's own reason.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            env=_environment(os.environ, read_timeout),
        )
    except subprocess.TimeoutExpired:
        raise ResolverFailed(f"{purpose} took more than {seconds:g} s: is there a network?", hint=_HINT) from None
    except OSError as error:
        hint = "pip install --force-reinstall uv"
        raise ResolverFailed(f"{purpose}: {command[0]} cannot be run: {error}", hint=hint) from None
    if done.returncode:
        raise ResolverFailed(f"{purpose} failed: {_reason(done.stderr)}", hint=_HINT)
    return done.stdout


_HINT = "run it where a package index can be reached; uv's own settings, such as UV_DEFAULT_INDEX, name yours"


def find() -> str | None:
    """The path of uv's program: from its wheel, else on the search path."""
    try:
        from uv import find_uv_bin

        return os.fspath(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


def _environment(own: Mapping[str, str], read_timeout: int) -> dict[str, str]:
    kept = {name: value for name, value in own.items() if name not in _NOT_OURS}
    fixed = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    chosen = {"UV_HTTP_TIMEOUT": str(read_timeout), "UV_HTTP_RETRIES": "1", "UV_KEYRING_PROVIDER": "disabled"}
    chosen |= {"PIP_DEFAULT_TIMEOUT": str(read_timeout), "PIP_RETRIES": "1", "PIP_NO_INPUT": "1"}
    chosen |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**chosen, **kept, **fixed}


def _reason(text: str) -> str:
    """A program's words as one line, without uv's drawing."""
    words = " ".join(text.replace("╰─▶", " ").replace("├─▶", " ").replace("│", " ").replace("×", " ").split())
    what, *causes = words.removeprefix("error: ").split(" cause: ")
    return ": ".join([what, *causes[:1]])[:600] or "it gave no reason"
