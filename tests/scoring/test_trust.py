"""The level comes from the bytes and the loader; the ceiling from who loads."""

from __future__ import annotations

import io
import pickle
from typing import Any

import joblib
import numpy as np
import onnx
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from holdall.errors import TrustRequired, UnreadableFile, UsageError
from holdall.scoring.trust import Level, Policy, ceiling, level_of, parse, read_policy, require
from holdall.spec import digest as digests
from holdall.spec.environment import Environment
from holdall.spec.manifest import File, Manifest, Release, Tolerance
from holdall.spec.schema import Schema
from holdall.spec.steps import Role, Step, StepOutput

DIGEST = "sha256:" + "a" * 64
MODEL = LinearRegression().fit(np.arange(12.0).reshape(6, 2), np.arange(6.0))
FOREST = RandomForestClassifier(2).fit(np.arange(12.0).reshape(6, 2), [0, 1] * 3)


def elsewhere(values: Any) -> Any:
    return values


def graph(external: bool = False) -> bytes:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    if external:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="weights.bin")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return onnx.helper.make_model(helper.make_graph([node], "g", [x], [y], [weight])).SerializeToString()


def package(files: dict[str, tuple[str, bytes]], steps: dict[str, str]) -> tuple[Manifest, Any]:
    """A manifest over files path → (role, bytes) and steps path → engine, and what reads it."""
    entries = tuple(
        File(path=path, digest=digests.of(data), size=len(data), role=role)
        for path, (role, data) in sorted(files.items())
    )
    manifest = Manifest(
        format=0,
        release=Release(name="m", version="1.0.0"),
        task="regression",
        classes=None,
        schema=Schema(inputs=(), outputs=()),
        steps=tuple(
            Step(role=Role.MODEL, engine=engine, files=(path,), outputs=(StepOutput(name="predict", columns=("p",)),))
            for path, engine in steps.items()
        ),
        row_wise=True,
        portable=True,
        blockers=(),
        tolerance=Tolerance(relative=1e-9, absolute=1e-12),
        examples=None,
        environment=Environment(python=">=3.11", requires=()),
        files=entries,
    )
    return manifest, lambda path: files[path][1]


def level(data: bytes, engine: str | None = None, role: str = "weight") -> tuple[Level, dict[str, str]]:
    return level_of(*package({"model/m": (role, data)}, {} if engine is None else {"model/m": engine}))


def dumped() -> bytes:
    buffer = io.BytesIO()
    joblib.dump(MODEL, buffer, compress=3)
    return buffer.getvalue()


LEVELS = {
    "a graph": (graph(), "onnx", Level.DATA),
    "a graph that reads other files": (graph(external=True), "onnx", Level.CODE),
    "skops on the list": (skops.io.dumps(MODEL), "skops", Level.TYPES),
    "skops with trees": (skops.io.dumps(FOREST), "skops", Level.TYPES),
    "skops with a function of somewhere": (skops.io.dumps(FunctionTransformer(elsewhere)), "skops", Level.CODE),
    "skops that is cut": (skops.io.dumps(MODEL)[:-30], "skops", Level.PICKLE),
    "a pickle": (pickle.dumps(MODEL), "pickle", Level.PICKLE),
    "a pickle opened as skops": (pickle.dumps(MODEL), "skops", Level.PICKLE),
    "a pickle opened as a graph": (pickle.dumps(MODEL, 0), "onnx", Level.PICKLE),
    "a graph opened as a pickle": (graph(), "pickle", Level.PICKLE),
    "skops opened as a pickle": (skops.io.dumps(MODEL), "pickle", Level.PICKLE),
    "joblib that nothing opens": (dumped(), None, Level.PICKLE),
    "a graph by an engine of the future": (graph(), "new", Level.PICKLE),
    "what is not known": (b"hello", None, Level.PICKLE),
    "nothing at all": (b"", "onnx", Level.PICKLE),
    "a graph that nothing opens": (graph(), None, Level.DATA),
}


@pytest.mark.parametrize("kind", LEVELS)
def test_a_level_is_computed_from_the_bytes_and_the_loader(kind):
    data, engine, expected = LEVELS[kind]
    found, reasons = level(data, engine)
    assert found is expected
    assert list(reasons) == ([] if expected is Level.DATA else ["model/m"])


def test_a_file_that_a_step_opens_is_looked_at_whatever_role_it_claims():
    assert level(pickle.dumps(MODEL), "pickle", role="doc")[0] is Level.PICKLE
    assert level(b"# words", None, role="doc")[0] is Level.DATA


def test_a_file_opened_twice_is_judged_by_its_worst_loader():
    manifest, read = package({"model/m": ("weight", graph())}, {"model/m": "onnx"})
    both = (*manifest.steps, Step(role=Role.MODEL, engine="pickle", files=("model/m",), outputs=()))
    assert (
        level_of(
            Manifest(
                **{name: getattr(manifest, name) for name in manifest.__struct_fields__ if name != "steps"}, steps=both
            ),
            read,
        )[0]
        is Level.PICKLE
    )


def test_code_in_the_package_is_code_and_every_file_above_data_has_its_reason():
    files = {
        "code.tar": ("code", b"x"),
        "model/a.onnx": ("weight", graph()),
        "model/b.skops": ("weight", skops.io.dumps(MODEL)),
    }
    found, reasons = level_of(*package(files, {"model/a.onnx": "onnx", "model/b.skops": "skops"}))
    assert found is Level.CODE
    assert list(reasons) == ["code.tar", "model/b.skops"]


def test_the_levels_stand_in_order():
    assert Level.DATA < Level.TYPES < Level.CODE < Level.PICKLE


def test_the_ceiling_is_types_for_a_stranger_and_code_for_what_one_sealed_oneself():
    assert ceiling(False) is Level.TYPES
    assert ceiling(True) is Level.CODE


def test_a_flag_or_a_policy_raises_the_ceiling_and_nothing_lowers_it():
    assert ceiling(False, "code") is Level.CODE
    assert ceiling(False, "pickle") is Level.PICKLE
    assert ceiling(True, None, Policy(Level.CODE)) is Level.CODE
    assert ceiling(False, "code", Policy(Level.PICKLE)) is Level.PICKLE
    assert ceiling(False, None, Policy(Level.PICKLE, frozenset({DIGEST})), DIGEST) is Level.PICKLE
    assert ceiling(False, None, Policy(Level.PICKLE, frozenset({DIGEST})), "sha256:" + "b" * 64) is Level.TYPES


def test_what_is_above_the_ceiling_is_refused_by_name():
    require(Level.TYPES, Level.TYPES, {})
    with pytest.raises(TrustRequired) as caught:
        require(Level.CODE, Level.TYPES, {"code.tar": "it is code"})
    assert caught.value.facts["files"] == ["code.tar"]
    assert caught.value.facts["level"] == "code"
    assert "--trust code" in (caught.value.hint or "")


@pytest.mark.parametrize("word", ["data", "types", "CODE", "", "all"])
def test_only_two_words_are_levels_that_can_be_given(word):
    with pytest.raises(UsageError):
        parse(word)


def test_a_policy_is_read_from_toml_and_from_json(tmp_path):
    toml, plain = tmp_path / "a", tmp_path / "b"
    toml.write_text(f'trust = "code"\ndigests = ["{DIGEST}"]\n')
    plain.write_text('{"trust": "pickle"}')
    assert read_policy(toml) == Policy(Level.CODE, frozenset({DIGEST}))
    assert read_policy(plain) == Policy(Level.PICKLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trust = 3",
        'trust = "code"\ndigest = []',
        '{"trust": "code", "digests": ["sha256:x"]}',
        "{",
        '{"trust": "code", "digests": "all"}',
        '{"trust": "types"}',
    ],
)
def test_a_policy_that_is_not_wholly_understood_is_refused(tmp_path, text):
    path = tmp_path / "policy"
    path.write_text(text)
    with pytest.raises((UnreadableFile, UsageError)):
        read_policy(path)


def test_a_policy_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnreadableFile, match="nowhere"):
        read_policy(tmp_path / "nowhere")


def test_telling_the_level_loads_no_framework():
    import subprocess
    import sys

    code = (
        "import sys; from holdall.scoring.trust import file_level; "
        "file_level(sys.stdin.buffer.read(), {'skops'}); "
        "print([m for m in ('sklearn', 'skops', 'pandas', 'joblib', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], input=skops.io.dumps(FOREST), capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"
