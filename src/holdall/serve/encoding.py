"""Answers as bytes. What is the same for every answer of one version is encoded once."""

from __future__ import annotations

from typing import Any

import msgspec

from holdall.serve.batching import Scored
from holdall.serve.decoding import encode_id

_encode = msgspec.json.Encoder().encode


class Envelope:
    """What stands around the predictions of one version."""

    def __init__(self, model: str, version: str, digest: str) -> None:
        facts = _encode({"model": model, "version": version, "digest": digest})
        self._end = b"," + facts[1:-1] + b',"id":'

    def encode(self, scored: Scored, identity: str) -> bytes:
        """The body of an answer. NaN and infinity become null; integers keep all their digits."""
        return b'{"predictions":' + _encode(scored) + self._end + encode_id(identity) + b"}"


def to_json(value: Any) -> bytes:
    """Any plain value."""
    return _encode(value)
