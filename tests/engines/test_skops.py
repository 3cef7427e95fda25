"""The audit finds everything that a file reaches by name; loading builds nothing that was not let in."""

from __future__ import annotations

import importlib
import io
import json
import sys
import zipfile
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from holdall.columns.pandas import from_pandas
from holdall.engines.engine import InMemory
from holdall.engines.skops import audit, load, open_step, types_in
from holdall.engines.types import ALLOWED
from holdall.errors import ManifestInvalid, MissingDependency, PackageDamaged
from holdall.spec.schema import Field, Missing, Schema
from holdall.spec.steps import Role, Step, StepOutput

X = pd.DataFrame({"a": [0.0, 1, 2, 3] * 5, "b": ["x", "y"] * 10})
Y = np.array([0, 1] * 10)


def fitted() -> Any:
    return make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X, Y)


def edited(data: bytes, edit: Any) -> bytes:
    """The file with its schema edited in place."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    tree = json.loads(members["schema.json"])
    edit(tree)
    members["schema.json"] = json.dumps(tree).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def node(loader: str, name: str, module: str = "builtins", **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 10**9 + len(more), **more}


def planted(extra: dict[str, Any]) -> bytes:
    """A good file with one more attribute in the model."""

    def edit(tree: dict[str, Any]) -> None:
        tree["content"]["content"]["extra"] = extra
        tree["content"]["key_types"]["content"].append(node("TypeNode", "str"))

    return edited(skops.io.dumps(StandardScaler().fit(X[["a"]])), edit)


def test_a_pipeline_of_scikit_learn_has_no_type_outside_the_list():
    assert types_in(skops.io.dumps(fitted())) == []


def test_trees_are_on_the_list_though_skops_does_not_trust_them():
    data = skops.io.dumps(RandomForestClassifier(3).fit(X[["a"]], Y))
    assert skops.io.get_untrusted_types(data=data) == ["sklearn.tree._tree.Tree"]
    assert types_in(data) == []
    assert "sklearn.tree._tree.Tree" in audit(data).types


HOSTILE = {
    "a function": (node("FunctionNode", "system", "posix"), "posix.system"),
    "a function by another loader": (node("TypeNode", "eval"), "builtins.eval"),
    "a class": (node("ObjectNode", "FileIO", "io", content=None), "io.FileIO"),
    "a call": (
        node("ConstructorFromReduceNode", "Popen", "subprocess", content=node("TupleNode", "tuple", content=[])),
        "subprocess.Popen",
    ),
    "an operator": (
        node("OperatorFuncNode", "methodcaller", "operator", attrs=node("TupleNode", "tuple", content=[])),
        "operator.methodcaller",
    ),
    "a method of a harmless object": (
        node("MethodNode", "list", content={"func": "append", "obj": node("ListNode", "list", content=[])}),
        "builtins.list.append",
    ),
    "a random generator that is none": (
        node(
            "RandomGeneratorNode",
            "Generator",
            "numpy.random._generator",
            content={
                "bit_generator": node(
                    "DictNode", "dict", content={"bit_generator": node("JsonNode", "str", content='"seed"')}
                ),
                "seed_seq": node("DictNode", "dict", content={}),
            },
        ),
        "numpy.random.seed",
    ),
    "a loader of another version": (node("ReduceNode_v0", "list"), "builtins.list"),
    "a reference to another node": (node("CachedNode", "list"), "builtins.list"),
    "a class in a list": (
        node("ListNode", "list", content=[node("TypeNode", "Popen", "subprocess")]),
        "subprocess.Popen",
    ),
    "a list that is something else": (node("ListNode", "deque", "collections", content=[]), "collections.deque"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_not_on_the_list_is_named_and_never_built(kind):
    extra, name = HOSTILE[kind]
    data = planted(extra)
    assert name in types_in(data)
    with pytest.raises(PackageDamaged, match="not let in"):
        load(data)


def test_a_type_deep_inside_any_part_of_the_schema_is_seen():
    """Also where skops itself would not look: the walk is over the text, not over what a loader reads."""
    data = edited(
        skops.io.dumps(fitted()),
        lambda tree: tree.update(aside={"deep": [{"deeper": node("TypeNode", "Popen", "subprocess")}]}),
    )
    assert types_in(data) == ["subprocess.Popen"]


def test_an_older_protocol_whose_loaders_check_less_is_outside():
    data = edited(skops.io.dumps(fitted()), lambda tree: tree.update(protocol=0))
    assert types_in(data) == ["skops protocol 0"]


def test_a_vectorizer_that_reads_files_is_outside_the_list_and_one_that_reads_text_is_not():
    words = CountVectorizer().fit(["some words"])
    assert types_in(skops.io.dumps(words)) == []
    words.input = "filename"
    assert len(types_in(skops.io.dumps(words))) == 1


def test_a_vectorizer_cannot_hide_by_the_number_of_another_value_that_it_reads_files():
    words = CountVectorizer(token_pattern="filename").fit(["filename"])  # noqa: S106 — a pattern of words
    data = skops.io.dumps(words)

    def edit(tree: dict[str, Any]) -> None:
        attributes = tree["content"]["content"]
        attributes["input"]["__id__"] = attributes["token_pattern"]["__id__"]
        # Attributes are read in order: the other value first.
        attributes["input"] = attributes.pop("input")
        names = list(attributes)
        assert names.index("token_pattern") < names.index("input")

    hidden = edited(data, edit)
    assert types_in(hidden) == []
    with pytest.raises(PackageDamaged, match="reads files"):
        load(hidden)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a zip", b"\x80\x04N."])
def test_what_is_no_skops_file_is_damaged(data):
    with pytest.raises(PackageDamaged):
        audit(data)


def test_a_schema_that_is_nested_without_end_is_damaged_not_a_crash():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", "[" * 200_000)
    with pytest.raises(PackageDamaged):
        audit(buffer.getvalue())


def test_a_member_twice_is_damaged():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("schema.json", "{}")
    with pytest.raises(PackageDamaged, match="twice"):
        audit(buffer.getvalue())


def test_a_pickle_by_the_name_of_a_skops_file_never_opens():
    import pickle

    with pytest.raises(PackageDamaged):
        load(pickle.dumps(fitted()), "model.skops")


def test_the_list_has_nothing_that_opens_files_reaches_attributes_or_evaluates():
    forbidden = {
        "builtins.eval",
        "builtins.exec",
        "builtins.getattr",
        "builtins.open",
        "builtins.__import__",
        "builtins.map",
    }
    assert not ALLOWED & forbidden
    assert not [
        name for name in ALLOWED if name.startswith(("operator.", "os.", "io.", "joblib.", "importlib.", "subprocess."))
    ]
    assert (
        not {"numpy.load", "numpy.save", "numpy.savetxt", "numpy.fromfile", "numpy.memmap", "numpy.loadtxt"} & ALLOWED
    )


def step(outputs: dict[str, tuple[str, ...]], table: str = "pandas") -> Step:
    return Step(
        role=Role.MODEL,
        engine="skops",
        files=("model/model.skops",),
        outputs=tuple(StepOutput(name=name, columns=columns) for name, columns in outputs.items()),
        table=table,
    )


def opened(model: Any, table: pd.DataFrame, outputs: dict[str, tuple[str, ...]]) -> tuple[Any, Any]:
    batch = from_pandas(table)
    fields = [
        Field(name=n, kind=c.kind, dtype=c.dtype, missing=c.missing or Missing.NAN) for n, c in batch.columns.items()
    ]
    files = InMemory({"model/model.skops": skops.io.dumps(model)})
    return open_step(step(outputs), Schema(inputs=tuple(fields), outputs=()), files, 1), batch


def test_an_opened_model_answers_as_the_live_one():
    model = fitted()
    running, batch = opened(
        model, X, {"predict": ("prediction",), "predict_proba": ("p0", "p1"), "decision_function": ("decision",)}
    )
    answers = running.run(batch)
    assert answers["predict"].tolist() == model.predict(X).tolist()
    assert np.array_equal(answers["predict_proba"], model.predict_proba(X))
    assert np.array_equal(answers["decision_function"], model.decision_function(X))


def test_the_probabilities_of_several_targets_stand_side_by_side():
    table = X[["a"]]
    model = MultiOutputClassifier(LogisticRegression()).fit(table, np.c_[Y, Y])
    running, batch = opened(model, table, {"predict": ("u", "v"), "predict_proba": ("u0", "u1", "v0", "v1")})
    answers = running.run(batch)
    assert np.array_equal(answers["predict_proba"], np.hstack(model.predict_proba(table)))
    assert answers["predict"].shape == (20, 2)


def test_a_sparse_answer_becomes_a_matrix_and_a_frame_its_values():
    encoder = OneHotEncoder().fit(X[["b"]])
    running, batch = opened(encoder, X[["b"]], {"transform": ("b_x", "b_y")})
    assert np.array_equal(running.run(batch)["transform"], encoder.transform(X[["b"]]).toarray())
    scaler = StandardScaler().set_output(transform="pandas").fit(X[["a"]])
    running, batch = opened(scaler, X[["a"]], {"transform": ("a",)})
    assert np.array_equal(running.run(batch)["transform"], scaler.transform(X[["a"]]).to_numpy()[:, 0])


def test_a_manifest_cannot_have_any_other_method_called():
    with pytest.raises(ManifestInvalid, match="__reduce__"):
        opened(fitted(), X, {"__reduce__": ("x",)})


def test_another_number_of_columns_than_was_sealed_is_an_error():
    running, batch = opened(fitted(), X, {"predict_proba": ("p0", "p1", "p2")})
    with pytest.raises(ValueError, match="gave 2 columns where 3"):
        running.run(batch)


def test_another_scikit_learn_than_the_sealed_one_is_a_finding_and_a_warning():
    def edit(tree: dict[str, Any]) -> None:
        tree["content"]["content"]["_sklearn_version"]["content"] = '"1.4.2"'

    data = edited(skops.io.dumps(StandardScaler().fit(X[["a"]])), edit)
    _, findings = load(data, "model/model.skops")
    assert [finding.code for finding in findings] == ["version_differs"]
    assert "1.4.2" in findings[0].message
    schema = Schema(inputs=(), outputs=())
    with pytest.warns(UserWarning, match=r"sealed with scikit-learn 1\.4\.2"):
        running = open_step(step({"transform": ("a",)}), schema, InMemory({"model/model.skops": data}), 1)
    assert running.findings == findings


def test_a_partial_of_a_listed_function_is_on_the_list_and_of_another_is_not():
    good = FunctionTransformer(partial(np.clip, a_min=0, a_max=1)).fit(X[["a"]])
    assert types_in(skops.io.dumps(good)) == []
    bad = FunctionTransformer(partial(pd.read_csv, sep=";")).fit(X[["a"]])
    assert types_in(skops.io.dumps(bad)) == ["pandas.read_csv"]


def test_a_class_whose_module_is_not_here_is_missing_and_the_file_is_not_damaged(tmp_path, monkeypatch):
    (tmp_path / "house_of_mine.py").write_text(
        "from sklearn.linear_model import LogisticRegression\nclass Mine(LogisticRegression): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import house_of_mine

    data = skops.io.dumps(house_of_mine.Mine().fit([[0.0], [1.0]], [0, 1]))
    (tmp_path / "house_of_mine.py").unlink()
    monkeypatch.delitem(sys.modules, "house_of_mine")
    importlib.invalidate_caches()
    with pytest.raises(MissingDependency, match="house_of_mine"):
        load(data, allowed=audit(data).outside)
