"""The API against its own description: whatever is sent, the answer is as described, and never a 500.

Few requests each by default; ``--hypothesis-profile=long`` sends up to 60 to each operation.
"""

import itertools

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from server_client import running, send

from spondyl.inference import load_pipeline
from spondyl.result import Result
from spondyl.server.recording import summary
from spondyl.server.worker import process

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

ENDLESS = "/api/events"
WAITING = "/infer/{model}"
"""Answers once a scan is worked on, which nobody does here: it is asked about the one that is done."""
CONFORMANCE = ("status_code", "content_type", "response_schema")
QUIET = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def working(tmp_path_factory, reader_model, scan):
    """A server without a worker, so that nothing it is sent costs time; one case is done."""
    with running(tmp_path_factory.mktemp("api"), work=False) as client:
        case, here = send(client, scan).json()["id"], client.context
        here.store.claim()
        process(here.data.case(case), "patient", load_pipeline(reader_model), here.settings, lambda *_: None)
        result = Result.read(here.data.case(case).result / "result.json")
        here.store.move(case, ["running"], "done", progress=1.0, **summary(result))
        client.done = case
        yield client


def test_no_request_breaks_the_server(working):
    """Every other request is about a real case, so that more than 404 is seen."""
    schema = schemathesis.openapi.from_url(f"{working.base_url}/openapi.json").exclude(path=ENDLESS)
    checks = [
        schemathesis.checks.not_a_server_error,
        *(schemathesis.checks.CHECKS.get_one(f"{what}_conformance") for what in CONFORMANCE),
    ]
    turns = itertools.count()
    seen = set()

    def ask(case):
        if "case" in (case.path_parameters or {}) and case.method != "DELETE" and next(turns) % 2:
            case.path_parameters = {**case.path_parameters, "case": working.done}
        if case.path == WAITING:
            case.query = {**(case.query or {}), "session_id": working.done}
        answer = case.call_and_validate(checks=checks, timeout=60)
        seen.add(answer.status_code)

    some = settings(max_examples=settings().max_examples // 20, **QUIET)
    for operation in schema.get_all_operations():
        given(case=operation.ok().as_strategy())(some(lambda case: ask(case)))()  # noqa: PLW0108 - one each
    assert {200, 404, 409, 422} <= seen


def test_every_route_says_what_it_does(working):
    paths = working.get("/openapi.json").json()["paths"]
    assert ENDLESS in paths
    for path, methods in paths.items():
        for method, route in methods.items():
            assert route["description"], (method, path)
            assert any(code.startswith("2") for code in route["responses"]), (method, path)
