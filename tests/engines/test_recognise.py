"""A file is what its bytes are; what is broken never looks milder than it was."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import pickle
import struct
import zipfile
import zlib

import joblib
import numpy as np
import onnx
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression

from holdall.engines import compression, wire
from holdall.engines.recognise import Format, recognise
from holdall.errors import UnreadableFile

MODEL = LinearRegression().fit(np.arange(12.0).reshape(6, 2), np.arange(6.0))


def graph(external: bool = False) -> bytes:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    if external:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../secret")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    model = helper.make_model(helper.make_graph([node], "g", [x], [y], [weight]))
    return model.SerializeToString()


def dumped(**options: object) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(MODEL, buffer, **options)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    return buffer.getvalue()


def array(function: object, *arrays: object) -> bytes:
    buffer = io.BytesIO()
    function(buffer, *arrays)  # type: ignore[operator]
    return buffer.getvalue()


def safetensors(extra: bytes = b"") -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8) + extra


FILES = {
    **{f"a pickle of protocol {n}": (pickle.dumps(MODEL, n), Format.PICKLE) for n in range(6)},
    "a list by protocol 0": (pickle.dumps([1, 2, 3], 0), Format.PICKLE),
    "joblib": (dumped(), Format.JOBLIB),
    "joblib by protocol 0": (dumped(protocol=0), Format.JOBLIB),
    **{f"joblib by {m}": (dumped(compress=(m, 3)), Format.JOBLIB) for m in ("zlib", "gzip", "bz2", "xz", "lzma")},
    "a pickle in gzip": (gzip.compress(pickle.dumps(MODEL, 0)), Format.JOBLIB),
    "skops": (skops.io.dumps(MODEL), Format.SKOPS),
    "an ONNX graph": (graph(), Format.ONNX),
    "an array": (array(np.save, np.eye(2)), Format.NPY),
    "arrays": (array(np.savez, np.eye(2)), Format.NPZ),
    "torch": (zipped("archive/data.pkl", "archive/version"), Format.TORCH),
    "a pickle beside a schema": (zipped("schema.json", "data.pkl"), Format.TORCH),
    "keras": (zipped("config.json", "metadata.json", "model.weights.h5"), Format.KERAS),
    "a zip": (zipped("a.txt"), Format.ZIP),
    "xgboost in ubj": (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{", Format.XGBOOST_UBJ),
    "xgboost in json": (b'{"learner": {}, "version": [3, 0, 0]}', Format.XGBOOST_JSON),
    "lightgbm": (b"tree\nversion=v4\nnum_class=1\n", Format.LIGHTGBM),
    "catboost": (b"CBM1\x10\x00\x00\x00", Format.CATBOOST),
    "safetensors": (safetensors(), Format.SAFETENSORS),
    "nothing": (b"", Format.UNKNOWN),
    "words": (b"hello, world", Format.UNKNOWN),
    "json": (b'{"a": 1}', Format.UNKNOWN),
    "text in gzip": (gzip.compress(b"hello"), Format.UNKNOWN),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_recognised_by_its_bytes(kind):
    data, expected = FILES[kind]
    assert recognise(data) is expected


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_graph_that_is_cut_or_goes_on_is_not_a_graph(cut):
    assert recognise(graph()[:-cut]) is Format.UNKNOWN
    assert recognise(graph() + b"\x80\x04" * cut) is Format.UNKNOWN


def test_tensors_that_go_on_after_their_end_are_not_safetensors():
    assert recognise(safetensors(b"x")) is Format.UNKNOWN


def test_a_zip_that_cannot_be_read_is_not_known():
    data = skops.io.dumps(MODEL)
    assert recognise(data[: len(data) // 2]) is Format.UNKNOWN


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(data):
    assert isinstance(recognise(data), Format)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_pickle_with_a_flipped_byte_is_never_taken_for_data(data):
    blob = bytearray(pickle.dumps(MODEL, data.draw(st.integers(0, 5))))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    assert recognise(bytes(blob)) in (Format.PICKLE, Format.JOBLIB, Format.UNKNOWN)


def test_a_tensor_that_lies_in_another_file_is_seen_wherever_it_is():
    assert not wire.has_external_tensors(graph())
    assert wire.has_external_tensors(graph(external=True))
    inner = onnx.load_from_string(graph(external=True)).graph
    condition = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    outer = helper.make_graph([condition], "o", [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])])
    assert wire.has_external_tensors(helper.make_model(outer).SerializeToString())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_the_wire_reader_reads_or_raises_a_value_error(data):
    with contextlib.suppress(ValueError):
        assert wire.has_external_tensors(data) in (True, False)


@pytest.mark.parametrize("name", ["zlib", "gzip", "bz2", "xz", "lzma"])
def test_what_was_compressed_is_unpacked(name):
    plain = b"some bytes " * 1000
    packed = {
        "zlib": zlib.compress,
        "gzip": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    }[name](plain)
    assert compression.method(packed) == name
    assert compression.unpack(packed, "x") == plain
    with pytest.raises(UnreadableFile):
        compression.unpack(packed[: len(packed) // 2], "x")


def test_a_bomb_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(compression, "FLOOR", 1 << 20)
    for pack in (zlib.compress, gzip.compress, bz2.compress, lzma.compress):
        with pytest.raises(UnreadableFile, match="unpacks to more than"):
            compression.unpack(pack(bytes(1 << 24)), "bomb")
