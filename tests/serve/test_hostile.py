"""Bodies that want to break the reader: whatever comes, an answer comes back, and it is not a 500."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serve.serving import Running, serving

SUITE = Path(__file__).parents[3] / "shared" / "corpus" / "JSONTestSuite" / "test_parsing"
GOOD = {"age": 41.0, "pay": 1.5}


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(store))
        with serving(["churn"]) as running:
            yield running
            assert running.ask("/predict", json.dumps(GOOD))[0] == 200
            assert not running.events, "something was unexpected"


@pytest.fixture(scope="module")
def connection(server: Running) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    yield made
    made.close()


def status_of(connection: http.client.HTTPConnection, body: bytes, kind: str = "application/json") -> int:
    connection.request("POST", "/predict", body, {"Content-Type": kind})
    response = connection.getresponse()
    data = json.loads(response.read())
    assert ("predictions" in data) == (response.status == 200)
    if response.status != 200:
        assert {"code", "message", "hint"} <= data["error"].keys()
    return response.status


DOCUMENTS = [
    b"",
    b" ",
    b"\x00",
    b"\xef\xbb\xbf[]",
    b"\xff\xfe[\x00]\x00",
    b"[1e999]",
    b"[-1e999]",
    b"[1" + b"0" * 5000 + b"]",
    b'["\\ud800"]',
    b'["\\ud83d\\ude00\xff"]',
    b"[" * 31 + b"]" * 31,
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"[,]",
    b"[1,]",
    b"{'a':1}",
    b'{"a":1,"a":2}',
    b"nul",
    b"NaN",
    b"[-]",
    b"[0x1]",
    b"[01]",
    b'"\t"',
    b'{"rows":{}}',
    b'{"rows":[]}',
    b'{"rows":[1]}',
    b'{"rows":[null]}',
    b'{"rows":null}',
    b"[null]",
    b"[[]]",
    b"true",
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_a_document_is_told_what_is_wrong_with_it(connection: http.client.HTTPConnection, document: bytes) -> None:
    expected = (200,) if document == b'{"rows":[]}' else (400, 422)
    if document == b"\xef\xbb\xbf[]":
        expected = (200,)
    assert status_of(connection, document) in expected


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
@pytest.mark.parametrize("place", ["value", "more", "rows", "id"])
def test_nor_does_it_hurt_within_a_body(connection: http.client.HTTPConnection, document: bytes, place: str) -> None:
    body = {
        "value": b'[{"age":%b,"pay":1}]',
        "more": b'[{"age":1,"pay":1,"more":%b}]',
        "rows": b'{"rows":[%b]}',
        "id": b'{"rows":[{"age":1,"pay":1}],"id":%b}',
    }[place] % document
    assert status_of(connection, body) in (200, 400, 422)


@pytest.mark.skipif(not SUITE.is_dir(), reason="the suite of JSON parsers is not here")
def test_the_suite_of_json_parsers_ends_in_no_500(connection: http.client.HTTPConnection) -> None:
    files = sorted(SUITE.glob("*.json"))
    assert len(files) > 200
    for file in files:
        document = file.read_bytes()
        status = status_of(connection, document)
        assert status in (200, 400, 422), file.name
        if file.name.startswith("n_"):
            assert status == 400, file.name
        if file.name.startswith("y_"):
            assert status in (200, 422), file.name
        for around in (b'[{"age":%b,"pay":1}]', b'[{"age":1,"pay":1,"more":%b}]', b'{"rows":[%b]}'):
            assert status_of(connection, around.replace(b"%b", document)) in (200, 400, 422), file.name


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 60), st.integers(0, 10))
def test_no_damage_to_a_body_ends_in_a_500(
    connection: http.client.HTTPConnection, noise: bytes, place: int, removed: int
) -> None:
    body = json.dumps({"rows": [GOOD, GOOD]}).encode()
    damaged = body[:place] + noise + body[place + removed :]
    for kind in ("application/json", "text/csv", "application/vnd.apache.arrow.stream"):
        assert status_of(connection, damaged, kind) in (200, 400, 413, 422)
