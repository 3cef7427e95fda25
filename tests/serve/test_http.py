"""Connections: slow ones are closed, odd ones told so, and what is in flight when the server stops is answered."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time

import pytest

from holdall.serve.limits import Limits
from tests.serve.serving import Running, read_all, read_answer, request_of, serving

BODY = b'[{"age":41,"pay":1.5}]'
SHORT = Limits(sending=0.5, idle=0.5)


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 20)


def closes_after(client: socket.socket) -> float:
    began = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(65536) == b""
    return time.monotonic() - began


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST /predict HT",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\n",
        request_of(BODY)[:-4],
        request_of(BODY, more="Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 22\r\n", b"")[:-22]
        + b"5\r\n[{",
    ],
    ids=["nothing", "a line", "a head", "a body", "a chunk"],
)
def test_who_sends_nothing_or_never_ends_is_let_go(home: str, begun: bytes) -> None:
    with serving(["churn"], SHORT) as server, connect(server) as client:
        client.sendall(begun)
        assert 0.3 < closes_after(client) < 4
        assert server.ask("/health/live")[0] == 200


def test_a_connection_that_drips_is_let_go_however_often_it_says_something(home: str) -> None:
    with serving(["churn"], SHORT) as server, connect(server) as client:
        client.settimeout(0.1)
        began = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in request_of(b" " * 200 + BODY):
                client.sendall(bytes([byte]))
                try:
                    if client.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
        assert time.monotonic() - began < 5


def test_a_connection_in_use_stays(home: str) -> None:
    with serving(["churn"], SHORT) as server, connect(server) as client:
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            client.sendall(request_of(BODY))
            assert read_answer(client)[0] == 200
            time.sleep(0.3)


def test_a_body_may_come_in_pieces_and_in_chunks(home: str) -> None:
    with serving(["churn"]) as server, connect(server) as client:
        whole = request_of(BODY)
        client.sendall(whole)
        status, body = read_answer(client)
        expected = json.loads(body)["predictions"]
        assert status == 200
        for place in range(1, len(whole)):
            client.sendall(whole[:place])
            time.sleep(0.001)
            client.sendall(whole[place:])
            status, body = read_answer(client)
            assert (status, json.loads(body)["predictions"]) == (200, expected)
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n")
        assert json.loads(read_answer(client)[1])["predictions"] == expected


def test_a_head_that_came_before_means_what_it_meant(home: str) -> None:
    """Heads are remembered by their bytes; what follows one in the same packet, or lacks, changes nothing."""
    with serving(["churn"]) as server, connect(server) as client:
        other = BODY.replace(b"41", b"14")
        for _ in range(3):
            client.sendall(request_of(BODY))
            first = json.loads(read_answer(client)[1])["predictions"]
        client.sendall(request_of(other))
        second = json.loads(read_answer(client)[1])["predictions"]
        assert first != second
        client.sendall(request_of(BODY) + request_of(other) + request_of(BODY)[:-3])
        data = b""
        while data.count(b"HTTP/1.1 200") < 2 or not data.endswith(b"}"):
            data += client.recv(65536)
        client.sendall(request_of(BODY)[-3:])
        assert json.loads(read_answer(client)[1])["predictions"] == first
        client.sendall(request_of(BODY, more="Connection: close\r\n") * 2)
        assert read_all(client).count(b"HTTP/1.1 200") == 1


def test_a_head_is_remembered_for_those_who_may_ask_only(home: str) -> None:
    from holdall.serve.access import Access

    with serving(["churn"], access=Access([], [b"a-token-of-some-length"])) as server, connect(server) as client:
        good = request_of(BODY, more="Authorization: Bearer a-token-of-some-length\r\n")
        for _ in range(3):
            client.sendall(good)
            assert read_answer(client)[0] == 200
        client.sendall(good.replace(b"some", b"same"))
        assert read_answer(client)[0] == 401


def test_a_client_that_ended_its_side_is_answered(home: str) -> None:
    with serving(["churn"]) as server, connect(server) as client:
        client.sendall(request_of(BODY))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    ],
)
def test_what_is_no_request_is_told_so_and_hurts_nobody(home: str, sent: bytes, status: int) -> None:
    with serving(["churn"]) as server, connect(server) as client:
        client.sendall(sent)
        found, body = read_answer(client)
        assert found == status
        assert json.loads(body)["error"]["hint"]
        assert server.ask("/predict", BODY)[0] == 200
        assert not server.events


def test_what_is_in_flight_when_the_server_stops_is_answered(home: str) -> None:
    with serving(["slow"], Limits(batch=1)) as server:
        clients = [connect(server) for _ in range(10)]
        idle = connect(server)
        for client in clients:
            client.sendall(request_of(BODY))
        time.sleep(0.05)
        began = time.monotonic()
        server.stop()
        assert closes_after(idle) < 3
        answers = [read_all(client) for client in clients]
        server.thread.join(10)
        assert not server.thread.is_alive()
        assert time.monotonic() - began < 5
        assert all(data.startswith(b"HTTP/1.1 200") for data in answers)
        # What was answered before the stop was told nothing of it.
        assert sum(b"connection: close" in data for data in answers) > 3
        with pytest.raises(OSError):  # noqa: PT011 — refused or reset, as the system says it
            socket.create_connection(("127.0.0.1", server.port), 1).recv(1)
        for client in (*clients, idle):
            client.close()


def test_a_stopping_server_does_not_wait_for_what_never_ends(home: str) -> None:
    with serving(["churn"], Limits(drain=0.5)) as server, connect(server) as client:
        client.sendall(request_of(BODY)[:-2])
        time.sleep(0.1)
        server.stop()
        server.thread.join(5)
        assert not server.thread.is_alive()


def test_while_it_stops_it_says_that_it_is_not_ready(home: str) -> None:
    with serving(["churn"]) as server:
        assert server.ask("/health/ready")[0] == 200
        server.routes.draining = True
        assert server.ask("/health/ready")[0] == 503
        assert server.ask("/health/live")[0] == 200


def test_hundreds_of_connections_are_held(home: str) -> None:
    with serving(["churn"]) as server:
        clients = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=20) for _ in range(400)]
        for client in clients:
            client.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
        assert {client.getresponse().status for client in clients} == {200}
        for client in clients:
            client.close()
