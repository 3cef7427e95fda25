"""Makes the golden package of the current format: `python -m tests.golden.make`.

A release of format 1 or later must read every golden of an earlier release, so a golden of such a format is never made
again. While the format is 0 it may change; then this is run again and the change is told in `docs/reference/format.md`.
The model's bytes stand for a graph: the golden is about bytes, and nothing runs it.
"""

from __future__ import annotations

from pathlib import Path

from holdall.content import media
from holdall.content.archive import write_archive
from holdall.content.package import Content, from_store
from holdall.content.seal import refer, seal
from holdall.content.store import MemoryStore
from holdall.spec import canonical
from holdall.spec import digest as digests
from holdall.spec.environment import Environment
from holdall.spec.manifest import Examples, File, Manifest, Release, Tolerance
from holdall.spec.schema import Field, Kind, Missing, Observed, Schema
from holdall.spec.steps import GraphInput, Guard, Role, Step, StepOutput

PATH = Path(__file__).parent / "tiny-1.0.0.holdall"

FILES = {
    "README.md": "# tiny\n\nA package for tests: größer, 大きい.\n".encode(),
    "environment/pylock.toml": b'lock-version = "1.0"\ncreated-by = "holdall"\npackages = []\n',
    "model/model.onnx": bytes(range(256)) * 3,
}
ROLES = {"README.md": "doc", "environment/pylock.toml": "weight.config", "model/model.onnx": "weight"}
EXAMPLES = canonical.encode(
    {"inputs": {"age": [31.5, None], "island": ["Torgersen", "Ærø"]}, "outputs": {"score": [0.1, 2]}}
)


def manifest() -> Manifest:
    """A manifest in which most kinds of field have a value."""
    return Manifest(
        format=0,
        release=Release(
            name="team/tiny", version="1.0.0", metrics={"auc": 0.8125, "rmse": 1e-300}, metadata={"owner": "Zoë"}
        ),
        task="regression",
        classes=None,
        schema=Schema(
            inputs=(
                Field(
                    name="age",
                    kind=Kind.FLOAT,
                    dtype="float64",
                    nullable=True,
                    observed=Observed(minimum=-1.5, maximum=1e22, nulls=0.25),
                ),
                Field(
                    name="island",
                    kind=Kind.STRING,
                    dtype="str",
                    nullable=True,
                    missing=Missing.NONE,
                    unseen=False,
                    observed=Observed(categories=("Torgersen", "Ærø"), other=True),
                ),
            ),
            outputs=(Field(name="score", kind=Kind.FLOAT),),
        ),
        steps=(
            Step(
                role=Role.MODEL,
                engine="onnx",
                files=("model/model.onnx",),
                inputs=(
                    GraphInput(name="float", kind=Kind.FLOAT, columns=("age",)),
                    GraphInput(name="string", kind=Kind.STRING, columns=("island",), mask="string_null"),
                ),
                outputs=(StepOutput(name="score", columns=("score",)),),
                guards=(Guard(column="island", reason="a category that the model was not fitted on", step="encode"),),
            ),
        ),
        row_wise=True,
        portable=True,
        blockers=(),
        tolerance=Tolerance(relative=1e-9, absolute=1e-12),
        examples=Examples(digest=digests.of(EXAMPLES), rows=2, record="synthetic"),
        environment=Environment(python=">=3.11", requires=("numpy==2.4.0", "onnxruntime==1.32.0"), locked=True),
        files=tuple(
            File(path=path, digest=digests.of(data), size=len(data), role=ROLES[path]) for path, data in FILES.items()
        ),
    )


def content() -> Content:
    """The golden package with its recorded examples."""
    package = seal(manifest(), FILES)
    examples = refer(package.descriptor, media.EXAMPLES, EXAMPLES, "application/json")
    store = MemoryStore()
    for part in (package, examples):
        for data in part.blobs.values():
            store.put(data)
    return from_store(store, package.digest, [examples.digest])


if __name__ == "__main__":
    write_archive(content(), PATH)
