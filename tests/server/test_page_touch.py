"""The page under fingers: no keyboard, no right button. Touches are real ones, sent to the browser itself."""

import re
import time

import pytest
from page_helpers import browser_page, complaints_of, resting
from server_client import send, settled

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def page(working, scan):
    """A tablet held upright, with a scan open: L1, L2 and S1."""
    case = send(working, scan).json()["id"]
    settled(working, case)
    tablet = {"viewport": {"width": 820, "height": 1180}, "has_touch": True, "is_mobile": True}
    with browser_page(**tablet) as page:
        complaints = complaints_of(page, str(working.base_url))
        page.goto(f"{working.base_url}/#/case/{case}")
        expect(page.locator(".vertebrae .name")).to_have_text(["L1", "L2", "S1"])
        expect(page.locator("#loading")).to_be_hidden()
        yield page
        assert complaints == []


@pytest.fixture
def fingers(page):
    """Puts fingers down, moves and lifts them."""
    session = page.context.new_cdp_session(page)

    def touch(*places):
        """All fingers that are down now, as (x, y); none: all are lifted."""
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]
        kind = "touchEnd" if not places else "touchMove" if touch.down == len(places) else "touchStart"
        touch.down = len(places)
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch.down = 0
    yield touch
    session.detach()


@pytest.fixture
def sagittal(page):
    """The sagittal slice alone, framed anew, L2 chosen; gives its middle on the screen."""
    page.locator(".segments label", has_text="Sagittal").tap()
    page.locator(".vertebrae [data-name=L2]").tap()
    for _ in range(2):  # the whole scan, then the spine
        page.get_by_role("button", name="Show the spine, or the whole scan").tap()
    return resting(page.locator("[data-plane=sagittal]"))


def dots(page):
    """Where the centres of L1 and S1 are drawn."""
    return [resting(page.locator("[data-plane=sagittal] .dot").nth(n)) for n in (0, 2)]


def where(page, plane="sagittal"):
    return page.locator(f"[data-plane={plane}] .where").text_content()


def glide(fingers, start, end, steps=8):
    """Fingers from some places to others, and up."""
    for n in range(len(start)):
        fingers(*start[: n + 1])
    for n in range(1, steps + 1):
        part = n / steps
        fingers(
            *[(x + (u - x) * part, y + (v - y) * part) for (x, y), (u, v) in zip(start, end, strict=True)]
        )
        time.sleep(0.03)
    fingers()


def test_pictures_have_room_on_a_tablet(page):
    for plane in ("sagittal", "coronal", "axial", "surface"):
        assert page.locator(f"[data-plane={plane}]").bounding_box()["width"] > 150
    expect(page.locator("#cases")).to_be_hidden()
    page.get_by_role("button", name="Show or hide the list of scans").tap()
    row = page.locator(".case").first
    edges = [row.locator(part).bounding_box() for part in (".sent", ".actions")]
    assert edges[0]["x"] + edges[0]["width"] <= edges[1]["x"]  # beside each other
    page.get_by_role("button", name="Show or hide the list of scans").tap()


def test_two_fingers_apart_zoom_around_their_middle(page, fingers, sagittal):
    x, y = sagittal
    before, at = dots(page), [where(page, plane) for plane in ("coronal", "axial")]
    glide(fingers, [(x - 40, y), (x + 40, y)], [(x - 80, y), (x + 80, y)])
    for (x0, y0), (x1, y1) in zip(before, dots(page), strict=True):
        assert (x1 - x, y1 - y) == pytest.approx((2 * (x0 - x), 2 * (y0 - y)), abs=3)
    assert [where(page, plane) for plane in ("coronal", "axial")] == at  # the crosshair stays


def test_two_fingers_along_pan(page, fingers, sagittal):
    x, y = sagittal
    before = dots(page)
    glide(fingers, [(x - 50, y), (x + 50, y)], [(x - 20, y + 70), (x + 80, y + 70)])
    for (x0, y0), (x1, y1) in zip(before, dots(page), strict=True):
        assert (x1 - x0, y1 - y0) == pytest.approx((30, 70), abs=3)


def test_a_pinch_that_begins_on_a_centre_moves_none(page, fingers, sagittal):
    (x, y), *_ = [resting(page.locator("[data-plane=sagittal] .dot.chosen"))]
    before = dots(page)
    fingers((x, y))
    fingers((x, y + 15))  # it is held
    expect(page.locator(".dot.held")).to_have_count(1)
    glide(fingers, [(x, y + 15), (x, y + 100)], [(x, y + 15), (x, y + 185)])
    assert dots(page)[1][1] - dots(page)[0][1] == pytest.approx(2 * (before[1][1] - before[0][1]), rel=0.1)
    expect(page.locator(".dot.held")).to_have_count(0)
    expect(page.locator("#undo")).to_be_disabled()


def test_a_finger_moves_the_crosshair_and_the_chosen_centre_only(page, fingers, sagittal):
    x, y = sagittal
    name = resting(page.locator("[data-plane=sagittal] .tag").first)
    unchosen, _ = dots(page)
    for begin in ((x + 80, y), name, unchosen):
        at = where(page, "coronal")
        glide(fingers, [begin], [(begin[0] + 60, begin[1] + 60)])
        assert where(page, "coronal") != at, begin
    expect(page.locator("#undo")).to_be_disabled()
    expect(page.locator(".chosen h2")).to_have_text("L2")
    x, y = resting(page.locator("[data-plane=sagittal] .dot.chosen"))
    glide(fingers, [(x, y)], [(x, y + 30)])
    page.locator(".toast", has_text="The centre of L2 was moved").get_by_role("button", name="Undo").tap()
    expect(page.locator("#undo")).to_be_disabled()


def test_slices_are_stepped_through(page, fingers, sagittal):
    def mm():
        return int(re.search(r"\d+", where(page)).group())

    before = mm()
    right = page.locator("[data-plane=sagittal]").get_by_role("button", name="towards the patient's right")
    right.tap()
    assert mm() == before + 1
    x, y = resting(right)
    fingers((x, y))
    time.sleep(1)
    fingers()
    assert mm() > before + 4


def test_two_fingers_zoom_in_3d(page, fingers):
    page.locator(".segments label", has_text="3D").tap()
    x, y = resting(page.locator("[data-plane=surface]"))

    def apart():
        first, last = [resting(page.locator("[data-plane=surface] .tag").nth(n)) for n in (0, 2)]
        return last[1] - first[1]

    before = apart()
    glide(fingers, [(x - 40, y), (x + 40, y)], [(x - 60, y), (x + 60, y)])
    assert apart() == pytest.approx(1.5 * before, rel=0.1)
