"""The page in a browser: one scan from its upload to its deletion. Each test leaves it as it was."""

import json
import zipfile

import pytest
from page_helpers import browser_page, complaints_of, painted, resting
from server_client import running

from spondyl.anatomy import COLOURS, LABEL_OF, NAMES, ORDER
from spondyl.phantom import PhantomOptions, write_phantoms

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.timeout(900)  # drawing without a graphics card on a busy machine

TOKEN = "a token of some length"
LADDER = [NAMES[label] for label in ORDER if NAMES[label] not in {"T13", "L6"}]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """A scan of eight vertebrae, small enough for a browser without a graphics card."""
    options = PhantomOptions(
        levels=("T9", "L4"), field_of_view_mm=(110, 130, 200), spacing_mm=(1.5, 1.5, 1.5)
    )
    folder = tmp_path_factory.mktemp("phantom")
    write_phantoms(folder, 1, seed=3, options=options)
    return folder / "phantom_3_0001.nii.gz"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page, logged in; it must not complain nor ask anybody else for anything."""
    with running(tmp_path_factory.mktemp("data"), token=TOKEN) as client, browser_page() as page:
        complaints = complaints_of(page, str(client.base_url))
        page.goto(str(client.base_url))
        yield page
        assert [text for text in complaints if "401" not in text] == []


@pytest.fixture(scope="module")
def found(page, phantom):
    """The page with the scan open; gives the names that were found."""
    log_in(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files(phantom)
    page.get_by_role("region", name="Viewer").wait_for()
    page.get_by_role("complementary", name="Findings").wait_for()
    names = texts(page, ".vertebrae .name")
    assert len(names) >= 6
    return names


def log_in(page):
    dialog = page.get_by_role("dialog", name="Token")
    dialog.get_by_label("Token").fill("the wrong one")
    dialog.get_by_role("button", name="Go on").click()
    page.get_by_text("not the token").wait_for()
    page.get_by_role("dialog", name="Token").get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_text("No scans yet").wait_for()


def shifted(names, by=1):
    return [LADDER[LADDER.index(name) + by] for name in names]


def wait_for_names(page, names):
    expect(page.locator(".vertebrae .name")).to_have_text(names)
    expect(page.locator(".strip .level")).to_have_text(names)


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def test_vertebrae_are_seen_in_slices_and_in_3d(page, found):
    middle = found[len(found) // 2]
    for plane in ("sagittal", "coronal", "axial", "surface"):
        assert painted(page, plane, COLOURS[LABEL_OF[middle]]) > 100, plane
    assert texts(page, "[data-plane=sagittal] .tag") == found
    assert texts(page, "[data-plane=surface] .tag") == found
    assert texts(page, ".strip .level") == found
    row = page.get_by_role("list", name="Vertebrae").get_by_role("button", name=middle)
    assert row.get_attribute("aria-current") == "true"


def test_choosing_a_vertebra_goes_there(page, found):
    in_axial, chosen = (
        page.locator("[data-plane=axial] .tag:visible"),
        page.locator(".vertebrae [aria-current=true]"),
    )
    page.get_by_role("list", name="Vertebrae").get_by_role("button", name=found[1]).click()
    expect(in_axial).to_have_text([found[1]])
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_attribute("data-name", found[2])
    page.locator(".strip .level", has_text=found[0]).click()
    expect(chosen).to_have_attribute("data-name", found[0])
    expect(in_axial).to_have_text([found[0]])


def test_a_click_in_3d_chooses_the_vertebra_there(page, found):
    cell = page.locator("[data-plane=surface]")
    x, y = resting(cell.locator(".tag", has_text=found[1]))
    before = page.locator("[data-plane=axial] .where").inner_text()
    page.mouse.click(x - 34, y)  # names stand beside what they name
    expect(page.locator(".vertebrae [aria-current=true]")).to_have_attribute("data-name", found[1])
    expect(page.locator("[data-plane=axial] .where")).not_to_have_text(before)
    expect(page.locator("[data-plane=axial] .tag:visible")).to_have_text([found[1]])


def test_a_trackpad_goes_through_slices_as_slowly_as_a_wheel(page, found):
    page.locator(f".vertebrae [data-name={found[2]}]").click()
    where = page.locator("[data-plane=sagittal] .where")

    def turned(pixels, times):
        before = int(where.inner_text().split()[1])
        for _ in range(times):
            page.mouse.wheel(0, pixels)
        page.wait_for_timeout(300)
        return abs(int(where.inner_text().split()[1]) - before)

    x, y = resting(page.locator("[data-plane=sagittal]"))
    page.mouse.move(x, y)
    assert turned(100, 4) in {5, 6, 7}  # of 1.5 mm
    assert turned(-5, 24) in {5, 6, 7}


def test_a_mask_that_is_drawn_anew_takes_the_place_of_the_one_before(page, found):
    """As large as the scan, and the graphics card does not tell the browser when it gets full."""
    kept = page.evaluate(
        """async () => {
             const gl = document.querySelector("#slices").getContext("webgl2");
             const { createTexture, deleteTexture } = gl;
             const slider = document.querySelector("#opacity");
             let count = 0;
             gl.createTexture = () => (count++, createTexture.call(gl));
             gl.deleteTexture = (one) => (one && count--, deleteTexture.call(gl, one));
             for (const value of [10, 60, 45]) {
               slider.value = value;
               slider.dispatchEvent(new Event("input"));
               await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
             }
             Object.assign(gl, { createTexture, deleteTexture });
             return count;
           }"""
    )
    assert kept == 0
    assert painted(page, "sagittal", COLOURS[LABEL_OF[found[2]]]) > 100


def test_one_name_put_right_shifts_all_and_comes_back(page, found):
    last = found[-1]
    assert painted(page, "sagittal", COLOURS[LABEL_OF[shifted(found)[-1]]]) == 0
    page.get_by_role("list", name="Vertebrae").get_by_role("button", name=last).dblclick()
    dialog = page.get_by_role("dialog", name=f"What is the vertebra called {last}?")
    dialog.get_by_role("button", name=shifted(found)[-1], exact=True).click()
    wait_for_names(page, shifted(found))
    expect(page.locator(".badge")).to_have_text("corrected")
    for selector in ("[data-plane=sagittal] .tag", "[data-plane=surface] .tag", ".strip .level"):
        assert texts(page, selector) == shifted(found)
    for plane in ("sagittal", "surface"):
        assert painted(page, plane, COLOURS[LABEL_OF[shifted(found)[-1]]]) > 100, plane
    page.get_by_role("button", name="Undo", exact=True).first.click()
    wait_for_names(page, found)
    expect(page.locator("#undo")).to_be_disabled()
    assert texts(page, "[data-plane=coronal] .tag") == found


def test_a_centre_is_dragged(page, found):
    where = page.locator(".chosen .facts dd").first
    page.locator(f".vertebrae [data-name={found[2]}]").click()
    before = where.inner_text()
    x, y = resting(page.locator("[data-plane=sagittal] .dot.chosen"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 10, y + 4)
    page.mouse.move(x - 16, y + 8)
    page.mouse.up()
    expect(where).not_to_have_text(before)
    page.locator("#undo").click()
    expect(where).to_have_text(before)
    expect(page.locator("#undo")).to_be_disabled()


def test_export_gives_the_files_asked_for(page, found):
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog", name="Export phantom")
    dialog.get_by_role("checkbox", name="centroids.lml").check()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as bundle:
        assert {"result.json", "mask.nii.gz", "centroids.csv", "centroids.lml"} <= set(bundle.namelist())
        result = json.loads(bundle.read("result.json"))
    assert [one["name"] for one in result["vertebrae"]] == found


@pytest.mark.parametrize(
    ("now", "wanted", "renamed"),
    [
        ("T12 L1 L2", "T11 T12 L1", ("T12", "T11")),
        ("T11 T12 L1 L2", "T11 T12 T13 L1", ("L1", "T13")),
        ("L4 L5 S1 S2", "L4 L5 L6 S1", ("S1", "L6")),
        ("T10 T12 L1", "T10 T11 L1", None),
        ("T11 T12 L1", "T10 T11 L1", None),
        ("T11 T12 L1", "- T12 L1", None),
        ("T11 T12 L1", "T12 - L1", None),
    ],
)
def test_another_numbering_is_one_correction(page, now, wanted, renamed):
    names = [None if name == "-" else name for name in wanted.split()]  # none by this numbering
    asked = page.evaluate(
        "async ([now, wanted]) => (await import('/page/corrections.js')).requestFor(now, wanted)",
        [now.split(), names],
    )
    if renamed is None:
        assert asked == {"kind": "renumber", "names": names}
    else:
        assert asked == {"kind": "relabel", "vertebra": renamed[0], "name": renamed[1], "only": False}


def test_dropped_files_become_cases(page):
    paths = ["a/1.dcm", "a/b/2", "a/DICOMDIR", "x.nii.gz", "c/y.NII", "c/.DS_Store", "loose.dcm", "z.zip"]
    cases = page.evaluate(
        """async (paths) => (await import("/page/upload.js"))
             .sortIntoCases(paths.map((path) => ({ path, file: { name: path.split("/").pop() } })))
             .map(({ name, files }) => [name, files.map((one) => one.path)])""",
        paths,
    )
    assert dict(cases) == {
        "x.nii.gz": ["x.nii.gz"],
        "y.NII": ["c/y.NII"],
        "z.zip": ["z.zip"],
        "a": ["a/1.dcm", "a/b/2"],
        "loose.dcm": ["loose.dcm"],
    }


def test_controls_have_names(page, found):
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, a, input, select, [role=application]")].filter((one) =>
             one.checkVisibility() && !(one.innerText.trim() || one.ariaLabel || one.labels?.length))
           .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys, mouse and fingers").get_by_text("soft tissue window").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def test_a_broken_scan_says_why(page, found, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no scan at all")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add scans").click()
    chooser.value.set_files(broken)
    row = page.locator(".case", has_text="broken")
    expect(row).to_have_attribute("data-state", "failed")
    row.get_by_role("link").click()
    assert len(page.get_by_role("alert").inner_text()) > 20
    delete(page, "broken")


def test_deleting_asks_and_leads_back(page, found):
    page.locator(".case").get_by_role("link").click()
    page.get_by_role("complementary", name="Findings").wait_for()
    delete(page, "phantom_3_0001")
    page.get_by_text("Drop a CT scan here").wait_for()
    page.get_by_text("No scans yet").wait_for()


def delete(page, name):
    row = page.locator(".case", has_text=name)
    row.hover()
    row.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    row.wait_for(state="detached")
