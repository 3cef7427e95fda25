"""What a model file is, by its bytes and never by its name.

A name is a wish of whoever wrote it: a pickle called `model.skops` is a pickle. Where the bytes could be read as two
formats, or are not wholly what they begin as, the answer is the one that needs more trust.
"""

from __future__ import annotations

import io
import json
import pickletools
import re
import zipfile
from enum import StrEnum

from holdall.engines import compression, wire


class Format(StrEnum):
    ONNX = "onnx"
    SKOPS = "skops"
    PICKLE = "pickle"
    JOBLIB = "joblib"
    TORCH = "torch"
    TORCH_SCRIPT = "torchscript"
    TORCH_EXPORT = "torch-export"
    KERAS = "keras"
    NPY = "npy"
    NPZ = "npz"
    XGBOOST_UBJ = "xgboost-ubj"
    XGBOOST_JSON = "xgboost-json"
    LIGHTGBM = "lightgbm"
    CATBOOST = "catboost"
    SAFETENSORS = "safetensors"
    HDF5 = "hdf5"
    TOKENIZER = "tokenizer"
    TEXT = "text"
    TAR = "tar"
    ZIP = "zip"
    UNKNOWN = "unknown"


_UBJ = re.compile(rb"\{L\x00{7}.(?:learner|version|Config)", re.DOTALL)
_LIGHTGBM = re.compile(rb"tree\r?\nversion=v\d")
_OPCODES = 100_000
_PROTOCOLS = range(2, 6)


def recognise(data: bytes) -> Format:
    """The format of these bytes. Reads as much of them as it takes, builds nothing, raises nothing."""
    if data[:1] == b"\x80" and len(data) > 1 and data[1] <= max(_PROTOCOLS):
        return _pickle(data)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(data)
    if compression.method(data) is not None:
        return Format.JOBLIB if _is_pickle(compression.head(data)) else Format.UNKNOWN
    if wire.is_model(data):
        return Format.ONNX
    if data.startswith(b"\x93NUMPY"):
        return Format.NPY
    if data.startswith(b"CBM1"):
        return Format.CATBOOST
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return Format.HDF5
    if _UBJ.match(data):
        return Format.XGBOOST_UBJ
    if _LIGHTGBM.match(data):
        return Format.LIGHTGBM
    if _is_safetensors(data):
        return Format.SAFETENSORS
    if data[257:262] == b"ustar":
        return Format.TAR
    if data.lstrip()[:1] == b"{":
        form = _json(data)
        if form is not None:
            return form
    return _pickle(data) if _is_pickle(data) else Format.UNKNOWN


def _pickle(data: bytes) -> Format:
    return Format.JOBLIB if b"joblib.numpy_pickle" in data else Format.PICKLE


def _is_pickle(data: bytes) -> bool:
    """By the header of protocols 2 to 5; protocols 0 and 1 have none, so their operations are read, not run."""
    if data[:1] == b"\x80":
        return len(data) > 1 and data[1] <= max(_PROTOCOLS)
    if data[:1] not in b"(]})cVSFIJKLMNGUXTq\x88\x89\x8a\x8c" or not data:
        return False
    count = 0
    try:
        for _ in pickletools.genops(data):
            count += 1
            if count >= _OPCODES:
                return True
    except Exception:  # noqa: BLE001 — hostile bytes make pickletools raise what they like
        # Raw arrays inside a joblib file end what pickletools can read; enough came before to know it.
        return count > 20 or b"joblib.numpy_pickle" in data
    return True


def _zip(data: bytes) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except Exception:  # noqa: BLE001 — a zip that zipfile cannot read is not known to be anything
        return Format.UNKNOWN
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        script = any(name == "constants.pkl" or name.endswith("/constants.pkl") for name in names)
        return Format.TORCH_SCRIPT if script else Format.TORCH
    if any(name.endswith("/archive_format") for name in names) and any("/models/" in name for name in names):
        return Format.TORCH_EXPORT
    if "schema.json" in names:
        return Format.SKOPS
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        return Format.KERAS
    if names and all(name.endswith(".npy") for name in names):
        return Format.NPZ
    return Format.ZIP


def _is_safetensors(data: bytes) -> bool:
    if len(data) < 10 or data[8:9] != b"{":
        return False
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        return False
    try:
        header = json.loads(data[8 : 8 + length])
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return max(ends, default=0) == len(data) - 8 - length
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return False


def _json(data: bytes) -> Format | None:
    """By the names in it: XGBoost's, those of a `tokenizer.json`, or what stands between a tokenizer and its graph."""
    try:
        model = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(model, dict):
        return None
    if {"learner", "version"} <= model.keys():
        return Format.XGBOOST_JSON
    if model.keys() >= _TOKENIZER and isinstance(model["model"], dict):
        return Format.TOKENIZER
    return Format.TEXT if model.get("holdall") == "text" else None


_TOKENIZER = {"added_tokens", "model", "normalizer", "post_processor", "pre_tokenizer", "version"}
