"""The door: from words on a command line to an exit code. Nothing a user can cause ends in a traceback.

Only the standard library is imported here, so that `holdall --help` answers in a blink.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from holdall.errors import Error

ANSWER_IS_NO, BAD_USAGE, NOT_FOUND, REFUSED, CONFLICT, UNAVAILABLE = 1, 2, 3, 4, 5, 6
UNEXPECTED = 70
INTERRUPTED = 130
PIPE_CLOSED = 141
_COMPLETE = "_HOLDALL_COMPLETE"  # set where a shell asks how a line may go on


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives its exit code. Without `arguments` those of the process are taken."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    as_json, debug = "--json" in options, "--debug" in options
    _prepare_streams(as_json)
    try:
        code = _answer_at_once(words) if _COMPLETE not in os.environ else None
        if code is None:
            code = _run(words, as_json, debug)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads has seen enough. What is still buffered must not fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        # What cannot be printed cannot be told there either.
        if sys.stderr is not None:
            print(f"error: the answer could not be written: {error}", file=sys.stderr)
        _forget_output()
        return UNAVAILABLE
    return code


def _forget_output() -> None:
    """What is still buffered must not fail again when Python exits."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code(error: Error) -> int:
    """The exit code of an error: the one table for this door."""
    from holdall import errors

    table = (
        (errors.UsageError, BAD_USAGE),
        (errors.PackageDamaged, BAD_USAGE),
        (errors.NotFound, NOT_FOUND),
        (errors.Refused, REFUSED),
        (errors.Conflict, CONFLICT),
        (errors.CheckFailed, ANSWER_IS_NO),
        (errors.Unavailable, UNAVAILABLE),
    )
    return next((code for kind, code in table if isinstance(error, kind)), UNEXPECTED)


def _answer_at_once(words: list[str]) -> int | None:
    """The answers that need no command: help and the version."""
    if words in ([], ["--help"], ["-h"]):
        from holdall.cli.index import help_text

        print(help_text())
        return 0 if words else BAD_USAGE
    if words == ["--version"]:
        from importlib.metadata import version

        print(f"holdall {version('holdall')}")
        return 0
    return None


def _run(words: list[str], as_json: bool, debug: bool) -> int:
    import click

    from holdall.cli.group import holdall
    from holdall.cli.output import show_warning
    from holdall.errors import Error

    if _COMPLETE in os.environ:
        holdall.main(words, prog_name="holdall")  # answers the shell and exits
    show_warning()
    try:
        with holdall.make_context("holdall", words) as context:
            code = holdall.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        return _report(_usage(error), BAD_USAGE, as_json, debug)
    except Error as error:
        return _report(error.to_json(), exit_code(error), as_json, debug)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 — the last line of defence: one line, not a traceback
        return _report(_unexpected(error, debug), UNEXPECTED, as_json, debug)
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> dict[str, Any]:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "holdall"
    return {"code": "usage", "message": error.format_message(), "hint": f"`{path} --help` shows how it is used"}


def _unexpected(error: Exception, debug: bool) -> dict[str, Any]:
    return {
        "code": "unexpected",
        "message": f"holdall made a mistake: {type(error).__name__}: {error}",
        "hint": "please report it with the lines above" if debug else "run it again with --debug to see where",
    }


def _report(plain: dict[str, Any], code: int, as_json: bool, debug: bool) -> int:
    from holdall.cli.output import print_error

    if debug:
        import traceback

        traceback.print_exc()
    print_error(plain, as_json)
    return code


def _prepare_streams(as_json: bool) -> None:
    """JSON is UTF-8 whatever the locale; for people, what their terminal cannot show becomes a question mark."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 — the caller closed it and wants no answer
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(**({"encoding": "utf-8"} if as_json else {"errors": "replace"}))
