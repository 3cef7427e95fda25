"""More requests than the model can answer: answers and clean refusals, nothing else, and nothing to catch up on afterwards."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter

from holdall.serve.limits import Limits
from tests.serve.conftest import STUCK
from tests.serve.serving import JSON, read_answer, request_of, serving

BODY = b'[{"age":41,"pay":1.5}]'


def test_too_many_requests_get_answers_or_clean_refusals_and_leave_no_queue(home: str) -> None:
    found: Counter[int] = Counter()
    broken: list[str] = []
    lock = threading.Lock()
    # A request costs 20 ms, and they may not share a run: 50 a second are answered, of the several hundred that are sent.
    with serving(["slow"], Limits(batch=1, patience_of_few=0.3)) as server:
        until = time.monotonic() + 3

        def client() -> None:
            with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
                while time.monotonic() < until:
                    connection.sendall(request_of(BODY))
                    status, body = read_answer(connection)
                    with lock:
                        found[status] += 1
                        if status == 503 and b'"overloaded"' not in body:
                            broken.append(body.decode())
                    time.sleep(0.1)

        clients = [threading.Thread(target=client) for _ in range(100)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        began = time.monotonic()
        status, answer, _ = server.ask("/predict", BODY)
        took = time.monotonic() - began
        figures = next(iter(server.plane.figures.values()))
        assert (figures.shed, figures.answers[503]) == (found[503], found[503])
        assert figures.answers[200] == found[200] + 1
        assert not server.routes.snapshot().others
    assert found.keys() == {200, 503}
    assert not broken
    assert found[200] > 20
    assert (status, len(answer["predictions"])) == (200, 1)
    assert took < 1


def test_a_refusal_says_when_to_come_back_and_comes_before_the_body(home: str) -> None:
    with serving(["slow"], Limits(queue=1)) as server:
        with socket.create_connection(("127.0.0.1", server.port), 20) as first:
            first.sendall(request_of(BODY))
            with socket.create_connection(("127.0.0.1", server.port), 20) as second:
                second.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n")
                head = second.recv(4096)
            assert read_answer(first)[0] == 200
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in head
        status, text, _ = server.ask("/metrics")
        assert status == 200
        assert [line.rpartition(" ")[2] for line in text.decode().splitlines() if line.startswith("holdall_shed")] == [
            "1"
        ]


def test_requests_whose_clients_left_are_not_scored(home: str) -> None:
    with serving(["slow"], Limits(batch=1)) as server:
        clients = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(40)]
        for client in clients:
            client.sendall(request_of(BODY))
        time.sleep(0.05)
        for client in clients:
            client.close()
        time.sleep(0.2)
        began = time.monotonic()
        assert server.ask("/predict", BODY)[0] == 200
        assert time.monotonic() - began < 0.5
        assert next(iter(server.plane.figures.values())).runs < 30


def test_a_function_that_does_not_come_back_is_told_as_503_with_when_to_try_again_and_is_not_shedding(
    home: str,
) -> None:
    with serving(["slow"], Limits(functions=0.5)) as server:
        status, answer, headers = server.ask("/predict", json.dumps([{"age": STUCK, "pay": 1.0}]), JSON)
        assert (status, answer["error"]["code"], headers["retry-after"]) == (503, "worker_too_slow", "1")
        assert server.plane.models["slow"].figures.shed == 0
