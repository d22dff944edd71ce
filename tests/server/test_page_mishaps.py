"""The page on a bad day: a slow or broken network, two tabs, quick fingers, wrong files, a small window.

Without WebGL, which makes it quick; what is drawn is the matter of the other tests of the page.
"""

import json

import numpy as np
import pytest
from page_helpers import browser_page, complaints_of
from server_client import send, settled

from readers import toy_scan
from spondyl.io import write_image
from spondyl.volume import Volume

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.timeout(900)

FOUND = ["L1", "L2", "S1"]
UP = {"kind": "shift", "by": -1}
RAISED = ["T12", "L1", "L5"]


@pytest.fixture(scope="module")
def page(working):
    with browser_page(draws=False) as page:
        complaints = complaints_of(page, str(working.base_url))
        yield page
        expected = ("WebGL", "401", "404", "422", "net::ERR_FAILED")
        assert [text for text in complaints if not any(one in text for one in expected)] == []


@pytest.fixture(scope="module")
def pair(working, scan):
    """Two cases that are done; the tests leave them as they were."""
    cases = [send(working, scan).json()["id"] for _ in range(2)]
    for case in cases:
        assert settled(working, case)["state"] == "done"
    return cases


@pytest.fixture
def opened(page, working, pair):
    """The first case, open; corrections are taken back afterwards."""
    take_back(working, pair)
    page.goto("about:blank")
    page.goto(f"{working.base_url}/#/case/{pair[0]}")
    shown(page, FOUND)
    yield pair[0]
    page.unroute_all(behavior="ignoreErrors")
    page.evaluate("document.querySelectorAll('dialog').forEach((one) => one.close(''))")
    take_back(working, pair)


def take_back(server, cases):
    for case in cases:
        while server.get(f"/api/cases/{case}").json()["undo"]:
            server.post(f"/api/cases/{case}/undo").raise_for_status()


def shown(page, names):
    expect(page.locator(".vertebrae .name")).to_have_text(names)
    expect(page.locator("#loading")).to_be_hidden()
    expect(page.locator("#editing")).not_to_have_attribute("aria-busy", "true")


def correct(server, case, body=UP):
    server.post(f"/api/cases/{case}/corrections", json=body).raise_for_status()


def choose(page, name):
    page.locator(f".vertebrae [data-name={name}]").click()


def test_without_webgl_all_but_the_pictures_works(page, opened):
    page.get_by_text("this browser has no WebGL 2").wait_for()
    assert page.locator(".strip .level").all_inner_texts() == FOUND
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog", name="Export patient")
    dialog.wait_for()
    while (ticked := dialog.get_by_role("checkbox", checked=True)).count():
        ticked.first.uncheck()
    expect(dialog.get_by_role("button", name="Download")).to_be_disabled()
    dialog.get_by_role("checkbox", name="centroids.csv").check()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "patient.zip"


def test_a_correction_begun_during_another_keeps_its_vertebra(page, opened):
    """All names move; what was L2 when Delete was pressed is called L1 by then."""
    choose(page, "L2")
    page.get_by_role("button", name="All names one level up").click()
    page.keyboard.press("Delete")
    shown(page, ["T12", "L5"])
    assert page.get_by_role("alert").filter(has_text="there is no").count() == 0


def test_a_key_held_down_deletes_one_vertebra(page, opened):
    choose(page, "L1")
    page.keyboard.down("Delete")
    shown(page, ["L2", "S1"])
    page.keyboard.down("Delete")  # as a keyboard repeats it
    page.keyboard.up("Delete")
    page.keyboard.press("Control+z")
    shown(page, FOUND)


def test_what_others_correct_while_the_scan_is_loaded_is_shown(page, working, opened, pair):
    def late(route):
        answer = route.fetch()
        correct(working, pair[1])
        route.fulfill(response=answer)

    page.route("**/result", late, times=1)
    page.locator(f"[data-id='{pair[1]}'] a").click()
    shown(page, RAISED)


def test_what_others_correct_while_the_connection_is_broken_is_shown(page, working, opened):
    page.route("**/api/events", lambda route: route.abort())
    page.reload()
    shown(page, FOUND)
    expect(page.locator("body")).to_have_class("offline")
    correct(working, opened)
    page.unroute("**/api/events")
    shown(page, RAISED)


def test_what_was_meant_for_the_names_before_is_refused(page, working, opened):
    """Somebody else's correction comes in while a name is being chosen."""
    page.locator(".vertebrae [data-name=L2]").dblclick()
    dialog = page.get_by_role("dialog", name="What is the vertebra called L2?")
    correct(working, opened)
    expect(page.locator(".vertebrae .name")).to_have_text(RAISED)
    dialog.get_by_role("button", name="L3", exact=True).click()
    page.get_by_role("alert").filter(has_text="corrected elsewhere meanwhile").wait_for()
    shown(page, RAISED)
    assert working.get(f"/api/cases/{opened}").json()["undo"] == 1


def test_corrections_go_on_when_another_scan_is_opened(page, working, opened, pair):
    for _ in range(2):
        page.get_by_role("button", name="All names one level up").click()
    page.locator(f"[data-id='{pair[1]}'] a").click()
    shown(page, FOUND)
    assert [working.get(f"/api/cases/{case}").json()["undo"] for case in pair] == [2, 0]


def test_undo_in_a_message_is_about_the_scan_of_the_message(page, working, opened, pair):
    correct(working, pair[1])
    page.get_by_role("button", name="All names one level up").click()
    page.locator(".toast").get_by_role("button", name="Undo").wait_for()
    page.locator(f"[data-id='{pair[1]}'] a").click()
    expect(page.locator(f"[data-id='{pair[1]}'] a")).to_have_attribute("aria-current", "page")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(f"[data-id='{pair[0]}']")).not_to_contain_text("corrected")
    assert [working.get(f"/api/cases/{case}").json()["undo"] for case in pair] == [0, 1]


def test_only_the_newest_message_offers_to_undo(page, opened):
    for by in ("up", "down"):
        page.get_by_role("button", name=f"All names one level {by}").click()
    shown(page, FOUND)
    expect(page.locator(".toast").get_by_role("button", name="Undo")).to_have_count(1)


def test_leaving_before_a_correction_is_saved_asks(page, opened):
    held = []

    def hold(route):
        held.append(route)

    page.route("**/corrections", hold)
    page.get_by_role("button", name="All names one level up").click()
    expect(page.locator("#editing")).to_have_attribute("aria-busy", "true")
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    held[0].abort()
    page.get_by_role("alert").filter(has_text="does not answer").wait_for()
    expect(page.locator("#editing")).to_have_attribute("aria-busy", "false")


def test_a_refused_addition_leaves_the_chosen_vertebra(page, opened):
    choose(page, "L2")
    page.route("**/corrections", lambda route: route.fulfill(status=422, json={"detail": "not there"}))
    page.keyboard.press("a")
    page.get_by_role("dialog", name="Add a vertebra").get_by_role("button", name="L4", exact=True).click()
    page.get_by_role("alert").filter(has_text="not there").wait_for()
    expect(page.locator(".chosen h2")).to_have_text("L2")


def test_the_focus_stays_where_it_is(page, opened):
    button = page.get_by_role("button", name="All names one level up")
    button.focus()
    page.keyboard.press("Enter")
    shown(page, RAISED)
    expect(button).to_be_focused()


def test_a_scan_deleted_elsewhere_is_closed(page, working, opened, scan):
    case = send(working, scan).json()["id"]
    settled(working, case)
    page.locator(f"[data-id='{case}'] a").click()
    shown(page, FOUND)
    working.delete(f"/api/cases/{case}")
    page.get_by_text("Drop a CT scan here").wait_for()
    expect(page.get_by_role("complementary", name="Findings")).to_be_hidden()
    page.locator(".toast", has_text="no longer on the server").wait_for()
    page.goto(f"{working.base_url}/#/case/%")
    page.get_by_text("Drop a CT scan here").wait_for()


def test_a_scan_that_could_not_be_loaded_is_tried_again(page, opened, pair):
    page.route("**/result", lambda route: route.abort())
    page.locator(f"[data-id='{pair[1]}'] a").click()
    again = page.locator("#loading").get_by_role("button", name="Try again")
    again.wait_for()
    page.unroute("**/result")
    again.click()
    shown(page, FOUND)


def choose_file(page, path):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add scans").click()
    chooser.value.set_files(path)


def test_what_is_too_large_is_not_even_sent(page, working, opened, tmp_path):
    limits = json.dumps({**working.get("/api/info").json(), "max_upload_mb": 1})
    page.route("**/api/info", lambda route: route.fulfill(body=limits, content_type="application/json"))
    (tmp_path / "large.nii").write_bytes(bytes(2_000_000))
    choose_file(page, tmp_path / "large.nii")
    page.get_by_role("alert").filter(has_text="large.nii: 2 MB; this server takes 1 MB").wait_for()


def test_an_upload_that_broke_off_can_be_sent_again(page, working, opened, tmp_path):
    page.route(
        "**/api/cases", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    (tmp_path / "notes.nii.gz").write_bytes(b"no scan")
    choose_file(page, tmp_path / "notes.nii.gz")
    told = page.get_by_role("alert").filter(has_text="notes.nii.gz: The upload broke off")
    told.wait_for()
    page.unroute("**/api/cases")
    told.get_by_role("button", name="Try again").click()
    row = page.locator(".case", has_text="notes").first
    expect(row).to_have_attribute("data-state", "failed")
    working.delete(f"/api/cases/{row.get_attribute('data-id')}")


def test_a_tab_that_nobody_sees_holds_no_connection(page, working, opened):
    """Browsers open six to a server, all tabs together."""

    def see(hidden):
        page.evaluate(
            """(hidden) => {
                 Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
                 document.dispatchEvent(new Event("visibilitychange"));
               }""",
            hidden,
        )

    with page.expect_event("requestfailed", lambda request: request.url.endswith("/api/events")):
        see(True)
    correct(working, opened)
    see(False)
    shown(page, RAISED)


def test_a_server_started_with_another_token_asks_for_it(page, opened):
    for what in ("events", "info"):
        page.route(
            f"**/api/{what}", lambda route: route.fulfill(status=401, json={"detail": "give the token"})
        )
    page.reload()
    page.get_by_role("dialog", name="Token").wait_for()


def test_a_graphics_card_that_forgot_the_pictures_is_told(page, opened):
    page.locator("#slices").dispatch_event("webglcontextlost")
    page.get_by_role("alert").filter(has_text="lost the pictures").get_by_role(
        "button", name="Reload"
    ).click()
    page.get_by_role("alert").wait_for(state="detached")
    shown(page, FOUND)


def test_a_window_as_narrow_as_a_telephone(page, opened):
    page.set_viewport_size({"width": 390, "height": 760})
    try:
        page.reload()
        shown(page, FOUND)
        assert page.locator("#views").bounding_box()["width"] >= 388
        outside = page.evaluate(
            """[...document.querySelectorAll("header button, .findings button")]
                 .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth)
                 .map((one) => one.outerHTML)"""
        )
        assert outside == []
        expect(page.get_by_role("heading", level=1)).to_have_text("Spondyl")
        expect(page.locator("#cases")).to_be_hidden()
        page.get_by_role("button", name="Show or hide the list of scans").click()
        page.locator("#cases").get_by_role("link").first.click()
        expect(page.locator("#cases")).to_be_hidden()
    finally:
        page.set_viewport_size({"width": 1280, "height": 720})


def test_buttons_stay_while_their_scan_makes_progress(page, opened):
    """Several times a second; a click that began on a button that is replaced is lost."""
    stayed = page.evaluate(
        """async (id) => {
             const { state } = await import("/page/state.js");
             const whole = state.openCase;
             const upload = { name: "sent", part: 0, cancel() {} };
             const places = ["[data-state=uploading]", `[data-id="${id}"]`, "#progress"];
             const buttons = () => places.map((place) => document.querySelector(`${place} button`));
             state.uploads.push(upload);
             state.putCase({ ...whole, state: "running", progress: 0.1, step: "reading" });
             const before = buttons();
             upload.part = 0.5;
             state.putCase({ ...whole, state: "running", progress: 0.2, step: "writing" });
             const same = buttons().map((one, n) => one !== null && one === before[n]);
             const told = document.querySelector("#progress p").textContent;
             state.uploads = [];
             state.putCase(whole);
             return [...same, told];
           }""",
        opened,
    )
    assert stayed == [True, True, True, "writing · 20\u00a0%"]


def test_two_uploads_of_one_scan_are_told_apart(page, opened, pair):
    rows = [page.locator(f"[data-id='{case}']") for case in pair]
    assert rows[0].locator(".name").inner_text() == rows[1].locator(".name").inner_text()
    sent = [row.locator(".sent") for row in rows]
    for one in sent:  # with the second, because of the other
        when = one.get_attribute("datetime")
        assert one.inner_text() == page.evaluate("(when) => new Date(when).toLocaleTimeString()", when)


def test_going_back_closes_the_dialog_and_does_not_get_stuck(page, working, opened, pair, scan):
    case = send(working, scan).json()["id"]
    settled(working, case)
    page.locator(f"[data-id='{case}'] a").click()
    page.locator("#findings[hidden]").wait_for(state="attached")
    shown(page, FOUND)
    page.keyboard.press("r")
    page.get_by_role("dialog", name="What is the vertebra").wait_for()
    page.go_back()
    page.get_by_role("dialog").wait_for(state="detached")
    shown(page, FOUND)
    assert page.evaluate("location.hash") == f"#/case/{opened}"
    page.go_forward()
    page.wait_for_function("(id) => location.hash.endsWith(id)", arg=case)
    working.delete(f"/api/cases/{case}")
    page.get_by_text("Drop a CT scan here").wait_for()
    page.go_back()
    shown(page, FOUND)
    assert page.evaluate("location.hash") == f"#/case/{opened}"


def test_export_asked_for_twice_is_one_dialog(page, opened):
    held = []

    def hold(route):
        held.append(route)

    page.route("**/formats", hold)
    for _ in range(2):
        page.locator("#export").click()
    page.wait_for_timeout(200)
    for route in held:
        route.continue_()
    page.get_by_role("dialog", name="Export").wait_for()
    page.wait_for_timeout(500)
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_arrows_belong_to_the_field_that_has_the_focus(page, opened):
    choose(page, "L1")
    page.locator("input[name=window][value=bone]").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("input[name=window][value=soft]")).to_be_checked()
    expect(page.locator(".chosen h2")).to_have_text("L1")
    page.keyboard.press("b")
    expect(page.locator("input[name=window][value=bone]")).to_be_checked()


def test_the_vertebra_a_key_leads_to_is_read_out(page, opened):
    choose(page, "L1")
    page.locator("#undo").evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    expect(page.locator("#live")).to_have_text("L2")


def test_the_heading_of_the_strip_keeps_the_focus(page, opened):
    heading = page.locator(".strip .view-title")
    heading.focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Curved coronal")
    expect(heading).to_be_focused()
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Curved sagittal")


def test_a_scan_without_vertebrae(page, working, opened, tmp_path):
    grid = toy_scan().grid
    water = np.random.default_rng(0).integers(-3, 4, grid.shape, np.int16)
    water[:16] = -1000
    write_image(Volume(water, grid), tmp_path / "water.nii.gz")
    case = send(working, tmp_path / "water.nii.gz").json()["id"]
    info = settled(working, case)
    assert info["state"] == "done", info["error"]
    page.locator(f"[data-id='{case}'] a").click()
    page.get_by_text("No vertebra was found in this scan.").wait_for()
    expect(page.get_by_role("button", name="All names one level up")).to_have_count(0)
    expect(page.get_by_text("This model gives no probability")).to_have_count(0)
    for key in ("r", "m", "Delete", "ArrowDown", "f"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    working.delete(f"/api/cases/{case}")


def test_a_small_window_shows_what_is_chosen_first(page, opened):
    page.set_viewport_size({"width": 390, "height": 420})
    try:
        page.reload()
        shown(page, FOUND)
        expect(page.locator(".chosen h2")).to_have_text("L2")
        expect(page.get_by_role("button", name="Rename…")).to_be_in_viewport()
    finally:
        page.set_viewport_size({"width": 1280, "height": 720})


def test_the_same_trouble_is_told_once(page, opened):
    page.route("**/corrections", lambda route: route.abort())
    for _ in range(3):
        page.get_by_role("button", name="All names one level up").click()
    expect(page.locator("#editing")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("alert")).to_have_count(1)


def test_delete_in_the_list_of_scans_deletes_no_vertebra(page, working, opened):
    page.locator(f"[data-id='{opened}'] a").focus()
    page.keyboard.press("Delete")
    page.wait_for_timeout(300)
    shown(page, FOUND)
    assert working.get(f"/api/cases/{opened}").json()["undo"] == 0


def test_remarks_on_measurements_are_written_out(page, opened):
    """Not only shown to a mouse that rests on the value."""
    angle = {
        "value": 12.3,
        "unit": "deg",
        "uncertainty": 2.0,
        "remarks": [{"message": "Measured lying down."}],
    }
    text = page.evaluate(
        """async (angle) => (await import("/page/measures.js"))
             .angles({ measurements: { angles: { kyphosis_deg: angle, lordosis_deg: angle } } })
             .textContent""",
        angle,
    )
    assert "12.3 ± 2.0° *" in text
    assert "* Kyphosis, Lordosis. Measured lying down." in text


def test_a_connection_that_breaks_in_the_middle_of_an_answer(page, opened):
    said = page.evaluate(
        """async () => {
             const api = await import("/page/api.js");
             const whole = window.fetch;
             const start = (controller) => controller.error(new TypeError("network error"));
             window.fetch = async () => new Response(new ReadableStream({ start }));
             const ask = [api.getMask("1"), api.getResult("1"), api.trainingSet()];
             const said = await Promise.all(ask.map((one) => one.catch(({ message }) => message)));
             window.fetch = whole;
             return said;
           }"""
    )
    assert set(said) == {"The connection broke off; try again."}


def test_many_messages_leave_room(page, opened):
    page.evaluate(
        """async () => {
             const { toast } = await import("/page/dom.js");
             for (let n = 1; n <= 50; n++) toast(`scan ${n}: it failed`, { error: true });
           }"""
    )
    expect(page.get_by_text("scan 50: it failed")).to_be_in_viewport()
    assert page.locator("#toasts").bounding_box()["y"] > 200
