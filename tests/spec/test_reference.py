"""The grammar of references: what is one, what is not, and that text and value say the same."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdall.errors import InvalidName, InvalidReference, InvalidVersion, UsageError
from holdall.spec.digest import Digest
from holdall.spec.reference import (
    PackageReference,
    PathReference,
    RemoteReference,
    Version,
    check_alias,
    check_name,
    parse,
    parse_package,
)

HEX = "0123456789abcdef"
components = st.from_regex(r"[a-z0-9]{1,6}([._-][a-z0-9]{1,6}){0,2}", fullmatch=True)
names = st.lists(components, min_size=1, max_size=3).map("/".join)
aliases = st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True).filter(lambda alias: alias != "sha256")
digests = st.text(HEX, min_size=64, max_size=64).map(lambda digits: Digest(f"sha256:{digits}"))
numbers = st.integers(0, 10**6)
identifiers = st.integers(0, 999).map(str) | st.from_regex(r"[0-9]{0,2}[a-zA-Z-][0-9a-zA-Z-]{0,4}", fullmatch=True)
versions = st.builds(Version, numbers, numbers, numbers, st.lists(identifiers, max_size=3).map(tuple))
package_references = st.one_of(
    st.builds(PackageReference, names),
    st.builds(PackageReference, names, version=versions.map(str)),
    st.builds(PackageReference, names, alias=aliases),
    st.builds(PackageReference, names, digest=digests),
)
hosts = st.sampled_from(["registry.example", "localhost:5000", "127.0.0.1:80", "[::1]:5000", "a-b.example:1"])
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
remote_references = st.one_of(
    st.builds(RemoteReference, st.sampled_from(["oci", "holdall"]), hosts, names, tag=st.none() | tags),
    st.builds(RemoteReference, st.sampled_from(["oci", "holdall"]), hosts, names, digest=digests),
    st.builds(RemoteReference, st.just("holdall"), hosts, names, tag=aliases.map("@{}".format)),
)
part = st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=8)
paths = st.builds(
    lambda start, parts: PathReference(Path(start, *parts)),
    st.sampled_from(["/", ".", ".."]),
    st.lists(part, max_size=3),
)


@given(package_references)
def test_a_package_reference_reads_back_as_itself(reference: PackageReference) -> None:
    assert parse(str(reference)) == reference
    assert parse_package(str(reference)) == reference


@given(remote_references)
def test_a_remote_reference_reads_back_as_itself(reference: RemoteReference) -> None:
    assert parse(str(reference)) == reference


@given(paths)
def test_a_path_reference_reads_back_as_itself(reference: PathReference) -> None:
    assert parse(str(reference)) == reference


@given(st.text(max_size=200) | st.text("ab:@/.-~ +sha256\n\x00\\%0é⁄", max_size=40))
def test_any_text_is_a_reference_or_a_usage_error(text: str) -> None:
    try:
        reference = parse(text)
    except UsageError:
        return
    assert parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("churn", PackageReference("churn")),
        ("team/churn:1.3.0", PackageReference("team/churn", version="1.3.0")),
        ("churn@production", PackageReference("churn", alias="production")),
        ("churn@sha256-like", PackageReference("churn", alias="sha256-like")),
        ("./churn", PathReference(Path("churn"))),
        ("../churn", PathReference(Path("../churn"))),
        ("./oci://host/churn", PathReference(Path("oci:/host/churn"))),
        ("./~", PathReference(Path("./~"))),
        ("/models/churn.holdall", PathReference(Path("/models/churn.holdall"))),
        ("oci://host:5000/a/b:v1", RemoteReference("oci", "host:5000", "a/b", "v1")),
        ("holdall://host/churn@production", RemoteReference("holdall", "host", "churn", "@production")),
    ],
)
def test_each_form_of_the_grammar(text: str, reference: object) -> None:
    assert parse(text) == reference


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", InvalidReference),
        ("churn\x00", InvalidReference),
        ("churn@", InvalidName),
        ("churn@sha256", InvalidName),
        ("churn@sha256:abc", InvalidReference),
        ("churn@sha256:" + "A" * 64, InvalidReference),
        ("churn@sha256:" + "../" * 21 + "a", InvalidReference),
        ("churn@Production", InvalidName),
        ("churn@a@b", InvalidName),
        ("churn:", InvalidVersion),
        ("churn:latest", InvalidVersion),
        ("churn:1.0", InvalidVersion),
        ("churn:1.0.0+build", InvalidVersion),
        ("churn:1.0.0\n", InvalidVersion),
        ("churn:١.0.0", InvalidVersion),
        ("churn:1.0.0@production", InvalidName),
        ("Churn", InvalidName),
        ("churn\n", InvalidName),
        ("chürn", InvalidName),
        ("a//b", InvalidName),
        ("a/../b", InvalidName),
        ("..", None),
        ("a\\b", InvalidName),
        ("-churn", InvalidName),
        ("churn-", InvalidName),
        ("a..b", InvalidName),
        ("churn%2e%2e", InvalidName),
        ("x" * 129, InvalidName),
        ("missing.HOLDALL", InvalidName),
        ("file:///etc/passwd", InvalidReference),
        ("oci://", InvalidReference),
        ("oci:///churn", InvalidReference),
        ("oci://user@host/churn", InvalidReference),
        ("oci://host/churn@production", InvalidReference),
        ("oci://host/../churn", InvalidName),
        ("oci://host:port/churn", InvalidReference),
        ("~nobody-of-that-name/churn", InvalidReference),
    ],
)
def test_hostile_and_mistaken_text_is_refused_by_name(text: str, error: type[Exception] | None) -> None:
    if error is None:
        assert isinstance(parse(text), PathReference)
        return
    with pytest.raises(error):
        parse(text)


def test_a_folder_or_file_named_like_a_package_never_hijacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "churn").mkdir()
    (tmp_path / "fraud").touch()
    (tmp_path / "folder.holdall").mkdir()
    assert parse("churn") == PackageReference("churn")
    assert parse("fraud") == PackageReference("fraud")
    assert parse("folder.holdall") == PackageReference("folder.holdall")


def test_a_regular_file_ending_in_holdall_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "churn-1.0.0.holdall").touch()
    reference = parse("churn-1.0.0.holdall")
    assert reference == PathReference(Path("churn-1.0.0.holdall"))
    assert parse(str(reference)) == reference


@given(names)
def test_what_reads_as_a_name_is_one(name: str) -> None:
    assume(len(name) <= 128)
    assert check_name(name) == name


def test_an_alias_has_at_most_63_characters() -> None:
    assert check_alias("a" * 63)
    with pytest.raises(InvalidName):
        check_alias("a" * 64)


class TestVersion:
    @given(versions)
    def test_a_version_reads_back_as_itself(self, version: Version) -> None:
        assert Version.parse(str(version)) == version

    def test_precedence_is_as_semver_section_11_orders_it(self) -> None:
        ordered = [
            "0.0.1",
            "0.9.9",
            "1.0.0-0",
            "1.0.0-2",
            "1.0.0-11",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "2.0.0",
            "2.1.0",
            "2.1.1",
            "2.1.2",
            "2.1.10",
            "2.10.0",
            "10.0.0",
        ]
        for lower, higher in itertools.combinations(map(Version.parse, ordered), 2):
            assert lower < higher
            assert not higher < lower

    @given(versions, versions, versions)
    def test_precedence_is_a_total_order(self, a: Version, b: Version, c: Version) -> None:
        assert (a < b) + (b < a) + (a == b) == 1
        if a < b < c:
            assert a < c

    @pytest.mark.parametrize(
        "text",
        [
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "1.02.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3-é",
            "v1.2.3",
            " 1.2.3",
            "-1.2.3",
        ],
    )
    def test_what_semver_refuses_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidVersion):
            Version.parse(text)

    @pytest.mark.parametrize(
        "text", ["1.2.3-0a", "1.2.3--", "1.2.3-0-0", "1.0.0-x-y-z.4", "0.0.0", "1.2.3-" + "9" * 100]
    )
    def test_what_semver_allows_is_allowed(self, text: str) -> None:
        assert str(Version.parse(text)) == text

    @given(versions)
    def test_the_next_patch_is_higher_and_a_release(self, version: Version) -> None:
        following = version.next_patch()
        assert version < following
        assert following.pre == ()

    def test_a_very_long_version_is_refused_without_being_repeated_in_full(self) -> None:
        with pytest.raises(InvalidVersion) as caught:
            Version.parse("1." + "9" * 10**6 + ".0")
        assert len(str(caught.value)) < 200
