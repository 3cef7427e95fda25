"""No file runs anything unasked: whatever a hostile one names is told, and nothing of it happens."""

from __future__ import annotations

import bz2
import contextlib
import copyreg
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import sys
import zlib
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from holdall.engines import compression
from holdall.errors import Error, MissingDependency, TrustRequired, UnreadableFile, UnsupportedModel
from holdall.frameworks.find import find
from holdall.packing.opening import open_model

TABLE = pd.DataFrame({"a": np.arange(40.0), "b": pd.Series(["x", "y", "z", None] * 10, dtype=object)})
NUMBERS = TABLE[["a"]].assign(c=np.arange(40) % 7)
Y = np.array([0, 1] * 20)


LINE = LogisticRegression().fit(NUMBERS, Y)


def mixed() -> Any:
    columns = ColumnTransformer(
        [
            ("n", make_pipeline(StandardScaler(), FunctionTransformer(np.expm1)), ["a"]),
            ("t", OneHotEncoder(dtype=np.float64), ["b"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(TABLE, Y)


def dumped(model: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()


MODELS = {
    "a pipeline": (mixed, TABLE),
    "a forest": (lambda: RandomForestClassifier(3, random_state=np.random.RandomState(1)).fit(NUMBERS, Y), NUMBERS),
    "boosting": (lambda: GradientBoostingClassifier(n_estimators=3).fit(NUMBERS, np.arange(40) % 3), NUMBERS),
    "histogram boosting on categories": (
        lambda: HistGradientBoostingClassifier(max_iter=3, categorical_features=["c"]).fit(NUMBERS, Y),
        NUMBERS,
    ),
    "neighbours": (lambda: KNeighborsClassifier(algorithm="kd_tree").fit(NUMBERS, Y), NUMBERS),
    "sparse neighbours": (lambda: KNeighborsClassifier().fit(scipy.sparse.csr_matrix(NUMBERS), Y), NUMBERS.to_numpy()),
    "a search": (lambda: GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(NUMBERS, Y), NUMBERS),
}
WRITERS: dict[str, Any] = {
    **{f"pickle {n}": partial(pickle.dumps, protocol=n) for n in range(6)},
    "joblib": dumped,
    "joblib 0": lambda model: dumped(model, protocol=0),
    **{
        f"joblib {m}": partial(lambda model, method: dumped(model, compress=(method, 3)), method=m)
        for m in ("zlib", "gzip", "bz2", "xz", "lzma")
    },
    "skops": skops.io.dumps,
}


@pytest.fixture(scope="module", params=MODELS)
def fitted(request: pytest.FixtureRequest) -> Any:
    make, table = MODELS[request.param]
    return make(), table


@pytest.mark.parametrize("writer", WRITERS)
def test_a_model_opens_and_answers_the_same_whatever_its_file_is_called(fitted, writer, tmp_path):
    model, table = fitted
    path = tmp_path / "model.onnx"
    path.write_bytes(WRITERS[writer](model))
    again = open_model(str(path))
    assert type(again) is type(model)
    assert np.array_equal(again.predict_proba(table), model.predict_proba(table))


def test_arrays_of_every_shape_and_order_come_back(tmp_path):
    values = {
        "big endian": np.arange(5, dtype=">f8"),
        "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "empty": np.empty((0, 3)),
        "one number": np.array(3.5),
        "text": np.array(["a", "bé"]),
        "moments": np.array(["2020-01-01", "NaT"], "datetime64[ns]"),
        "spans": np.array([1, 2], "timedelta64[s]"),
        "objects": np.array([[1, "a"], [None, 2.5]], object),
        "records": np.array([(1, 2.5)], np.dtype([("a", "u1"), ("b", "f8")], align=True)),
        "a scalar": np.float32(1.5),
        "masked": np.ma.MaskedArray([1.0, 2.0], [True, False]),
        "a mask of none": np.ma.MaskedArray(["a", None], dtype=object),
    }
    for name, writer in WRITERS.items():
        if name == "skops":
            continue
        path = tmp_path / "values"
        path.write_bytes(writer(values))
        again, plain = open_model(str(path)), joblib.load(path)
        for key, value in plain.items():
            assert again[key].dtype == value.dtype, (name, key)
            assert repr(again[key]) == repr(value), (name, key)


class Command:
    """What every textbook shows: runs a command when it is read."""

    def __init__(self, canary: Path, function: Any = os.system) -> None:
        self.canary, self.function = canary, function

    def __reduce__(self) -> Any:
        return self.function, (f"touch {self.canary}",)


def text(words: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(words)]) + words.encode()


def hostile(canary: Path) -> dict[str, bytes]:
    """One command in every wrapping that is known to have fooled a scanner."""
    order = f"touch {canary}"
    command = Command(canary)
    call = text(order) + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP
    in_array = np.empty(2, object)
    in_array[:] = [command, None]
    plain = pickle.dumps(command)
    good = StandardScaler().fit(NUMBERS)
    good.extra = command
    # The module's name is put together by the stream itself: no text of the file holds it.
    computed = (
        b"\x80\x04"
        + b"c_codecs\nencode\n"
        + text("so")
        + text("latin1")
        + pickle.TUPLE2
        + pickle.REDUCE
        + b"0"
        + text("po")
        + b"0"
        + text("posix")
        + b"\x94"
        + text("system")
        + b"\x94"
        + b"h\x00h\x01"
        + pickle.STACK_GLOBAL
        + call
    )
    return {
        **{f"protocol {n}": pickle.dumps(command, n) for n in range(6)},
        **{f"inside a model by protocol {n}": pickle.dumps(good, n) for n in range(6)},
        "a name on the stack": computed,
        "a name through memory": b"\x80\x04"
        + text("posix")
        + b"q\x05"
        + text("system")
        + b"q\x06"
        + b"00h\x05h\x06\x93"
        + call,
        "INST": b"(V" + order.encode() + b"\niposix\nsystem\n.",
        "OBJ": b"(cposix\nsystem\nV" + order.encode() + b"\no.",
        "a dotted name": b"\x80\x04" + text("sklearn.base") + text("os.system") + b"\x93" + call,
        "by pkgutil": b"\x80\x04cpkgutil\nresolve_name\n" + text("os:system") + b"\x85R" + call,
        "by getattr": b"\x80\x04cbuiltins\ngetattr\ncos\npath\n" + text("os") + b"\x86R0" + b"cposix\nsystem\n" + call,
        "by eval": b"\x80\x04cbuiltins\neval\n" + text(f"__import__('os').system('{order}')"[:255]) + b"\x85R.",
        "by operator": b"\x80\x04coperator\nmethodcaller\n"
        + text("system")
        + text(order)
        + b"\x86Rcbuiltins\n__import__\n"
        + text("os")
        + b"\x85R\x85R.",
        "by partial": b"\x80\x04cfunctools\npartial\ncposix\nsystem\n" + text(order) + b"\x86R)R.",
        "by partial's state": b"\x80\x04cfunctools\npartial\ncnumpy\nlog1p\n\x85Rcposix\nsystem\n"
        + text(order)
        + b"\x85}N\x86\x86b)R.",
        "by a default": b"\x80\x04ccollections\ndefaultdict\ncposix\nsystem\n\x85R.",
        "popped again": b"\x80\x04cposix\nsystem\n" + text(order) + b"\x85R0N.",
        "BUILD at the end": b"\x80\x04cposix\nsystem\n" + text(order) + b"\x85R}b.",
        "broken behind the call": b"\x80\x04cposix\nsystem\n" + text(order) + b"\x85Rh\x99.",
        "no end": b"\x80\x04cposix\nsystem\n" + text(order) + b"\x85R",
        "in joblib": dumped(command),
        "in an array of joblib": dumped([np.eye(2), in_array]),
        "in an array in joblib": dumped({"model": good, "x": np.arange(3)}),
        "in an array of pickle": pickle.dumps(in_array),
        "zlib": zlib.compress(plain),
        "gzip": gzip.compress(plain),
        "bz2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "lzma": lzma.compress(plain, lzma.FORMAT_ALONE),
        "a frame that lies": b"\x80\x04\x95" + struct.pack("<Q", 4) + b"NN00cposix\nsystem\n" + call,
        "another way to a shell": pickle.dumps(Command(canary, subprocess.getoutput)),
        "a second object": pickle.dumps(LogisticRegression()) + plain,
        "state on a class": b"\x80\x04csklearn.preprocessing._data\nStandardScaler\nN}"
        + text("transform")
        + b"cposix\nsystem\ns\x86b.",
        "the list's own module": b"\x80\x04cjoblib.numpy_pickle\nload\n" + text(str(canary)) + b"\x85R.",
        "numpy's own reader": b"\x80\x04cnumpy\nload\n" + text(str(canary)) + b"\x85R.",
    }


NAMES = list(hostile(Path("canary")))


@pytest.mark.parametrize("suffix", [".pkl", ".skops"])
@pytest.mark.parametrize("kind", NAMES)
def test_a_hostile_file_neither_opens_nor_runs(kind, suffix, tmp_path):
    canary = tmp_path / "canary"
    path = tmp_path / f"model{suffix}"
    path.write_bytes(hostile(canary)[kind])
    with pytest.raises((TrustRequired, UnreadableFile)):
        open_model(str(path))
    assert not canary.exists()


def test_the_same_files_would_have_run_for_whoever_trusts_them(tmp_path):
    """So that the canary of the test above can sing at all."""
    canary = tmp_path / "canary"
    sung = []
    for kind, data in hostile(canary).items():
        path = tmp_path / "model.pkl"
        path.write_bytes(data)
        with contextlib.suppress(Error):
            open_model(str(path), allow_pickle=True)
        if canary.exists():
            sung.append(kind)
            canary.unlink()
    assert len(sung) > 25


def test_every_name_is_told_not_only_the_first(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(dumped([Command(tmp_path / "c"), Command(tmp_path / "c", subprocess.getoutput), Path("x")]))
    with pytest.raises(TrustRequired) as caught:
        open_model(str(path))
    message = caught.value.message
    assert "posix.system" in message
    assert "subprocess.getoutput" in message
    assert "PosixPath" in message
    assert "--allow-pickle" in (caught.value.hint or "")
    assert "MODULE:OBJECT" in (caught.value.hint or "")


def test_a_name_that_the_extension_registry_stands_for_is_refused(tmp_path):
    copyreg.add_extension("posix", "system", 0x7F01)
    try:
        path = tmp_path / "model.pkl"
        path.write_bytes(b"\x80\x02\x83\x01\x7f" + text(f"touch {tmp_path / 'canary'}") + b"\x85R.")
        with pytest.raises(TrustRequired, match="extension code 32513"):
            open_model(str(path))
    finally:
        copyreg.remove_extension("posix", "system", 0x7F01)
    assert not (tmp_path / "canary").exists()


def state(shape: tuple[int, ...], code: str, raw: Any, dtype_state: Any = None) -> bytes:
    """A pickle of an array that says one thing and holds another."""

    class Lying:
        def __reduce__(self) -> Any:
            dtype = np.dtype(code)
            if dtype_state is not None:
                dtype = _Dtype(code, dtype_state)
            return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, shape, dtype, False, raw)

    return pickle.dumps(Lying(), 2)


class _Dtype:
    def __init__(self, code: str, given: Any) -> None:
        self.code, self.given = code, given

    def __reduce__(self) -> Any:
        return np.dtype, (self.code, False, True), self.given


LIES = {
    "fewer objects than its shape says": lambda: state((200_000,), "O", []),
    "fewer bytes than its shape says": lambda: state((200_000,), "f8", b"x"),
    "a shape beyond all memory": lambda: state((2**40, 2**40), "f8", b""),
    "a shape below nothing": lambda: state((-1,), "f8", b""),
    "objects from bytes by a flag that lies": lambda: state((1,), "O", bytes(8), (3, "|", None, None, None, -1, -1, 0)),
    "a record that overlaps objects": lambda: state(
        (1,), "V8", bytes(8), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
    ),
    "a tree with too few classes": lambda: (
        b"\x80\x04csklearn.tree._tree\nTree\nK\x02" + b"cnumpy._core.multiarray\n_reconstruct\n"
        b"cnumpy\nndarray\nK\x00\x85C\x01b\x87RJ\xff\xff\xff\x7f\x87R."
    ),
    "bytes by their number": lambda: b"\x80\x04cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R.",
    "an array by its number": lambda: b"\x80\x04cnumpy\nndarray\nJ\x00\x00\x00\x7f\x85\x85R.",
}


@pytest.mark.parametrize("kind", LIES)
def test_numbers_that_lie_are_refused_and_no_memory_is_read_by_them(kind, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(LIES[kind]())
    with pytest.raises((UnreadableFile, TrustRequired)):
        open_model(str(path))


def test_a_tree_that_leads_astray_is_refused(tmp_path):
    model = RandomForestClassifier(1, random_state=0).fit(NUMBERS, Y)
    nodes = model.estimators_[0].tree_.__getstate__()["nodes"]
    right = nodes["right_child"][0].tobytes()
    data = pickle.dumps(model)
    broken = data.replace(nodes[0].tobytes()[:16], nodes[0].tobytes()[:8] + struct.pack("<q", 10**6), 1)
    assert broken != data
    assert len(right) == 8
    path = tmp_path / "model.pkl"
    path.write_bytes(broken)
    with pytest.raises(UnreadableFile, match="outside its table"):
        open_model(str(path))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_pickle_opens_as_nothing_dangerous_and_ends_in_a_named_error(data, tmp_path):
    blob = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 3))):
        blob[data.draw(st.integers(2, len(blob) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "model.pkl"
    path.write_bytes(bytes(blob))
    with contextlib.suppress(UnreadableFile, TrustRequired, UnsupportedModel, MissingDependency):
        # A flipped byte may leave out a step of making the object: then it is one of its parts, all of them harmless.
        assert type(open_model(str(path))).__module__.partition(".")[0] in (
            "builtins",
            "collections",
            "numpy",
            "sklearn",
        )


PLAIN = pickle.dumps(StandardScaler().fit(NUMBERS), 0)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "FLOOR", 1 << 20)
    path = tmp_path / "model.joblib"
    path.write_bytes(zlib.compress(pickle.dumps(bytes(1 << 26))))
    with pytest.raises(UnreadableFile, match="unpacks to more than"):
        open_model(str(path))


def test_an_attribute_cannot_be_set_on_a_class(tmp_path):
    before = dict(vars(StandardScaler))
    path = tmp_path / "model.pkl"
    path.write_bytes(
        b"\x80\x04csklearn.preprocessing._data\nStandardScaler\nN}" + text("transform") + b"cnumpy\nlog1p\ns\x86b."
    )
    with pytest.raises(TrustRequired, match="given a state"):
        open_model(str(path))
    assert dict(vars(StandardScaler)) == before


def test_a_function_of_the_user_s_own_is_named_and_opens_only_when_allowed(tmp_path, monkeypatch):
    (tmp_path / "features_of_mine.py").write_text("def double(values):\n    return values * 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    module = importlib.import_module("features_of_mine")
    path = tmp_path / "model.joblib"
    for writer in (dumped, skops.io.dumps):
        path.write_bytes(writer(FunctionTransformer(module.double)))
        with pytest.raises(TrustRequired, match=r"features_of_mine\.double"):
            open_model(str(path))
        assert open_model(str(path), allow_pickle=True).func is module.double


def test_module_and_object_are_imported_from_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "train_here.py").write_text("class holder:\n    inner = [1]\npipeline = {'a': 1}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("somewhere-else")
    assert open_model("train_here:pipeline") == {"a": 1}
    assert open_model("train_here:holder.inner") == [1]
    with pytest.raises(UnreadableFile, match="has no 'absent'"):
        open_model("train_here:absent")
    with pytest.raises(UnreadableFile) as caught:
        open_model("train_here:pipelines")
    assert caught.value.hint == "it has 'pipeline'"


def test_what_cannot_be_imported_is_said_in_words(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "stumbles.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableFile, match="no module 'not_there_either'"):
        open_model("not_there_either:model")
    with pytest.raises(MissingDependency, match="a_module_that_is_not_there"):
        open_model("needs_more:model")
    with pytest.raises(UnreadableFile, match="ZeroDivisionError"):
        open_model("stumbles:model")


def test_a_file_that_is_not_there_a_folder_and_other_formats_are_said_in_words(tmp_path):
    with pytest.raises(UnreadableFile, match="there is no file"):
        open_model(str(tmp_path / "nothing.pkl"))
    with pytest.raises(UnsupportedModel, match="folder"):
        open_model(str(tmp_path))
    booster = tmp_path / "model.pkl"
    booster.write_bytes(b"CBM1" + bytes(20))
    with pytest.raises(UnreadableFile, match="cannot be loaded"):
        open_model(str(booster))
    booster.write_bytes(b"hello")
    with pytest.raises(UnreadableFile, match="damaged, or of a format"):
        open_model(str(booster), allow_pickle=True)


def test_ordinary_containers_need_no_trust(tmp_path):
    value = {
        "a": [1, 2.5, True, None, b"x", bytearray(b"y"), 2**100],
        "b": ({1, 2}, frozenset({3})),
        "c": OrderedDict(x=slice(1, 2)),
        "d": complex(1, 2),
    }
    for protocol in range(6):
        path = tmp_path / "model.pkl"
        path.write_bytes(pickle.dumps(value, protocol))
        assert open_model(str(path)) == value


def test_a_folder_stands_for_the_only_model_in_it(tmp_path):
    (tmp_path / "README.md").write_text("# A model\n")
    (tmp_path / "sample.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UnsupportedModel, match="holds no model file"):
        open_model(str(tmp_path))
    (tmp_path / "model.bin").write_bytes(dumped(LogisticRegression().fit(NUMBERS, Y)))
    assert isinstance(open_model(str(tmp_path)), LogisticRegression)
    (tmp_path / "way").symlink_to(tmp_path / "model.bin")
    assert isinstance(open_model(str(tmp_path)), LogisticRegression)
    (tmp_path / "other.bin").write_bytes(pickle.dumps(LogisticRegression().fit(NUMBERS, Y)))
    with pytest.raises(UnsupportedModel, match=r"several models: model\.bin, other\.bin"):
        open_model(str(tmp_path))


def test_what_is_larger_or_deeper_than_a_model_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.truncate((1 << 34) + 1)  # a hole, no bytes on the disk
    with pytest.raises(UnreadableFile, match="at most"):
        open_model(str(path))
    graph = b"\x0a\x00"
    for _ in range(300):  # a node with an attribute with a graph with a node …
        for field in (0x32, 0x2A, 0x0A):
            graph = bytes([field]) + varint(len(graph)) + graph
    path.write_bytes(b"\x08\x08\x3a" + varint(len(graph)) + graph)
    with pytest.raises(UnreadableFile, match="ONNX"):
        open_model(str(path))
    path.write_bytes(b"[" * 1_000_000)
    with pytest.raises(UnreadableFile):
        open_model(str(path))
    path.write_bytes(b"\x80\x04" + b"]\x94" * 1 + b"(" * 200_000 + b".")
    with pytest.raises(UnreadableFile):
        open_model(str(path))


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (dumped(LINE)[:-1], "ends before"),
        (dumped(LINE)[:300], "cannot be read"),
        (dumped(LINE) + dumped(LINE), "goes on after"),
    ],
)
def test_what_is_cut_off_or_too_long_is_told_with_what_to_do(data, words, tmp_path):
    (tmp_path / "model.joblib").write_bytes(data)
    with pytest.raises(UnreadableFile, match=words) as caught:
        open_model(str(tmp_path / "model.joblib"))
    assert "joblib.dump" in caught.value.hint


def test_a_model_inside_a_dictionary_is_told_by_its_place(tmp_path):
    for held, place in (({"model": LINE, "threshold": 0.4}, "['model']"), ((LINE, ["a"]), "[0]")):
        with pytest.raises(UnsupportedModel) as caught:
            find(held)
        assert place in caught.value.message
        assert place in caught.value.hint


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"\x04\x22\x4d\x18" + bytes(40), MissingDependency, "lz4"),
        (zlib.compress(dumped(LINE))[:200], UnreadableFile, "zlib"),
        (gzip.compress(b"CBM1" + bytes(40)), UnsupportedModel, "a CatBoost model, compressed with gzip"),
        (gzip.compress(b"nothing that is known"), UnreadableFile, "does not know"),
    ],
    ids=["lz4", "cut off", "gzip of a model", "gzip of anything"],  # bytes with a time in them would differ by worker
)
def test_a_compressed_file_is_told_by_what_is_inside(data, error, words, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    (tmp_path / "model.joblib").write_bytes(data)
    with pytest.raises(error, match=words):
        open_model(str(tmp_path / "model.joblib"))
