"""Reports on screen and on paper, read by others: a browser, pypdf, poppler."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pypdf
import pytest

from spondyl import relabel as corrections
from spondyl.anatomy import LABEL_OF
from spondyl.cli import app
from spondyl.errors import AnnotationError, OutputError
from spondyl.export.convert import export_result
from spondyl.export.subject import Subject
from spondyl.io import write_image
from spondyl.morphometry.result import Curve, DiscMeasures, Measurement, Morphometry, VertebraMeasures
from spondyl.outputs import write_outputs
from spondyl.report.cohort import cohort_rows, write_cohort
from spondyl.report.html import write_html
from spondyl.report.pdf import write_pdf
from spondyl.report.sheet import Sheet
from spondyl.result import Result
from spondyl.spine import Flag, Numbering, Spine, Vertebra
from spondyl.volume import Grid, Volume

GRID = Grid.from_spacing((24, 20, 40), (2, 2, 2), "LPS")
NASTY = '<b>&"x"</b>'


def height(value, **more):
    return Measurement(value, "mm", 0.5, **more)


def cut(name):
    return Measurement.refusal(
        "mm", Flag("partly_visible", f"The border of the scan cuts the body of {name}.")
    )


def measured():
    angle = Measurement(21.4, "deg", 1.2, remarks=(Flag("lying", "Measured lying down."),))
    l1 = {
        "height_anterior": height(19.8),
        "height_loss": Measurement(0.31, "1", 0.03),
        "genant_grade": Measurement(2, "grade"),
        "trabecular_hu": Measurement(123.4, "HU", 5.0),
    }
    vertebrae = (
        VertebraMeasures(LABEL_OF["T12"], {"height_anterior": cut("T12")}),
        VertebraMeasures(LABEL_OF["L1"], l1, "wedge"),
        VertebraMeasures(LABEL_OF["L2"], {"height_anterior": cut("L2")}),
    )
    discs = (DiscMeasures(LABEL_OF["T12"], LABEL_OF["L1"], {"wedge": Measurement(3.5, "deg", 1.0)}),)
    curves = (Curve(LABEL_OF["T12"], LABEL_OF["L2"], angle, "left"),)
    return Morphometry(vertebrae, discs, {"coronal_cobb": angle}, curves)


def spine():
    data, vertebrae = np.zeros(GRID.shape, np.uint8), []
    for place, name in enumerate(("T12", "L1", "L2")):
        top = GRID.shape[2] - 6 - 10 * place
        data[8:16, 6:12, top - 7 : top] = LABEL_OF[name]
        sure = 0.6 if name == "L2" else 0.99
        flags = (Flag("gap", "T13 was not found."),) if name == "L2" else ()
        vertebrae.append(Vertebra(LABEL_OF[name], tuple(GRID.to_world((11.5, 8.5, top - 4))), sure, flags))
    return Spine(
        tuple(vertebrae),
        Volume(data, GRID),
        0.91,
        (Numbering(tuple(LABEL_OF[n] for n in ("L1", "L2", "L3")), 0.08, "one level lower"),),
        (Flag("noise", "It is noisy."), Flag("numbering_uncertain", "It may be wrong.")),
        measurements=measured(),
    )


def volume():
    return Volume(np.random.default_rng(0).integers(-200, 400, GRID.shape).astype(np.int16), GRID)


def written(base, name="scan", found=None, also=("html", "pdf")):
    scan = base / "scans" / f"{name}.nii.gz"
    write_image(volume(), scan)
    write_outputs(spine() if found is None else found, volume(), base / "out" / name, file=scan, also=also)
    return base / "out" / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("reports"))


class Reader(HTMLParser):
    """Words, tags and what is loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.words, self.open, self.loaded = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def paper(path):
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pypdf.PdfReader(path).pages))


SAID = (
    "T12–L2, 3 vertebrae; all names right with a probability of 91%",
    "gap",
    "L2: T13 was not found.",
    "It may be wrong.",
    "19.8",
    "±0.5",
    "wedge",
    "one level lower",
    "largest coronal Cobb angle",
    "Not a medical device",
    "2.00 × 2.00 × 2.00 mm",
)


def test_the_page_is_whole_and_loads_nothing(folder):
    reader = Reader((folder / "report.html").read_text("utf-8"))
    assert reader.open == []
    assert [link[:22] for link in reader.loaded] == ["data:image/png;base64,"]
    for words in SAID:
        assert words in reader.text
    assert reader.text.index("It may be wrong.") < reader.text.index("It is noisy.")  # the gravest first


def test_paper_says_the_same(folder):
    assert pypdf.PdfReader(folder / "report.pdf").metadata.title == "scan"
    text = paper(folder / "report.pdf")
    for words in SAID:
        assert words in text


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler-utils is not installed")
def test_paper_is_drawn_by_poppler(folder, tmp_path):
    subprocess.run(
        ["pdftoppm", "-r", "30", "-png", str(folder / "report.pdf"), str(tmp_path / "page")], check=True
    )
    from PIL import Image

    pages = sorted(tmp_path.glob("page*.png"))
    assert len(pages) == len(pypdf.PdfReader(folder / "report.pdf").pages)
    assert all(np.asarray(Image.open(page).convert("L")).std() > 10 for page in pages)


def test_alike_reasons_share_a_note():
    sheet = Sheet.of(Result.of(spine(), GRID))
    notes = {note.text: note for note in sheet.notes}
    assert notes["The border of the scan cuts the body of this vertebra."].places == "T12, L2"
    assert notes["Measured lying down."].mark == "b"
    (vertebrae, discs, angles, numberings) = sheet.tables
    assert [row[0].text for row in vertebrae.rows] == ["T12", "L1", "L2"]
    loss = vertebrae.rows[1][5]
    assert (loss.text, loss.spread, loss.share) == ("31", "±3", pytest.approx(0.775))
    assert vertebrae.rows[2][1].tone == "check"
    assert discs.rows[0][4].text == "3.5"
    assert len(angles.rows) == 2
    assert numberings.rows[0][2].text == "L1 L2 L3"


def test_names_cannot_smuggle_mark_up(tmp_path):
    found = replace(spine(), flags=(Flag("noise", NASTY),), measurements=None)
    subject = Subject(found, Result.of(found, GRID, file=f"{NASTY}.nii.gz"), volume())
    write_html(subject, tmp_path / "a.html")
    write_pdf(subject, tmp_path / "a.pdf")
    assert NASTY not in (tmp_path / "a.html").read_text("utf-8")
    assert f"{NASTY}.nii.gz" in Reader((tmp_path / "a.html").read_text("utf-8")).text
    assert NASTY in paper(tmp_path / "a.pdf")


def test_nothing_found(tmp_path):
    empty = Spine(mask=Volume(np.zeros(GRID.shape, np.uint8), GRID), flags=(Flag("no_spine", "None."),))
    folder = written(tmp_path, found=empty)
    assert "No vertebra was found." in Reader((folder / "report.html").read_text("utf-8")).text
    assert "No vertebra was found." in paper(folder / "report.pdf")


def test_equal_results_give_equal_files(folder, tmp_path):
    paths = export_result(folder, ["html", "pdf", "preview"], tmp_path)
    for path in paths.values():
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_corrections_rewrite_reports(tmp_path):
    folder = written(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    corrections.shift(folder, 1)
    for text in (Reader((folder / "report.html").read_text("utf-8")).text, paper(folder / "report.pdf")):
        assert "L1–L3, 3 vertebrae; names corrected by hand" in text
        assert "shift by 1 (T12 became L1, L1 became L2, L2 became L3)" in text
    corrections.undo(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture(scope="module")
def four_results(tmp_path_factory):
    base = tmp_path_factory.mktemp("cohort") / "base"
    written(base, "a_fine", replace(spine(), flags=(), vertebrae=spine().vertebrae[:2]), also=())
    written(base, "b_flagged")
    unsure = replace(spine(), numbering_probability=0.4, flags=())
    written(base, "c_unsure", unsure, also=("html",))
    broken = written(base, "d_broken", also=()) / "result.json"
    broken.write_text(json.dumps({**json.loads(broken.read_text()), "schema_version": 99}))
    return base


@pytest.fixture
def cohort(four_results, tmp_path):
    """Three results, one of them with nothing to check, and one that cannot be read."""
    shutil.copytree(four_results, tmp_path / "cohort")
    return tmp_path / "cohort" / "out"


def test_what_needs_a_look_comes_first(cohort):
    page = write_cohort(cohort)
    rows = cohort_rows(sorted(cohort.glob("*_*")), cohort)
    assert [row.name for row in rows] == ["d_broken", "b_flagged", "c_unsure", "a_fine"]
    assert [row.checks for row in rows] == [99, 2, 1, 0]
    assert (rows[1].density, rows[1].grade, rows[1].cobb) == (123.4, 2, 21.4)
    reader = Reader(page.read_text("utf-8"))
    assert reader.open == []
    links = {link for link in reader.loaded if not link.startswith("data:image/jpeg;base64,")}
    assert links == {
        "d_broken/preview.png", "b_flagged/report.html", "c_unsure/report.html", "a_fine/preview.png"
    }  # fmt: skip
    assert all((cohort / link).is_file() for link in links)
    assert "version 1 expected, found 99" in reader.text


def test_somebodys_page_is_left_alone(cohort):
    (cohort / "index.html").write_text("mine")
    with pytest.raises(OutputError, match="not written by spondyl"):
        write_cohort(cohort)
    assert (cohort / "index.html").read_text() == "mine"
    assert write_cohort(cohort, cohort.parent / "all.html").read_text("utf-8").count("out/b_flagged") == 2


def test_corrections_renew_the_page_beside_the_result(cohort):
    before = write_cohort(cohort).read_bytes()
    corrections.shift(cohort / "a_fine", 1)
    assert b'data-value="L1\xe2\x80\x93L2"' in (cohort / "index.html").read_bytes()
    corrections.undo(cohort / "a_fine")
    assert (cohort / "index.html").read_bytes() == before
    app(["report", str(cohort / "a_fine")], result_action="return_value")
    assert b"a_fine/report.html" in (cohort / "index.html").read_bytes()


def test_a_page_that_cannot_be_renewed_leaves_the_correction_alone(cohort, monkeypatch, caplog):
    from spondyl.report import cohort as page

    def full(*_):
        raise OutputError("no space")

    write_cohort(cohort)
    monkeypatch.setattr(page, "write_text", full)
    corrections.shift(cohort / "a_fine", 1)
    assert Result.read(cohort / "a_fine" / "result.json").vertebrae[0].name == "L1"
    assert ["no space" in record.message for record in caplog.records] == [True]
    monkeypatch.undo()
    (cohort / "index.html").write_text("mine")
    corrections.undo(cohort / "a_fine")
    assert (cohort / "index.html").read_text() == "mine"


def test_the_command_writes_pages_and_lists_them(cohort, capsys):
    shutil.rmtree(cohort / "d_broken")
    app(["report", str(cohort), "--pdf"], result_action="return_value")
    assert capsys.readouterr().out.split()[-1] == str(cohort / "index.html")
    for name in ("a_fine", "b_flagged", "c_unsure"):
        files = Result.read(cohort / name / "result.json").files
        assert {"html", "pdf"} <= set(files)
        assert (cohort / name / files["pdf"]).read_bytes().startswith(b"%PDF")
    app(["report", str(cohort / "a_fine")], result_action="return_value")  # again
    with pytest.raises(AnnotationError, match="found none"):
        app(["report", str(cohort.parent / "scans")], result_action="return_value")


def test_one_damaged_result_does_not_keep_the_others_from_their_reports(cohort, capsys):
    assert app(["report", str(cohort)], result_action="return_value") == 1
    told = capsys.readouterr()
    assert "d_broken" in told.err
    assert "1 of 4 results could not be used" in told.err
    assert all((cohort / name / "report.html").is_file() for name in ("a_fine", "b_flagged", "c_unsure"))
    assert "version 1 expected, found 99" in (cohort / "index.html").read_text("utf-8")
    with pytest.raises(AnnotationError, match="found 99"):
        app(["report", str(cohort / "d_broken")], result_action="return_value")


def test_a_report_bears_the_name_of_its_result(tmp_path):
    """Scans of public data sets are all called ct.nii.gz, in folders of their own."""
    write_image(volume(), tmp_path / "s0001" / "ct.nii.gz")
    write_outputs(
        spine(), volume(), tmp_path / "out" / "s0001", file=tmp_path / "s0001" / "ct.nii.gz", also=("html",)
    )
    page = tmp_path / "out" / "s0001" / "report.html"
    for _ in range(2):
        assert "<h1>s0001</h1>" in page.read_text("utf-8")
        assert "ct.nii.gz" in Reader(page.read_text("utf-8")).text
        corrections.shift(page.parent, 1)
    (tmp_path / "alias").symlink_to(page.parent)
    export_result(tmp_path / "alias", ["html"], tmp_path / "elsewhere")
    assert "<h1>alias</h1>" in (tmp_path / "elsewhere" / "report.html").read_text("utf-8")
    export_result(page.parent, ["html"], tmp_path, name="scan 7")
    assert "<h1>scan 7</h1>" in (tmp_path / "report.html").read_text("utf-8")


def test_a_note_about_a_doubtful_name_reads_well():
    """Names give way to 'this vertebra' in notes; a sentence about the name must bear that."""
    from spondyl.morphometry.gates import improbable
    from spondyl.report.notes import Notes
    from spondyl.result_measurements import MeasuredValue

    doubtful = Vertebra(LABEL_OF["T10"], (0, 0, 0), 0.34)
    refused = MeasuredValue.model_validate(
        {"value": None, "unit": "mm", "refused": vars(improbable(doubtful))}
    )
    notes = Notes()
    notes.of(refused, "T10")
    assert [note.text for note in notes.listed()] == ["Its name is too uncertain (34%)."]


def test_notes_keep_names_apart():
    """Sentences that differ in a number are one note; those about other vertebrae are not."""
    from spondyl.report.notes import Notes
    from spondyl.result_measurements import MeasuredValue
    from spondyl.result_parts import Remark

    def value(*words):
        return MeasuredValue(value=1, unit="deg", remarks=tuple(Remark(code="x", message=w) for w in words))

    notes = Notes()
    notes.of(value("Between T5 and T12.", "Voxels of 3.2 mm."), "curve T5–T12")
    notes.of(value("Between T1 and T5.", "Voxels of 3.3 mm."), "curve T1–T5")
    assert [note.text for note in notes.listed()] == [
        "Between T5 and T12.",
        "Voxels of 3.2 mm.",
        "Between T1 and T5.",
    ]


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_and_sorts(cohort):
    from PIL import Image
    from playwright.sync_api import sync_playwright

    app(["report", str(cohort / "b_flagged")], result_action="return_value")
    Image.new("RGB", (1500, 200)).save(cohort / "a_fine" / "preview.png")  # a slab of a few slices
    asked = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url[:5]))
        page.on("pageerror", lambda error: asked.append(str(error)))
        page.goto(write_cohort(cohort).as_uri())
        small = page.locator("img.thumb").evaluate_all("all => all.map(x => [x.clientWidth, x.clientHeight])")
        assert all(0 < width <= 160 and 0 < height <= 80 for width, height in small)
        page.set_viewport_size({"width": 1000, "height": 800})
        wide = page.locator(".scroll").evaluate("it => it.scrollWidth - it.clientWidth")
        assert wide == 0  # a long reason why a result cannot be read keeps the measurements in sight
        names = page.locator("tbody td:nth-child(2)")
        assert names.all_inner_texts() == ["d_broken", "b_flagged", "c_unsure", "a_fine"]
        page.get_by_role("button", name="numbering").click()
        assert names.all_inner_texts() == ["c_unsure", "b_flagged", "a_fine", "d_broken"]
        page.get_by_role("button", name="scan").click()
        assert names.all_inner_texts() == ["a_fine", "b_flagged", "c_unsure", "d_broken"]
        page.get_by_role("button", name="scan").click()
        assert names.all_inner_texts() == ["d_broken", "c_unsure", "b_flagged", "a_fine"]
        page.get_by_role("link", name="b_flagged").last.click()
        page.wait_for_url("**/report.html")
        assert page.get_by_role("heading", level=1).inner_text() == "b_flagged"
        assert page.locator("figure img").evaluate("image => image.naturalWidth") > 300
        browser.close()
    assert set(asked) <= {"file:", "data:"}
