"""Who is let in, and what every answer carries."""

import pytest
from server_client import running, send

from spondyl.server.security import cookie_name

TOKEN = "a secret of some length"


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    with running(tmp_path_factory.mktemp("locked"), work=False, token=TOKEN) as client:
        yield client


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/api/cases", "/api/info", "/api/events", "/api/training-set"])
def test_nothing_is_told_without_the_token(locked, path):
    answer = locked.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.get(path, headers=bearer("wrong")).status_code == 401
    assert locked.get(path, headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401


def test_the_token_opens(locked):
    assert locked.get("/api/cases", headers=bearer(TOKEN)).json() == []
    assert locked.get("/api/health").json() == {"status": "ok"}
    assert send(locked, ("a.nii", b"x")).status_code == 401


def test_a_page_trades_the_token_for_a_cookie(locked):
    assert locked.post("/api/login", json={"token": "no"}).status_code == 401
    answer = locked.post("/api/login", json={"token": TOKEN})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    try:
        assert locked.get("/api/cases").status_code == 200
        locked.post("/api/logout")
        assert locked.get("/api/cases").status_code == 401
    finally:
        locked.cookies.clear()
    wrong = {"Cookie": f"{cookie_name(TOKEN)}=wrong"}
    assert locked.get("/api/cases", headers=wrong).status_code == 401


def test_two_servers_of_one_machine_keep_their_cookies_apart(locked, tmp_path):
    """Browsers do not tell ports apart."""
    with running(tmp_path, work=False, token=TOKEN[::-1]) as other:
        for server, token in ((locked, TOKEN), (other, TOKEN[::-1])):
            assert other.post(f"{server.base_url}/api/login", json={"token": token}).status_code == 204
        answers = [other.get(f"{server.base_url}/api/cases").status_code for server in (locked, other)]
    assert answers == [200, 200]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another port is another site
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({}, 404),
    ],
)
def test_other_sites_cannot_change_anything(idle, headers, status):
    assert idle.delete(f"/api/cases/{'0' * 32}", headers=headers).status_code == status


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/login", "application/json"),
        ("/auth/token", FORM),
        (f"/api/cases/{'0' * 32}/corrections", "application/json"),
    ],
)
def test_no_request_fills_the_memory(locked, path, kind):
    def endless():
        for _ in range(40):
            yield bytes(1 << 16)

    answer = locked.post(path, content=endless(), headers={**bearer(TOKEN), "Content-Type": kind})
    assert answer.status_code == 413


def test_the_page_itself_can(idle):
    origin = str(idle.base_url).rstrip("/")
    assert idle.delete(f"/api/cases/{'0' * 32}", headers={"Origin": origin}).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("localhost:1234", 200),
        ("[::1]:8000", 200),
        ("192.168.0.7", 200),  # nobody can point an address elsewhere
        ("scans.example.org", 200),
    ],
)
def test_names_pointed_at_this_machine_are_not_heard(tmp_path_factory, host, status):
    from spondyl.server.settings import Settings

    settings = Settings(data="x", allowed_hosts=("Scans.example.org",))
    assert settings.knows_host(host) is (status == 200)


def test_a_wrong_host_is_refused(idle):
    assert idle.get("/api/cases", headers={"Host": "evil.example"}).status_code == 403
    assert idle.get("/", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/", "/api/cases", "/api/nothing", "/docs", "/openapi.json", "/page/main.js"]
)
def test_every_answer_is_guarded(idle, path):
    headers = idle.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "/../conftest.py",
        "/%2e%2e/app.py",
        "/..%2fapp.py",
        "/static/../../app.py",
        f"/api/cases/{'0' * 32}/files/..%2f..%2fcases.sqlite",
        "/api/cases/../../etc/passwd",
    ],
)
def test_no_path_leads_out(idle, path):
    answer = idle.send(idle.build_request("GET", str(idle.base_url).rstrip("/") + path))
    assert answer.status_code in {404, 422}


def test_docs_load_nothing_from_elsewhere(idle):
    page = idle.get("/docs").text
    assert "/api/cases/{case}/corrections" in page
    assert "//" not in page.replace("<!doctype html>", "")
    assert "text/css" in idle.get("/docs.css").headers["content-type"]
