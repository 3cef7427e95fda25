"""One model, one spelling: the native artefact is the same in every process and reads back as it was."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from holdall.engines.skops import load, types_in
from holdall.errors import NotPortable
from holdall.frameworks.sklearn.native import canonical, canonical_skops, native_types, pickled

TABLE = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y", "z", None] * 10})
Y = np.array([0, 1] * 20)

# What skops writes differently each time: sets (hash seed), bytes (random names), records with gaps, sparse matrices.
PROGRAM = """
import hashlib, sys
import numpy as np, pandas as pd, scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from holdall.frameworks.sklearn.native import canonical_skops

junk = [object() for _ in range(int(sys.argv[1]))]
table = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y", "z", None] * 10})
y = np.array([0, 1] * 20)
columns = ColumnTransformer([("n", StandardScaler(), ["a"]), ("t", OneHotEncoder(), ["b"])])
pipeline = make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(table, y)
pipeline.words = {"one", "two", "three", "four", "five"}
pipeline.raw = [b"some bytes", b"other bytes", bytearray(b"more")]
boosted = HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(table[["a"]], y)
near = KNeighborsClassifier().fit(scipy.sparse.csr_matrix(np.eye(40)), y)
print([hashlib.sha256(canonical_skops(model)).hexdigest() for model in (pipeline, boosted, near)])
"""


def pipeline() -> Any:
    columns = ColumnTransformer([("n", StandardScaler(), ["a"]), ("t", OneHotEncoder(), ["b"])])
    return make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(TABLE, Y)


def test_the_same_model_has_the_same_bytes_in_every_process():
    answers = []
    for seed in ("0", "1", "4242"):
        environment = {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo" if seed == "1" else "UTC", "MALLOC_PERTURB_": seed}
        done = subprocess.run([sys.executable, "-c", PROGRAM, seed], env=environment, capture_output=True, check=True)
        answers.append(done.stdout)
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) > 190


def test_a_model_read_back_answers_the_same_to_the_last_bit():
    model = pipeline()
    again, findings = load(canonical_skops(model))
    assert findings == ()
    assert np.array_equal(again.predict_proba(TABLE), model.predict_proba(TABLE))


def test_writing_twice_and_once_is_the_same():
    data = canonical_skops(pipeline())
    assert canonical(data) == data
    assert canonical_skops(load(data)[0]) == data


def test_the_file_is_stored_sorted_and_without_a_time():
    with zipfile.ZipFile(io.BytesIO(canonical_skops(pipeline()))) as archive:
        entries = archive.infolist()
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_no_byte_of_the_packing_process_s_memory_travels_between_the_fields_of_a_tree():
    with zipfile.ZipFile(io.BytesIO(canonical_skops(pipeline()))) as archive:
        arrays = [np.load(io.BytesIO(archive.read(name))) for name in archive.namelist() if name.endswith(".npy")]
    trees = [array for array in arrays if array.dtype.names and "left_child" in array.dtype.names]
    assert len(trees) == 5
    for tree in trees:
        assert not tree.view(np.uint8).reshape(len(tree), -1)[:, 57:].any()


def test_shared_parts_stay_shared():
    shared = StandardScaler().fit(TABLE[["a"]])
    again, _ = load(canonical_skops([shared, shared]))
    assert again[0] is again[1]


def test_the_types_are_listed():
    data = canonical_skops(HistGradientBoostingClassifier(max_iter=2).fit(TABLE[["a"]], Y))
    assert "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor" in native_types(data)
    assert types_in(data) == []


def test_a_lambda_is_refused_with_words():
    with pytest.raises(NotPortable, match="a lambda has no name") as caught:
        canonical_skops(make_pipeline(FunctionTransformer(lambda values: values), LogisticRegression()))
    assert caught.value.step.startswith("model.steps[0][1].func")


def test_a_function_or_class_inside_a_function_is_refused():
    def local(values: Any) -> Any:
        return values

    class Local:
        pass

    with pytest.raises(NotPortable, match="inside a function"):
        canonical_skops(FunctionTransformer(local))
    with pytest.raises(NotPortable, match="inside a function"):
        canonical_skops(FunctionTransformer(partial(local)))
    with pytest.raises(NotPortable, match="inside a function"):
        canonical_skops([Local()])


def test_a_function_that_another_one_hides_is_refused():
    def shadow(values: Any) -> Any:
        return values

    shadow.__qualname__ = shadow.__name__ = "pipeline"
    with pytest.raises(NotPortable, match="or another one"):
        canonical_skops(FunctionTransformer(shadow))


def test_what_skops_cannot_write_is_refused_with_its_words():
    with pytest.raises(NotPortable, match="Birch"):
        canonical_skops(Birch().fit(TABLE[["a"]]))


def test_what_does_not_read_back_as_it_was_is_refused(monkeypatch):
    model = StandardScaler().fit(TABLE[["a"]])
    good = skops.io.dumps(model)
    other = skops.io.dumps(StandardScaler(with_mean=False).fit(TABLE[["a"]]))
    answers = iter([good, other])
    monkeypatch.setattr(skops.io, "dumps", lambda _model: next(answers))
    with pytest.raises(NotPortable, match="read back as it was"):
        canonical_skops(model)


def test_a_pickle_is_made_only_of_what_can_be_pickled():
    import pickle

    assert pickle.loads(pickled(Birch().fit(TABLE[["a"]]))).n_features_in_ == 1
    with pytest.raises(NotPortable, match="cannot even be pickled"):
        pickled(FunctionTransformer(lambda values: values))
