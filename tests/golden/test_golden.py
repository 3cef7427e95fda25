"""The golden package: what holdall once wrote it still reads, and still writes to the last byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

from holdall.content import media
from holdall.content.archive import open_archive, write_archive
from holdall.content.layout import open_layout, write_layout

from . import make

DIGEST = "sha256:f7397d7f2c79218bccc5df0d9e885561527409469a4e94a629d7c34982280bc1"
FINGERPRINT = "sha256:d29a75abca7ef1673a5cec3eda9b4a04930258873f862b27860c0931bc208bd0"
ARCHIVE = "c14692ffb95d69c736ae5afae06de6edb837a952427fc9b7a07f950e7ab800ee"


def test_the_golden_file_is_the_one_that_was_committed() -> None:
    assert hashlib.sha256(make.PATH.read_bytes()).hexdigest() == ARCHIVE


def test_the_golden_package_opens_as_what_it_was_made_from() -> None:
    content = open_archive(make.PATH)
    assert content.digest == DIGEST
    assert content.manifest == make.manifest()
    assert content.manifest.fingerprint() == FINGERPRINT
    assert {path: content.read(path) for path in make.FILES} == make.FILES
    (examples,) = content.referrers()
    assert examples.artifact_type == media.EXAMPLES
    assert content.payload(examples) == make.EXAMPLES
    assert content.manifest.examples is not None
    assert content.manifest.examples.digest == examples.payload
    assert content.verify() == ()


def test_sealing_the_same_again_gives_the_golden_package_to_the_last_byte(tmp_path: Path) -> None:
    write_archive(make.content(), tmp_path / "again.holdall")
    assert (tmp_path / "again.holdall").read_bytes() == make.PATH.read_bytes()


def test_the_golden_package_comes_back_from_a_layout_to_the_last_byte(tmp_path: Path) -> None:
    write_layout(open_archive(make.PATH), tmp_path / "layout")
    write_archive(open_layout(tmp_path / "layout"), tmp_path / "again.holdall")
    assert (tmp_path / "again.holdall").read_bytes() == make.PATH.read_bytes()
