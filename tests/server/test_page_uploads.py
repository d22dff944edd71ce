"""The page in a browser with the toy model: scans in by every way, corrections, and what goes wrong.

Without WebGL, which makes it quick; what is drawn, and dragged, is the matter of ``test_page.py``.
"""

import base64
import json
import zipfile

import numpy as np
import psutil
import pytest
from page_helpers import browser_page, complaints_of, drop
from server_client import running, send, settled, toy_series

from spondyl.io import read_image, read_mask, write_image
from spondyl.result import Result
from spondyl.result_parts import OtherNumbering
from spondyl.server.display import factors_of, reduced
from spondyl.volume import Grid, Volume

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.timeout(900)

FOUND = ["L1", "L2", "S1"]


@pytest.fixture(scope="module")
def server(tmp_path_factory, reader_model):
    with running(tmp_path_factory.mktemp("data"), model=reader_model) as client:
        yield client


@pytest.fixture(scope="module")
def page(server):
    """The page; it must not complain nor ask anybody else for anything."""
    with browser_page(draws=False) as page:
        complaints = complaints_of(page, str(server.base_url))
        page.goto(str(server.base_url))
        page.get_by_text("No scans yet").wait_for()
        yield page
        assert [text for text in complaints if "412" not in text and "WebGL" not in text] == []


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return toy_series(tmp_path_factory.mktemp("dicom") / "spine series")


@pytest.fixture(scope="module")
def zipped(tmp_path_factory, series):
    path = tmp_path_factory.mktemp("zip") / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for file in sorted(series.iterdir()):
            bundle.write(file, f"study/series/{file.name}")
    return path


def row(page, name):
    return page.locator(".case", has=page.get_by_text(name, exact=True)).first


def done(page, name):
    one = row(page, name)
    expect(one).to_have_attribute("data-state", "done")
    expect(one.locator(".detail")).to_have_text("L1–S1, 3 vertebrae")
    return one


def shown(page, names):
    expect(page.locator(".vertebrae .name")).to_have_text(names)
    expect(page.locator("#loading")).to_be_hidden()


def worker(server):
    return psutil.Process(server.context.dispatcher._worker.pid)


def test_a_folder_and_a_file_dropped_together(page, series, scan):
    drop(page, series, scan)
    for name in ("spine series", "patient"):
        done(page, name).get_by_role("link").click()
        expect(page.locator("#title")).to_have_text(name)
        shown(page, FOUND)
    assert page.locator(".case").count() == 2


def test_a_chosen_folder_and_a_chosen_zip(page, series, zipped):
    before = page.locator(".case").count()
    for button, path, name in (("Folder", series, "spine series"), ("Add scans", zipped, "study")):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("navigation").get_by_role("button", name=button).click()
        chooser.value.set_files(path)
        done(page, name)
    expect(page.locator(".case[data-state=done]")).to_have_count(before + 2)


def test_cancel_reload_and_try_again(page, server, scan):
    busy = worker(server)
    busy.suspend()  # so that the scan is still being worked on when it is cancelled
    page.goto(str(server.base_url))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files(scan)
    progress = page.locator("#progress")
    progress.get_by_role("heading", name="patient").wait_for()
    page.reload()
    progress.get_by_role("progressbar", name="Progress of patient").wait_for()
    progress.get_by_role("button", name="Cancel").click()
    progress.get_by_text("patient was cancelled").wait_for()
    progress.get_by_role("button", name="Try again").click()
    shown(page, FOUND)
    assert worker(server).pid != busy.pid


def test_two_people_at_one_scan(page, server, scan):
    """What one does the other sees; what was meant for the state before is refused."""
    case = send(server, scan).json()["id"]
    settled(server, case)
    path = f"/api/cases/{case}"
    page.goto(f"{server.base_url}/#/case/{case}")
    shown(page, FOUND)
    move = {"kind": "shift", "by": -1}
    server.post(f"{path}/corrections", json=move).raise_for_status()
    shown(page, ["T12", "L1", "L5"])
    expect(page.locator("#undo")).to_be_enabled()
    page.route("**/corrections", lambda route: (server.post(f"{path}/undo"), route.continue_()))
    page.get_by_role("button", name="All names one level down").click()
    page.get_by_role("alert").get_by_text("corrected elsewhere").wait_for()
    page.unroute("**/corrections")
    shown(page, FOUND)
    assert server.get(path).json()["corrected"] is False
    page.get_by_role("button", name="Close this message").click()


def test_the_second_best_numbering_is_one_click_away(page, server, scan):
    case = send(server, scan).json()["id"]
    settled(server, case)
    path = server.context.data.case(case).result / "result.json"
    other = OtherNumbering(
        names=("T12", "L1", "L6"), probability=0.3, description="the first two a level higher, L6"
    )
    Result.read(path).model_copy(update={"alternatives": (other,)}).write(path)
    page.goto(f"{server.base_url}/#/case/{case}")
    expect(page.locator(".alternative")).to_contain_text("30")
    page.get_by_role("button", name="Apply: the first two a level higher, L6").click()
    shown(page, ["T12", "L1", "L6"])
    expect(page.locator(".alternative")).to_have_count(0)
    page.locator("#undo").click()
    shown(page, FOUND)
    expect(page.locator(".alternative")).to_have_count(1)


def test_move_delete_add_undo_and_redo(page):
    name, where = FOUND[1], page.locator(".chosen .facts dd").first
    page.locator(f".vertebrae [data-name={name}]").click()
    before = where.inner_text()
    page.locator(".strip-frame img").click()  # the crosshair goes there
    page.keyboard.press("m")
    expect(where).not_to_have_text(before)
    page.get_by_role("button", name=f"Delete {name}").click()
    without = [one for one in FOUND if one != name]
    shown(page, without)
    page.keyboard.press("a")
    expect(
        page.get_by_role("dialog", name="Add a vertebra").get_by_role("button", name=name, exact=True)
    ).to_be_focused()
    page.keyboard.press("Enter")
    shown(page, FOUND)
    page.keyboard.press("Control+z")
    shown(page, without)
    expect(page.locator("#redo")).to_be_enabled()
    page.keyboard.press("Control+Shift+z")
    shown(page, FOUND)
    for left in (True, True, False):
        page.locator("#undo").click()
        expect(page.locator("#undo")).to_be_enabled() if left else expect(
            page.locator("#undo")
        ).to_be_disabled()
    page.locator(f".vertebrae [data-name={name}]").click()
    expect(where).to_have_text(before)


def test_quick_corrections_are_made_in_turn(page, server):
    """Three key presses before the first answer: three corrections, none refused."""
    expect(page.locator("#undo")).to_be_disabled()
    for _ in range(3):
        page.get_by_role("button", name="All names one level up").click()
    shown(page, ["T10", "T11", "L3"])
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    shown(page, ["T12", "L1", "L5"])
    assert page.get_by_role("alert").count() == 0


def test_the_training_set(page, tmp_path):
    page.get_by_role("button", name="Training set…").click()
    with page.expect_download() as download:
        page.get_by_role("dialog", name="Training set").get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "training-set.zip"
    with zipfile.ZipFile(download.value.path()) as bundle:
        (name,) = [name for name in bundle.namelist() if name.endswith("_ctd.json")]
        centroids = json.loads(bundle.read(name))
        assert [one["label"] for one in centroids if "label" in one] == [19, 20, 24]
        assert sum(name.endswith("_ct.nii.gz") for name in bundle.namelist()) == 1


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 1.0), (1.0, 0.5, 3.0)])
def test_fewer_voxels_without_a_graphics_card(page, tmp_path, spacing):
    """The browser reduces as the server does."""
    grid = Grid.from_spacing((40, 33, 21), spacing, "LPS")
    grey = Volume(np.random.default_rng(0).integers(-1000, 1000, grid.shape, dtype=np.int16), grid)
    labels = Volume((np.indices(grid.shape)[0] // 9).astype(np.uint8), grid)
    most = 5000
    small = []
    for volume, read in ((grey, read_image), (labels, read_mask)):
        write_image(volume, tmp_path / "whole.nii.gz")
        told = page.evaluate(
            """async ([file, most]) => {
                 const bytes = Uint8Array.from(atob(file), (one) => one.charCodeAt(0));
                 const made = await (await import("/viewer/reduce.js")).reduced(bytes.buffer, most);
                 return btoa(Array.from(new Uint8Array(made), (one) => String.fromCharCode(one)).join(""));
               }""",
            [base64.b64encode((tmp_path / "whole.nii.gz").read_bytes()).decode(), most],
        )
        (tmp_path / "small.nii").write_bytes(base64.b64decode(told))
        small.append(read(tmp_path / "small.nii"))
    expected = reduced(grey, factors_of(grid, most))
    assert small[0].grid.is_close(expected.grid, 1e-3)
    assert small[1].grid.is_close(expected.grid, 1e-3)
    assert np.abs(small[0].data - expected.data).max() <= 1  # halves are rounded to even there
    places = np.moveaxis(np.indices(small[1].grid.shape), 0, -1)
    nearest = grid.to_voxel(small[1].grid.to_world(places))[..., 0]
    assert np.abs(small[1].data - nearest / 9 + 0.5).max() <= 0.62


def test_leaving_while_sending_asks_first(page, server, tmp_path):
    """Chromium only asks once somebody has used the page, as all tests before have."""
    large = tmp_path / "large.nii.gz"
    large.write_bytes(bytes(20_000_000))
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.route("**/api/cases", lambda route: None if route.request.method == "POST" else route.continue_())
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add scans").click()
    chooser.value.set_files(large)
    sending = page.locator(".case[data-state=uploading]")
    sending.wait_for()
    page.evaluate("setTimeout(() => location.reload())")
    page.wait_for_event("dialog") if not asked else None
    assert asked == ["beforeunload"]
    sending.get_by_role("button", name="Cancel sending large.nii.gz").click()
    sending.wait_for(state="detached")
    page.unroute("**/api/cases")
