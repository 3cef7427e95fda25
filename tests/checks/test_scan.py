"""Whatever could act is told, whatever could not be looked at has not passed, and a real model raises no alarm.

The hostile files are made here, operation by operation; none of them is ever opened.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from holdall.checks.scan import scan_package, scan_path
from holdall.checks.scan_pickle import DANGEROUS, KNOWN, UNKNOWN, Walk, verdict
from holdall.engines.names import GUARDED
from holdall.engines.skops import audit
from holdall.packing.restricted import GUARDS
from holdall.spec.report import Scan

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 2
MIXED = np.array([["a", 1.0], ["b", 2.0], [None, 3.0]] * 20, object)


def scanned(data: bytes, tmp_path: Path, name: str = "model.bin") -> Scan:
    path = tmp_path / name
    path.write_bytes(data)
    return scan_path(path, lambda content, where: tuple(audit(content, where).outside))


def codes(report: Scan) -> set[str | None]:
    return {entry.code for entry in report.failures}


def dumped(model: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()


def word(text: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode()


CALL = word("true") + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP
SYSTEM = b"\x80\x04cposix\nsystem\n" + CALL
BENIGN = pickle.dumps([1.5, "a", None])


def frame(body: bytes) -> bytes:
    return b"\x95" + struct.pack("<Q", len(body)) + body


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(name: str, **facts: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        for fact, value in facts.items():
            setattr(entry, fact, value)
        archive.addfile(entry)
    return buffer.getvalue()


def object_array(stream: bytes) -> bytes:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    return head.getvalue() + stream


def in_joblib(stream: bytes, padding: bytes = b"\x01\xff") -> bytes:
    """A joblib file of one array of eight bytes, with `stream` behind the array's description."""
    whole = dumped(np.arange(1, dtype=np.int64))
    place = whole.index(b"b", whole.index(b"numpy_array_alignment_bytes") + 28) + 1
    return whole[:place] + padding + stream


HOSTILE: dict[str, bytes] = {
    **{f"protocol {n}": pickle.dumps(partial(os.system, "true"), n) for n in range(6)},
    "INST": b"(Vtrue\niposix\nsystem\n.",
    "OBJ": b"(cposix\nsystem\nVtrue\no.",
    "a name on the stack": b"\x80\x04" + word("posix") + word("system") + b"\x93" + CALL,
    "a name in memory": b"\x80\x04" + word("posix") + b"q\x05" + word("system") + b"q\x0600h\x05h\x06\x93" + CALL,
    "a name that a call makes": b"\x80\x04"
    + word("posix")
    + b"c_codecs\nencode\n"
    + word("system")
    + b"\x85R\x93"
    + CALL,
    "a dotted name": b"\x80\x04" + word("sklearn.base") + word("os.system") + b"\x93" + CALL,
    "Python 2's name": b"c__builtin__\neval\n(Vtrue\ntR.",
    "popped": b"\x80\x04cposix\nsystem\n" + word("true") + b"\x85R0N.",
    "behind its end": BENIGN + SYSTEM,
    "never ended": b"\x80\x04cposix\nsystem\n" + word("true") + b"\x85R",
    "an extension code": b"\x80\x04\x82\x01)R.",
    "ids from elsewhere": b"\x80\x04Vx\nQ.",
    "bytes from elsewhere": b"\x80\x05\x97.",
    "a call of what it made": b"\x80\x04cfunctools\npartial\ncnumpy\nlog1p\n\x85R)R.",
    "a change to a class": b"\x80\x04csklearn.pipeline\nPipeline\n}Vpredict\nNsb.",
    "memory by number": b"\x80\x04cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R.",
    "a frame that ends too early": b"\x80\x04" + b"\x95" + struct.pack("<Q", 3) + word("abcdef") + b".",
    "a frame beyond the file": b"\x80\x04\x95" + struct.pack("<Q", 1 << 20) + b"N.",
    "a frame in a frame": b"\x80\x04" + frame(b"N0" + frame(b"N.")),
    "a class of someone's": b"\x80\x04cmypackage.models\nNet\n)\x81.",
    "by the name of a test tool": b"\x80\x04cnumpy.testing._private.utils\nrunstring\n" + word("1") + b"}\x86R.",
    "cloudpickle": b"\x80\x05" + word("cloudpickle.cloudpickle") + word("_make_function") + b"\x93)R.",
    "compressed by zlib": zlib.compress(SYSTEM),
    "compressed by gzip": gzip.compress(SYSTEM),
    "compressed by bz2": bz2.compress(SYSTEM),
    "compressed by xz": lzma.compress(SYSTEM),
    "compressed twice": gzip.compress(zlib.compress(SYSTEM)),
    "in a zip": zipped({"a/b.bin": SYSTEM}),
    "in a zip in a zip": zipped({"a": zipped({"b": SYSTEM})}),
    "in PyTorch's zip": zipped({"m/data.pkl": SYSTEM, "m/version": b"3\n"}),
    "for PyTorch's numbers": zipped({"m/data.pkl": BENIGN, "m/data/0": SYSTEM}),
    "in an array of objects": object_array(SYSTEM),
    "in arrays of objects": zipped({"a.npy": object_array(SYSTEM)}),
    "where joblib has an array's bytes": in_joblib(SYSTEM[2:10], b"\x4e" + b"\xff" * 0x4E),
    "behind joblib's array": in_joblib(b"\0" * 8 + SYSTEM[2:]),
    "Keras' lambda": zipped(
        {
            "config.json": json.dumps(
                {"config": {"layers": [{"class_name": "Lambda", "module": "keras.layers"}]}}
            ).encode(),
            "model.weights.h5": b"",
        }
    ),
    "Keras' function": zipped(
        {"config.json": json.dumps({"module": "os", "class_name": "system"}).encode(), "model.weights.h5": b""}
    ),
    "a zip that leads out": zipped({"../../x": b"a"}),
    "an absolute zip": zipped({"/etc/x": b"a"}),
    "a tar that leads out": tarred("../x"),
    "a link in a tar": tarred("x", type=tarfile.SYMTYPE, linkname="/etc"),
    "a device in a tar": tarred("x", type=tarfile.CHRTYPE),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_could_act_does_not_pass(how: str, tmp_path: Path) -> None:
    for name in ("model.bin", "model.onnx", "model.safetensors", "weights.txt"):
        report = scanned(HOSTILE[how], tmp_path, name)
        assert not report.passed
        assert report.failures, how


@pytest.mark.parametrize("how", [how for how in HOSTILE if "posix" in str(HOSTILE[how])])
def test_the_command_is_named_as_dangerous(how: str, tmp_path: Path) -> None:
    report = scanned(HOSTILE[how], tmp_path)
    if how not in ("where joblib has an array's bytes", "a name that a call makes"):
        assert any(found.verdict == DANGEROUS for found in report.globals), report
        assert DANGEROUS in codes(report)


MODELS: dict[str, Callable[[], Any]] = {
    "a pipeline": lambda: make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()).fit(
        abs(X), Y
    ),
    "columns": lambda: make_pipeline(
        ColumnTransformer([("t", OneHotEncoder(), [0]), ("n", StandardScaler(), [1])]), LogisticRegression()
    ).fit(MIXED, Y),
    "a forest": lambda: RandomForestClassifier(3, random_state=np.random.RandomState(0)).fit(X, Y),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=3).fit(X, Y),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=3).fit(X, Y),
    "isolation": lambda: IsolationForest(n_estimators=3).fit(X),
    "neighbours": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(X, Y),
    "descent": lambda: SGDClassifier().fit(X, Y),
    "a search": lambda: GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(X, Y),
    "bayes": lambda: GaussianNB().fit(X, Y),
    "a network": lambda: MLPClassifier((3,), max_iter=300, tol=1.0).fit(X, Y),
    "bins": lambda: KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf").fit(X),
    "vectors": lambda: SVC().fit(X, Y),
    "a process": lambda: GaussianProcessRegressor().fit(X, Y),
    "words": lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["one two", "three"] * 30, Y),
}
WRITERS: dict[str, Callable[[Any], bytes]] = {
    **{f"pickle {n}": partial(pickle.dumps, protocol=n) for n in range(6)},
    "joblib": dumped,
    "joblib 0": partial(dumped, protocol=0),
    **{f"joblib {how}": partial(dumped, compress=(how, 3)) for how in ("zlib", "gzip", "bz2", "xz", "lzma")},
    "skops": skops.io.dumps,
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_real_model_raises_no_alarm(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]()
    for how, write in WRITERS.items():
        report = scanned(write(model), tmp_path)
        assert report.passed, (how, report)
        assert how == "skops" or {found.verdict for found in report.globals} == {KNOWN}


def test_arrays_of_objects_inside_joblib_are_walked_too(tmp_path: Path) -> None:
    class Command:
        def __reduce__(self) -> Any:
            return os.system, ("true",)

    held = np.empty(1, object)
    held[0] = Command()
    for compress in (0, ("zlib", 3)):
        report = scanned(dumped({"before": np.arange(5.0), "held": held}, compress=compress), tmp_path)
        assert [found.name for found in report.globals if found.verdict == DANGEROUS] == ["posix.system"]


def test_every_flag_that_hides_a_member_of_a_zip_is_told(tmp_path: Path) -> None:
    whole = zipped({"data.pkl": SYSTEM})
    end = whole.index(b"PK\x01\x02")
    changes = {
        "the list's name": (end + 46, b"x"),
        "the first name": (30, b"x"),
        "a flag": (6, b"\x01"),
        "the list's flag": (end + 8, b"\x20"),
        "a checksum": (end + 16, b"\0\0\0\0"),
        "a method": (8, b"\x63"),
        "a size": (18, b"\x01"),
    }
    for what, (place, new) in changes.items():
        report = scanned(whole[:place] + new + whole[place + len(new) :], tmp_path)
        assert not report.passed, what
        assert any(word in str(report.failures) for word in ("member", "posix.system")), what
    assert not scanned(whole[:end] + SYSTEM * 3 + whole[end:], tmp_path).passed


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    report = scanned(buffer.getvalue(), tmp_path)
    assert codes(report) == {"malformed"}
    assert "unpacks to more than" in report.failures[0].message
    assert not scanned(zlib.compress(bytes(300 << 20)), tmp_path).passed


def test_a_model_that_can_only_hold_numbers_passes(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    assert scanned(helper.make_model(graph).SerializeToString(), tmp_path).passed
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(3), b=np.array(["x"]))
    assert scanned(buffer.getvalue(), tmp_path).passed
    state = b"\x80\x02}q\x00X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagetQK\x00)tRs."
    assert scanned(zipped({"m/data.pkl": state, "m/data/0": bytes(range(16)), "m/version": b"3\n"}), tmp_path).passed


def test_a_graph_that_reads_other_files_does_not_pass(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret")
    graph = helper.make_graph([], "g", [], [], [tensor])
    report = scanned(helper.make_model(graph).SerializeToString(), tmp_path)
    assert codes(report) == {"external"}


def test_what_is_not_looked_at_has_not_passed(tmp_path: Path) -> None:
    for data in (b"7z\xbc\xaf'\x1c\x00\x04", b"\x89HDF\r\n\x1a\n" + bytes(50), b"\x7fELF" + bytes(50), b""):
        report = scanned(data, tmp_path)
        assert not report.passed
        assert report.skipped


def test_lz4_is_looked_into_where_it_is_installed_and_else_skipped(tmp_path: Path) -> None:
    report = scanned(b"\x04\x22\x4d\x18" + bytes(20), tmp_path)
    assert not report.passed
    assert "lz4" in sys.modules or report.skipped


def test_a_folder_is_looked_at_file_by_file(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "README.md").write_text("# A model\n")
    (folder / "code.py").write_text("import os\nfrom json import loads\n")
    (folder / "deep" / "good.joblib").write_bytes(dumped(StandardScaler().fit(X)))
    assert scan_path(folder).passed
    assert "json, os" in str(scan_path(folder).findings)
    (folder / "deep" / "README.txt").write_bytes(SYSTEM)
    report = scan_path(folder)
    assert [entry.path for entry in report.failures] == ["deep/README.txt"]
    (folder / "deep" / "README.txt").unlink()
    (folder / "way").symlink_to("/etc")
    assert [entry.path for entry in scan_path(folder).failures] == ["way"]


def test_a_package_is_looked_at_by_its_files(tmp_path: Path) -> None:
    files = {
        "model/model.skops": skops.io.dumps(StandardScaler().fit(X)),
        "README.md": b"# Card\n",
        "wheels/a.whl": b"PK",
    }
    roles = {"model/model.skops": "weight", "README.md": "doc", "wheels/a.whl": "code"}
    look = lambda content, where: tuple(audit(content, where).outside)
    assert scan_package(roles, files.__getitem__, look).passed
    files["model/model.skops"] = SYSTEM
    assert not scan_package(roles, files.__getitem__, look).passed


def test_the_scan_and_the_reader_know_the_same_names() -> None:
    assert set(GUARDS) == GUARDED
    assert verdict("sklearn.pipeline.Pipeline") == KNOWN
    assert verdict("os.system") == verdict("cloudpickle.cloudpickle._make_function") == DANGEROUS
    assert verdict("datetime.datetime") == verdict("lightgbm.sklearn.LGBMClassifier") == UNKNOWN


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_walk_fail(data: bytes) -> None:
    walk = Walk(data).file()
    assert walk.streams or walk.problems or not data


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SYSTEM) - 1), st.binary(min_size=1, max_size=1))
def test_a_changed_byte_never_hides_the_command_from_a_file_that_would_still_run_it(place: int, new: bytes) -> None:
    changed = SYSTEM[:place] + new + SYSTEM[place + 1 :]
    walk = Walk(changed).file()
    assert walk.problems or any(verdict(name) != KNOWN for name in walk.names) or b"posix\nsystem" not in changed


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.integers(0, 5))
def test_plain_values_pass_in_every_protocol(value: Any, protocol: int) -> None:
    walk = Walk(pickle.dumps(value, protocol)).file()
    assert not walk.problems
    assert all(verdict(name) == KNOWN for name in walk.names)


def test_a_record_of_records_of_records_is_looked_at_once() -> None:
    dtype = b"cnumpy\ndtype\n(Vf8\nI00\nI01\ntR"
    for level in range(7):
        memo = b"p%d\n0" % level
        members = b"".join(b"Vm%d\n(g%d\nI0\nt" % (member, level) for member in range(200))
        names = b"(" + b"".join(b"Vm%d\n" % member for member in range(200)) + b"t"
        dtype += memo + b"cnumpy\ndtype\n(VV8\nI00\nI01\ntR(I3\nV|\nN" + names + b"(" + members + b"dI8\nI1\nI16\ntb"
    wrapper = b"ccopy_reg\n_reconstructor\n(cjoblib.numpy_pickle\nNumpyArrayWrapper\nc__builtin__\nobject\nNtR"
    state = b"(Vshape\n(I1\ntVdtype\n" + dtype + b"Vnumpy_array_alignment_bytes\nI16\ndb"
    walk = Walk(wrapper + state + b"\x00" + b"\0" * 8 + b".").file()
    assert not walk.problems
    assert all(verdict(name) == KNOWN for name in walk.names)


def test_arrays_that_are_read_as_operations_too_share_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdall.checks.scan_pickle.LONGEST", 20_000)
    one = (
        b"ccopy_reg\n_reconstructor\n(cjoblib.numpy_pickle\nNumpyArrayWrapper\nc__builtin__\nobject\nNtR"
        b"(Vshape\n(I1\ntVdtype\ncnumpy\ndtype\n(Vf8\nI00\nI01\ntRdbNNNNNNNN"
    )
    walk = Walk(one * 300 + b".").file()
    assert any("operations" in problem for problem in walk.problems)
