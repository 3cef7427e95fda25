"""The OpenAPI document: what it promises is what the server does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.serve.serving import Running, serving


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(store))
        with serving(["churn"]) as running:
            yield running
            assert not running.events, "something was unexpected"


@pytest.mark.slow
def test_every_request_gets_an_answer_that_was_described(server: Running) -> None:
    """Drawn from the document by schemathesis: statuses, headers and bodies are those described, and none is a 500."""
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    described = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    operations = [result.ok() for result in described.get_all_operations()]
    assert {operation.path for operation in operations} >= {"/predict", "/models/churn/predict", "/models", "/metrics"}
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    for operation, mode in product(operations, modes):
        if mode is schemathesis.GenerationMode.NEGATIVE and not operation.body:
            continue

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            # No schema can say what text is a CSV, or what bytes are an Arrow stream.
            free = case.media_type in ("text/csv", "application/vnd.apache.arrow.stream")
            response = case.call(timeout=10)
            excluded = [positive_data_acceptance] if free else []
            if response.status_code == 413:
                # Too many rows are refused too; the check's own list of refusals does not know 413.
                excluded.append(negative_data_rejection)
            case.validate_response(response, excluded_checks=excluded)

        check()
