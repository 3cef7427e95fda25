"""What the exporters of other frameworks have in common: they talk too much, and write into a graph where it was made."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what exporters print, log and warn of, which nobody can act on; what matters is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def without_origin(made: Any) -> None:
    """Takes out of a graph what says where it was made: stack traces with paths of files, the exporter's notes."""
    made.doc_string = made.producer_name = made.producer_version = ""
    del made.metadata_props[:]
    pending = [made.graph, *made.functions]
    while pending:
        part = pending.pop()
        part.doc_string = ""
        values = (*getattr(part, "input", ()), *getattr(part, "output", ()), *getattr(part, "initializer", ()))
        for each in (part, *part.value_info, *(value for value in values if not isinstance(value, str))):
            del each.metadata_props[:]
            each.doc_string = ""
        for node in part.node:
            node.doc_string = ""
            del node.metadata_props[:]
            for attribute in node.attribute:
                attribute.doc_string = ""
                if attribute.HasField("g"):
                    pending.append(attribute.g)
                pending += attribute.graphs
