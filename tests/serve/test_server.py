"""The server as a client meets it: a real process, a real socket."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import holdall
from tests.serve.conftest import frame
from tests.serve.serving import JSON, ask

EVERYWHERE = "0.0.0.0"  # noqa: S104 — what is tested is who is let in there


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


@pytest.fixture(scope="module")
def home(store: Path) -> str:
    return str(store)


@pytest.fixture(scope="module")
def model(home: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", home)
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


def arrow(table: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    whole = pa.Table.from_pandas(table, preserve_index=False)
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=3)
    return sink.getvalue()


@pytest.mark.parametrize("rows", [1, 7, 64, 65, 500])
def test_all_kinds_of_body_get_the_same_answer_however_many_rows(port: int, model: Any, rows: int) -> None:
    table = frame(rows)
    records = table.to_dict("records")
    bodies: list[tuple[bytes | str, str]] = [
        (json.dumps(records), "application/json"),
        (json.dumps([{**record, "more": 1} for record in records]), "application/json"),
        (table.to_csv(index=False), "text/csv"),
        (arrow(table), "application/vnd.apache.arrow.stream"),
    ]
    answers = []
    for body, kind in bodies:
        status, answer, _ = ask(port, "/predict", body, {"content-type": kind})
        assert status == 200
        answers.append(answer["predictions"])
    assert answers[1:] == answers[:-1], "to the last bit"
    expected = model.predict(table).to_dict("records")
    assert [pytest.approx(wanted) for wanted in expected] == answers[0]
    single = [ask(port, "/predict", json.dumps(record))[1]["predictions"][0] for record in records[:3]]
    assert [pytest.approx(one) for one in single] == answers[0][:3]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_compressed_arrow_stream_is_not_unfolded(port: int, compression: str) -> None:
    sink = io.BytesIO()
    table = pa.table({"age": np.zeros(1000), "pay": np.zeros(1000)})
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    status, answer, _ = ask(port, "/predict", sink.getvalue(), {"content-type": "application/vnd.apache.arrow.stream"})
    assert (status, "compressed" in answer["error"]["message"]) == (400, True)


def test_no_damage_to_an_arrow_stream_ends_in_a_500(port: int) -> None:
    whole = arrow(frame(5))
    random = np.random.default_rng(1)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(300):
        body = bytearray(whole[: random.integers(1, len(whole) + 1)])
        for place in random.integers(0, len(body), random.integers(0, 4)):
            body[place] = random.integers(0, 256)
        connection.request("POST", "/predict", bytes(body), {"content-type": "application/vnd.apache.arrow.stream"})
        response = connection.getresponse()
        assert response.status in (200, 400, 413, 422), response.read()
        response.read()
    connection.close()


def test_several_models_are_told_apart_by_id(model: Any, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_HOME", home)
    process, port = start("churn:1.0.0", "next=churn:1.0.1", "team/rent", "centred", home=home)
    try:
        table = frame(20)
        records = table.to_dict("records")
        assert ask(port, "/predict", json.dumps(records))[0] == 404
        assert [entry["id"] for entry in ask(port, "/models")[1]["models"]] == ["churn", "next", "rent", "centred"]
        for name, reference in {
            "churn": "churn:1.0.0",
            "next": "churn:1.0.1",
            "rent": "team/rent",
            "centred": "centred",
        }.items():
            status, answer, _ = ask(port, f"/models/{name}/predict", json.dumps(records))
            assert (status, answer["model"]) == (200, reference.partition(":")[0])
            expected = holdall.load(reference, trust="code").predict(table).to_dict("records")
            assert answer["predictions"] == [pytest.approx(row) for row in expected]
        assert ask(port, "/models/other/predict", "[]")[0] == 404
        assert ask(port, "/models/next")[1]["version"] == "1.0.1"
    finally:
        assert stop(process) == 0


def test_rows_that_depend_on_each_other_are_answered_by_request(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_HOME", home)
    loaded = holdall.load("centred", trust="code")
    assert not loaded.manifest.row_wise
    tables = [frame(40)[at : at + 4] for at in range(0, 40, 4)]
    expected = [loaded.predict(table).to_dict("records") for table in tables]
    process, port = start("centred", home=home)
    try:
        with ThreadPoolExecutor(10) as pool:
            bodies = [json.dumps(table.to_dict("records")) for table in tables] * 5
            answers = list(pool.map(lambda body: ask(port, "/predict", body)[1]["predictions"], bodies))
    finally:
        assert stop(process) == 0
    for answer, wanted in zip(answers, expected * 5, strict=True):
        assert answer == [pytest.approx(row) for row in wanted]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_moved_alias_is_followed_and_no_request_fails(
    model: Any, home: str, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("HOLDALL_HOME", home)
    alias = f"live-{workers}"
    holdall.promote("churn:1.0.0", alias)
    process, port = start(f"churn@{alias}", "--workers", workers, home=home)
    statuses: Counter[int] = Counter()
    seen: set[str] = set()
    done = threading.Event()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        body = json.dumps(frame(1).to_dict("records"))
        while not done.is_set():
            connection.request("POST", "/predict", body, JSON)
            response = connection.getresponse()
            answer = json.loads(response.read())
            statuses[response.status] += 1
            seen.add(answer.get("version"))
            time.sleep(0.002)
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(8)]
    try:
        for thread in clients:
            thread.start()
        for version in ("1.0.1", "1.0.0", "1.0.1"):
            time.sleep(0.3)
            holdall.promote(f"churn:{version}", alias)
            until = time.monotonic() + 15
            while time.monotonic() < until:
                answers = {ask(port, "/models")[1]["models"][0]["version"] for _ in range(6)}
                if answers == {version}:
                    break
                time.sleep(0.05)
            assert answers == {version}
        time.sleep(1.3)
        text = ask(port, "/metrics")[1].decode()
    finally:
        done.set()
        for thread in clients:
            thread.join()
        assert stop(process) == 0
    assert statuses.keys() == {200}
    assert seen == {"1.0.0", "1.0.1"}
    counted = {
        line.split('version="')[1].split('"')[0]: int(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("holdall_requests_total")
    }
    assert counted.keys() == {"1.0.0", "1.0.1"}, "what was replaced is still counted"
    assert min(counted.values()) > 0
    assert sum(counted.values()) <= statuses[200]


def children(process: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if int(parent) == process and state != "Z":
                    found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
def test_a_worker_that_dies_is_replaced_and_the_others_go_on(model: Any, home: str) -> None:
    process, port = start("churn:1.0.0", "--workers", "2", home=home)
    body = json.dumps(frame(1).to_dict("records"))
    try:
        first, other = children(process.pid)
        os.kill(first, signal.SIGKILL)
        for _ in range(20):
            assert ask(port, "/predict", body)[0] == 200
        until = time.monotonic() + 20
        # What was killed is there for a moment longer, while the system takes its memory back.
        while (len(now := children(process.pid)) < 2 or first in now) and time.monotonic() < until:
            time.sleep(0.05)
        assert len(now) == 2
        assert other in now
        assert first not in now
        assert ask(port, "/predict", body)[0] == 200
    finally:
        assert stop(process) == 0
    assert not [entry for entry in now if Path(f"/proc/{entry}").exists()]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
def test_workers_end_with_their_parent(model: Any, home: str) -> None:
    process, _ = start("churn:1.0.0", "--workers", "2", home=home)
    workers = children(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()  # type: ignore[union-attr] # it is a pipe
    until = time.monotonic() + 15
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def refused(home: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "holdall", "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HOLDALL_HOME": home},
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["churn", "--host", EVERYWHERE], 2, "--no-auth"),
        (["churn", "--host", "::"], 2, "--token-file"),
        (["churn", "--host", "model.test"], 2, "--no-auth"),
        (["churn", "--token-file", "nowhere"], 2, "nowhere"),
        (["churn", "--token-file", "nowhere", "--no-auth"], 2, "exclude"),
        (["churn", "other=team/churn", "churn:1.0.0"], 2, "id"),
        (["nothing"], 3, "nothing"),
        (["churn", "--host", "192.0.2.1", "--no-auth"], 2, "cannot listen"),
    ],
)
def test_what_cannot_be_served_is_told_in_words(
    model: Any, home: str, arguments: list[str], code: int, words: str
) -> None:
    found, said = refused(home, *arguments)
    assert found == code, said
    assert words in said
    assert "Traceback" not in said


def test_a_token_of_few_characters_is_none(model: Any, home: str, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("short\n")
    found, said = refused(home, "churn", "--token-file", str(tmp_path / "tokens"))
    assert (found, "16 characters" in said) == (2, True)


def test_beyond_loopback_a_token_is_asked_for_unless_told_otherwise(model: Any, home: str, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("a-token-of-some-length\nanother-token-of-some-length\n")
    body = json.dumps(frame(1).to_dict("records"))
    process, port = start("churn", "--host", EVERYWHERE, "--token-file", str(tmp_path / "tokens"), home=home)
    try:
        for given, status in {
            "": 401,
            "Bearer wrong": 401,
            "Basic a-token-of-some-length": 401,
            "Bearer a-token-of-some-length": 200,
            "bearer another-token-of-some-length": 200,
        }.items():
            assert ask(port, "/predict", body, {**JSON, "authorization": given})[0] == status
        assert ask(port, "/metrics")[0] == 401
        assert ask(port, "/health/live")[0] == 200
    finally:
        assert stop(process) == 0
    process, port = start("churn", "--host", EVERYWHERE, "--no-auth", "--allow-host", "model.test", home=home)
    try:
        for host, status in {
            "model.test": 200,
            "MODEL.test:80": 200,
            "127.0.0.1": 200,
            "[::1]:8080": 200,
            "localhost.": 200,
            "evil.test": 421,
            "model.test.evil.test": 421,
            "[::1]evil": 421,
            "": 421,
        }.items():
            assert ask(port, "/predict", body, {**JSON, "host": host})[0] == status, host
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
