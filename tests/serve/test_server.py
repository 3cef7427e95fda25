"""The server as a client meets it: a real process, a real socket."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import holdall

JSON = {"content-type": "application/json"}


def frame(rows: int = 40) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame({"age": random.normal(40, 9, rows), "pay": random.normal(size=rows)})


def start(*arguments: str, home: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "holdall", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOLDALL_HOME": home},
    )
    assert process.stdout is not None
    event = json.loads(process.stdout.readline())
    assert event["event"] == "ready"
    return process, int(event["url"].rpartition(":")[2])


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    code = process.wait(15)
    process.stdout.close()
    return code


def ask(
    port: int,
    path: str,
    body: bytes | str | None = None,
    headers: dict[str, str] | None = None,
    method: str | None = None,
) -> tuple[int, Any, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method or ("GET" if body is None else "POST"), path, body, headers or (JSON if body else {}))
    response = connection.getresponse()
    data = response.read()
    given = {name.lower(): value for name, value in response.getheaders()}
    connection.close()
    return response.status, json.loads(data) if data and "json" in given["content-type"] else data, given


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def model(home: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", home)
        table = frame()
        for cut in (40.0, 45.0):
            fitted = LogisticRegression().fit(table, (table["age"] > cut).astype(int))
            holdall.pack(fitted, name="churn", sample=table)
        holdall.promote("churn:1.0.0", "production")
        return holdall.load("churn:1.0.0")


@pytest.fixture(scope="module")
def port(model: Any, home: str) -> Iterator[int]:
    process, port = start("churn:1.0.0", home=home)
    yield port
    assert stop(process) == 0


def test_answers_are_those_of_the_loaded_model_whatever_the_body(port: int, model: Any) -> None:
    table = frame(7)
    records = table.to_dict("records")
    expected = model.predict(records)
    bodies: list[tuple[bytes | str, str]] = [
        (json.dumps(records), "application/json"),
        (json.dumps({"rows": records, "id": "mine"}), "application/json; charset=utf-8"),
        (table.to_csv(index=False), "text/csv"),
    ]
    for body, kind in bodies:
        status, answer, _ = ask(port, "/predict", body, {"content-type": kind})
        assert status == 200
        assert answer["version"] == "1.0.0"
        for found, wanted in zip(answer["predictions"], expected, strict=True):
            assert found == pytest.approx(wanted)


def test_requests_at_once_each_get_their_own_rows(port: int, model: Any) -> None:
    records = frame(300).to_dict("records")
    expected = [model.predict([record])[0] for record in records]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda record: ask(port, "/predict", json.dumps(record)), records))
    for (status, answer, _), wanted in zip(answers, expected, strict=True):
        assert status == 200
        assert answer["predictions"][0] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("body", "kind", "status", "path"),
    [
        ("[", "application/json", 400, None),
        ("[" * 100_000, "application/json", 400, None),
        ("NaN", "application/json", 400, None),
        ("3", "application/json", 422, None),
        ('[{"age": 1, "pay": 2}, {"age": "x", "pay": 2}]', "application/json", 422, "rows[1].age"),
        ('{"rows": [{"age": 1, "pay": 2}], "id": 3}', "application/json", 422, "id"),
        ("[" + ",".join(['{"age":1,"pay":2}'] * 10_001) + "]", "application/json", 413, None),
        ("{}", "text/plain", 415, None),
        ("x", "application/vnd.apache.arrow.stream", 400, None),
    ],
)
def test_what_is_wrong_with_a_body_is_told(port: int, body: str, kind: str, status: int, path: str | None) -> None:
    found, answer, _ = ask(port, "/predict", body, {"content-type": kind})
    assert found == status
    assert answer["error"]["message"]
    assert path is None or answer["error"]["path"] == path


def test_a_body_that_is_too_large_is_refused_by_its_length(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 413")


def test_requests_sent_ahead_are_answered_in_order(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(
            b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500
            + b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        data = b""
        while part := client.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200 OK") == 500
    assert data.rindex(b"HTTP/1.1 404") > data.rindex(b"HTTP/1.1 200")


def test_a_host_name_that_is_not_ours_is_refused(port: int) -> None:
    assert ask(port, "/health/live", headers={"host": "evil.test"})[0] == 421


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/assets/try.js", "/metrics", "/openapi.json", "/models", "/health/ready"]
)
def test_what_can_be_read_is_there(port: int, path: str) -> None:
    status, data, _ = ask(port, path)
    assert status == 200
    assert data
    assert ask(port, path, method="HEAD")[0] == 200
    assert ask(port, path, "{}")[0] == 405


def test_a_moved_alias_is_followed(model: Any, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_HOME", home)
    process, port = start("churn@production", home=home)
    try:
        body = json.dumps(frame(1).to_dict("records"))
        assert ask(port, "/predict", body)[1]["version"] == "1.0.0"
        holdall.promote("churn:1.0.1", "production")
        seen = {ask(port, "/predict", body)[1]["version"]}
        for _ in range(2000):
            seen.add(ask(port, "/predict", body)[1]["version"])
            if "1.0.1" in seen:
                break
            signal.sigtimedwait([], 0.01)
        assert "1.0.1" in seen
    finally:
        assert stop(process) == 0


def test_workers_share_a_port_and_ask_for_a_token(model: Any, home: str, tmp_path: Any) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-some-length\n")
    process, port = start("churn", "--workers", "2", "--token-file", str(tokens), home=home)
    try:
        assert ask(port, "/models")[0] == 401
        assert ask(port, "/health/ready")[0] == 200
        assert ask(port, "/models", headers={"authorization": "Bearer a-token-of-some-length"})[0] == 200
    finally:
        assert stop(process) == 0
