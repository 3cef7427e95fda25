"""Sealing is pure, says what ModelPack and OCI want, and refuses what could not be read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.content import media, oci
from holdall.content.seal import refer, seal
from holdall.errors import UsageError
from holdall.spec import canonical
from holdall.spec import digest as digests
from holdall.spec import manifest as manifests
from holdall.spec.manifest import File, Release

from .samples import FILES, attached, manifest, sealed, stored

PART = st.text("abcXYZ019_+-", min_size=1, max_size=8)
PATHS = st.lists(PART, min_size=1, max_size=3).map(lambda parts: "files/" + "/".join(parts) + ".bin")


def side_by_side(files: dict[str, bytes]) -> bool:
    """Whether these paths can lie beside each other on every file system."""
    lowered = {path.lower() for path in files}
    folders = {"/".join(path.lower().split("/")[:n]) for path in files for n in range(1, path.count("/") + 1)}
    return len(lowered) == len(files) and not lowered & folders


FILE_SETS = st.dictionaries(PATHS, st.binary(max_size=40), max_size=5).filter(side_by_side)


@settings(max_examples=60, deadline=None)
@given(files=FILE_SETS, order=st.randoms(use_true_random=False))
def test_the_same_inputs_give_the_same_package_in_whatever_order_they_come(files: dict[str, bytes], order: Any) -> None:
    shuffled = list(files.items())
    order.shuffle(shuffled)
    first, second = seal(manifest(files), files), seal(manifest(files), dict(shuffled))
    assert first == second
    assert list(first.blobs) == list(second.blobs)


@settings(max_examples=60, deadline=None)
@given(files=FILE_SETS)
def test_opening_what_was_sealed_gives_the_manifest_and_the_files(files: dict[str, bytes]) -> None:
    content = stored(seal(manifest(files), files))
    assert content.manifest == manifest(files)
    assert {layer.path: content.read(layer.path) for layer in content.layers[1:]} == files
    assert content.verify() == ()


@settings(max_examples=40, deadline=None)
@given(files=FILE_SETS, other=FILE_SETS)
def test_other_files_give_another_digest(files: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (seal(manifest(files), files).digest == seal(manifest(other), other).digest) == (files == other)


PROGRAM = """
import hashlib, os, pathlib, sys, tempfile
os.umask(int(sys.argv[1], 8))
from tests.content import samples
with tempfile.TemporaryDirectory() as folder:
    content = samples.tiny()
    print(content.digest, hashlib.sha256(samples.archived(content, pathlib.Path(folder)).read_bytes()).hexdigest())
"""


def test_the_digest_is_the_same_under_another_umask_time_zone_locale_and_hash_seed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]

    def run(umask: str, **settings: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(root), **settings}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, umask], env=environment, cwd=tmp_path, capture_output=True, check=True
        )
        return done.stdout.decode()

    answers = {
        run("022", TZ="UTC", LC_ALL="C.UTF-8", PYTHONHASHSEED="0"),
        run("077", TZ="Asia/Kathmandu", LC_ALL="C", PYTHONHASHSEED="1"),
        run("000", TZ="America/St_Johns", LC_ALL="POSIX", PYTHONHASHSEED="4242", PYTHONUTF8="0"),
    }
    assert len(answers) == 1


def test_the_oci_manifest_is_that_of_a_model_pack() -> None:
    image = json.loads(sealed().manifest)
    assert image["schemaVersion"] == 2
    assert image["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert image["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert image["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    assert [(layer["mediaType"], layer["annotations"]["org.cncf.model.filepath"]) for layer in image["layers"]] == [
        ("application/vnd.cncf.model.weight.config.v1.raw", "holdall.json"),
        ("application/vnd.cncf.model.doc.v1.raw", "README.md"),
        ("application/vnd.cncf.model.weight.v1.raw", "model/model.onnx"),
    ]
    for layer in image["layers"]:
        assert layer["annotations"]["org.opencontainers.image.title"] == layer["annotations"]["org.cncf.model.filepath"]
    assert image["annotations"] == {
        "org.opencontainers.image.title": "team/tiny",
        "org.opencontainers.image.version": "1.0.0",
        "dev.holdall.format": "0",
        "dev.holdall.fingerprint": manifest().fingerprint(),
    }


TEXT = {"type": "string"}
CONFIG_RULES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["descriptor", "config", "modelfs"],
    "properties": {
        "descriptor": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"name": {**TEXT, "minLength": 1}, "version": TEXT, "title": TEXT, "description": TEXT},
        },
        "config": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"architecture": TEXT, "format": TEXT, "precision": TEXT, "quantization": TEXT},
        },
        "modelfs": {
            "type": "object",
            "additionalProperties": False,
            "required": ["type", "diffIds"],
            "properties": {"type": {"const": "layers"}, "diffIds": {"type": "array", "items": TEXT, "minItems": 1}},
        },
    },
}


@pytest.mark.parametrize(
    "files", [FILES, {"notes.md": b"no model"}, {}], ids=["a model", "no file of the model", "no file"]
)
def test_the_config_keeps_the_rules_of_model_pack_and_no_time(files: dict[str, bytes]) -> None:
    package = sealed(files)
    config = json.loads(package.config)
    jsonschema.validate(config, CONFIG_RULES)
    assert config["descriptor"] == {"name": "team/tiny", "version": "1.0.0"}
    assert config["config"] == {"format": "onnx"}
    assert config["modelfs"]["diffIds"] == [layer.digest for layer in package.layers]


def test_a_layer_has_the_digest_of_its_file() -> None:
    package = sealed()
    assert {layer.path: layer.digest for layer in package.layers[1:]} == {
        path: digests.of(data) for path, data in FILES.items()
    }
    assert package.blobs[package.layers[0].digest] == manifests.encode(manifest())


def test_the_package_manifest_comes_last_and_everything_it_names_before() -> None:
    package = sealed()
    assert list(package.blobs)[-1] == package.digest
    image = oci.decode_manifest(package.manifest, "it")
    assert {part.digest for part in (image.config, *image.layers)} == set(list(package.blobs)[:-1])


def test_files_with_the_same_bytes_share_a_blob() -> None:
    files = {"a.bin": b"same", "b.bin": b"same"}
    package = seal(manifest(files), files)
    assert len(package.blobs) == 4
    content = stored(package)
    assert content.read("a.bin") == content.read("b.bin") == b"same"
    assert content.verify() == ()


@pytest.mark.parametrize(
    "files",
    [
        {"README.md": FILES["README.md"]},
        {**FILES, "extra.txt": b"?"},
        {**FILES, "README.md": b"# Tiny\n"},
        {**FILES, "README.md": b"# tiny\n\n"},
    ],
    ids=["one fewer", "one more", "another of the same size", "a longer one"],
)
def test_a_manifest_of_other_files_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="the manifest says"):
        seal(manifest(), files)


@pytest.mark.parametrize(
    "paths",
    [
        ["../up"],
        ["/etc/passwd"],
        ["a//b"],
        ["a/./b"],
        ["a\\b"],
        ["nul\x00"],
        ["wörter"],
        [""],
        ["holdall.json"],
        ["Holdall.JSON"],
        ["holdall.json/x"],
        ["a", "A"],
        ["a", "a/b"],
        ["a/B/c", "A/b"],
        ["x" * 241],
    ],
    ids=repr,
)
def test_paths_that_could_not_lie_beside_each_other_everywhere_are_refused(paths: list[str]) -> None:
    files = dict.fromkeys(paths, b"x")
    with pytest.raises(ValueError, match=r"plain relative path|one name where case|is a file and the folder"):
        seal(manifest(files), files)


@pytest.mark.parametrize(
    "changes",
    [
        {"release": Release(name="Not A Name", version="1.0.0")},
        {"release": Release(name="tiny", version="one")},
        {"release": Release(name="tiny", version="1.0.0", metrics={"auc": float("nan")})},
        {"release": Release(name="tiny", version="1.0.0", metrics={"auc": 1})},
        {"format": 1},
        {"steps": manifest().steps},
    ],
    ids=["name", "version", "nan", "a whole number for a float", "format", "a step without its file"],
)
def test_a_manifest_that_no_reader_would_take_is_not_sealed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        seal(manifest({}, **changes), {})


def test_a_role_that_model_pack_does_not_know_is_refused() -> None:
    files = {"a": b"x"}
    unknown = File(path="a", digest=digests.of(b"x"), size=1, role="secret")
    with pytest.raises(ValueError, match="roles"):
        seal(msgspec.structs.replace(manifest(files), files=(unknown,)), files)


def test_a_package_larger_than_its_readers_bounds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oci, "LARGEST_BLOB", 10)
    with pytest.raises(UsageError) as caught:
        sealed()
    assert caught.value.facts["path"] == "model/model.onnx"
    assert caught.value.facts["limit"] == 10


def test_attaching_something_leaves_the_package_as_it_is_and_is_pure() -> None:
    package = sealed()
    before = dict(package.blobs)
    first, second = attached(package), attached(package)
    assert first == second
    assert package.blobs == before
    image = json.loads(first.manifest)
    assert image["subject"] == {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": package.digest,
        "size": len(package.manifest),
    }
    assert image["artifactType"] == media.PARITY
    assert image["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "size": 2,
    }
    assert [layer["digest"] for layer in image["layers"]] == [digests.of(b'{"rows":3}')]
    assert image["annotations"] == {"note": "measured"}


def test_every_json_of_a_package_is_spelled_canonically() -> None:
    package = sealed()
    for data in (package.manifest, package.config, package.blobs[package.layers[0].digest], attached(package).manifest):
        assert canonical.encode(canonical.decode(data, "it")) == data


def test_a_referrer_without_annotations_has_none() -> None:
    image = json.loads(refer(sealed().descriptor, media.RECEIPT, b"x", "text/plain").manifest)
    assert "annotations" not in image
