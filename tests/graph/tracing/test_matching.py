"""Patterns matched in the graph: what they find, hold, count and replace is what Python's `re` gives."""

from __future__ import annotations

import re

import numpy as np
import onnxruntime
import pytest
from spox import Tensor, argument, build

from holdall.graph.tracing.matching import Matches, compiled
from holdall.graph.tracing.untraceable import Untraceable

TEXTS = (
    "", "a", "abc", "Braund, Mr. Owen", "x1.5gb 22 gb", "http://foo.org/a/b?x=1 tail http://b", "  two  spaces ",
    "a@b.com c@@d e@f", "12x34 x 5", "ünïcode Ωmega 42", "\n", "line\nbreak 7\n", "<b>bold</b> (x) (yy)", "v1.10.2-beta",
    "aaa", "ab1ab2", "1,234.50", "#tag #tag2#tag3", "foo_bar-baz", "$5 £20", "١٢ 7", "A.B.C.", "$", "no_match!!", "a \n", " \n ",
)  # fmt: skip
PATTERNS = (
    r" ([A-Za-z]+)\.", r"(\d+)\s*gb", r"(\d+\.\d+)", r"^(?P<scheme>\w+)://(?P<host>[^/]+)", r"http\S+", r"\s+", r"[^a-z ]",
    r"@(\w+)", r"@\w+", r"(\d+)\s*x\s*(\d+)", r"v(\d+)\.(\d+)\.(\d+)", r"<.*?>", r"\((.*?)\)", r"(\d+)(?:\.(\d+))?",
    r"(a|ab)(\d)?", r"\b\w", r"\w+$", r"#\w+", r"[a-z]{2}", r"[a-z]{2,3}", r"\d{1,2}", r"(Mr|Mrs|Miss)\.", r"(?i)(FOO|bar)",
    r"[\w.+-]+@[\w-]+\.[\w.]+", r"([^,]+), (.+)", r"(?:http|https)://", r"[$£](\d+)", r"\D+", r"a+", r"aa", r"(\S+)\s(\S+)",
    r"^(\w)", r"(\w)$", r".", r"(.)(.)", r"[A-Z]\.", r"^.{3}", r"^\s+|\s+$", r"\s*$", r"\B\w",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_finds_in_the_graph_what_it_finds_in_python(pattern: str) -> None:
    steps = compiled(pattern)
    text = argument(Tensor(np.str_, ("N",)))
    matches = Matches(text, steps)
    outputs = {"any": matches.any()}
    for group in range(steps.groups + 1):
        outputs[f"group_{group}"], outputs[f"there_{group}"] = matches.first(group)
    if not steps.may_be_empty:
        outputs |= {"count": matches.count(), "replaced": matches.replaced("<>")}
    session = onnxruntime.InferenceSession(build({"text": text}, outputs).SerializeToString())
    for texts in (TEXTS, TEXTS[:1], ()):
        found = session.run(list(outputs), {"text": np.array(texts, object)})
        given = dict(zip(outputs, found, strict=True))
        for row, one in enumerate(texts):
            match = re.search(pattern, one)
            assert given["any"][row] == bool(match), one
            for group in range(steps.groups + 1):
                wanted = match.group(group) if match else None
                assert (given[f"group_{group}"][row] if given[f"there_{group}"][row] else None) == wanted, one
            if not steps.may_be_empty:
                assert given["count"][row] == len(list(re.finditer(pattern, one))), one
                assert given["replaced"][row] == re.sub(pattern, "<>", one), one


@pytest.mark.parametrize("pattern", [r"(.*)@", r"a?(ab)?c", r"(\w+)\w", r"(?=a)b", r"(a)\1", r"(a+|b)+c", r"\w+?\d\d"])
def test_a_pattern_that_python_would_try_again_is_not_followed(pattern: str) -> None:
    with pytest.raises(Untraceable):
        compiled(pattern)
