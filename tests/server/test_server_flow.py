"""From an upload to a corrected result, through the real server and its worker process."""

import gzip
import io
import json
import zipfile

import nibabel as nib
import numpy as np
import pytest
from server_client import send, settled, toy_series

from readers import CENTRES
from spondyl import read_image
from spondyl.datasets import find_cases
from spondyl.relabel import shift
from spondyl.result import Result


def image_of(answer):
    answer.raise_for_status()
    return nib.Nifti1Image.from_bytes(gzip.decompress(answer.content))


def test_a_scan_becomes_a_result(working, scan):
    answer = send(working, scan)
    assert answer.status_code == 202
    case = answer.json()["id"]
    info = settled(working, case)
    assert (info["name"], info["state"], info["progress"]) == ("patient", "done", 1)
    assert info["vertebrae"] == ["L1", "L2", "S1"]
    result = Result.model_validate(working.get(f"/api/cases/{case}/result").json())
    assert result.scan.file == "patient"
    for found in result.vertebrae:
        np.testing.assert_allclose(found.centroid_mm, CENTRES[found.name], atol=1)
    done = working.get("/api/cases", params={"state": "done"}).json()
    assert done[0]["id"] == case


def test_image_and_mask_share_their_grid(working, kept, scan):
    image, mask = image_of(working.get(f"{kept}/image")), image_of(working.get(f"{kept}/mask"))
    assert image.get_data_dtype() == np.int16
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_allclose(image.affine, mask.affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj), read_image(scan).data)
    assert set(np.unique(mask.dataobj)) == {0, 20, 21, 26}


@pytest.mark.parametrize("plane", ["sagittal", "coronal"])
def test_strip_says_where_vertebrae_are(working, kept, plane):
    from PIL import Image

    picture = Image.open(io.BytesIO(working.get(f"{kept}/strip/{plane}.png").raise_for_status().content))
    place = working.get(f"{kept}/strip/{plane}.json").raise_for_status().json()
    assert picture.size == (place["width"], place["height"])
    grey = np.asarray(picture)
    assert [found["name"] for found in place["vertebrae"]] == ["L1", "L2", "S1"]
    for found in place["vertebrae"]:
        column, row = round(found["x"]), round(found["y"])
        assert grey[row, column] > 100  # bone at the vertebra, air above it
        assert grey[row - round(9 / place["mm_per_pixel"][1]), column] < 50
        z = place["top_mm"] - found["y"] * place["mm_per_pixel"][1]
        across = place["left_mm"] - found["x"] * place["mm_per_pixel"][0]
        x, y, height = CENTRES[found["name"]]
        expected = (y, x) if plane == "sagittal" else (x, y)
        np.testing.assert_allclose((across, place["depth_mm"][row]), expected, atol=1.5)
        assert z == pytest.approx(height, abs=1)


def test_a_correction_reaches_list_result_and_mask(working, case):
    answer = working.post(f"{case}/corrections", json={"kind": "relabel", "vertebra": "L1", "name": "T12"})
    assert [found["name"] for found in answer.json()["vertebrae"]] == ["T12", "L1", "L5"]
    measured = answer.json()["measurements"]
    assert [found["name"] for found in measured["vertebrae"]] == ["T12", "L1", "L5"]
    assert '"renamed"' not in json.dumps(measured)  # measured again, not only renamed
    info = working.get(case).json()
    assert (info["corrected"], info["undo"], info["vertebrae"]) == (True, 1, ["T12", "L1", "L5"])
    assert set(np.unique(image_of(working.get(f"{case}/mask")).dataobj)) == {0, 19, 20, 24}
    assert working.post(f"{case}/undo").json()["history"] == []
    assert working.get(case).json()["corrected"] is False
    assert working.post(f"{case}/undo").status_code == 422


def test_vertebrae_are_moved_deleted_and_added(working, case):
    def correct(**body):
        answer = working.post(f"{case}/corrections", json=body)
        assert answer.status_code == 200, answer.text
        return [found["name"] for found in answer.json()["vertebrae"]]

    before = working.get(f"{case}/result").json()
    assert correct(kind="delete", vertebra="S1") == ["L1", "L2"]
    assert set(np.unique(image_of(working.get(f"{case}/mask")).dataobj)) == {0, 20, 21}
    assert correct(kind="add", name="L3", centroid_mm=[31, 18, 20]) == ["L1", "L2", "L3"]
    assert correct(kind="move", vertebra="L2", centroid_mm=[30, 20, 41]) == ["L1", "L2", "L3"]
    assert working.get(f"{case}/result").json()["vertebrae"][1]["centroid_mm"] == [30, 20, 41]
    assert correct(kind="shift", by=1) == ["L2", "L3", "L4"]
    last = working.get(f"{case}/result").json()
    for _ in range(4):
        working.post(f"{case}/undo").raise_for_status()
    assert working.get(f"{case}/result").json() == before
    assert working.get(case).json()["redo"] == 4
    for _ in range(4):
        working.post(f"{case}/redo").raise_for_status()
    assert working.get(f"{case}/result").json() == last
    assert working.post(f"{case}/redo").json()["detail"].startswith("nothing to redo")
    working.post(f"{case}/undo")
    assert correct(kind="delete", vertebra="L1") == ["L2", "L3"]
    assert working.get(case).json()["redo"] == 0


def test_a_whole_numbering_is_one_correction(working, case):
    def renumber(*names):
        return working.post(f"{case}/corrections", json={"kind": "renumber", "names": names})

    assert [one["name"] for one in renumber("T12", "L1", "L6").json()["vertebrae"]] == ["T12", "L1", "L6"]
    assert set(np.unique(image_of(working.get(f"{case}/mask")).dataobj)) == {0, 19, 20, 25}
    assert renumber("T12", "L1").json()["detail"].startswith("2 names for 3 vertebrae")
    assert "two vertebrae would be called L1" in renumber("L1", "L1", "L6").json()["detail"]
    assert working.post(f"{case}/undo").json()["history"] == []
    assert [one["name"] for one in renumber(None, "T12", "L1").json()["vertebrae"]] == ["T12", "L1"]
    assert set(np.unique(image_of(working.get(f"{case}/mask")).dataobj)) == {0, 19, 20}
    assert working.post(f"{case}/undo").json()["history"] == []


def test_two_people_at_one_case_do_not_undo_each_other(working, case):
    seen = working.get(f"{case}/result").headers["etag"]
    first = {"kind": "relabel", "vertebra": "L1", "name": "T12"}
    answer = working.post(f"{case}/corrections", json=first, headers={"If-Match": seen})
    assert (answer.status_code, answer.headers["etag"] != seen) == (200, True)
    late = working.post(f"{case}/corrections", json=first, headers={"If-Match": seen})
    assert (late.status_code, "corrected elsewhere" in late.json()["detail"]) == (412, True)
    assert working.post(f"{case}/undo", headers={"If-Match": seen}).status_code == 412
    now = working.get(f"{case}/result")
    assert now.headers["etag"] == answer.headers["etag"] == f'"{working.get(case).json()["revision"]}"'
    assert [found["name"] for found in now.json()["vertebrae"]] == ["T12", "L1", "L5"]
    weakened = f"W/{now.headers['etag']}"  # as a proxy that compresses makes it
    undone = working.post(f"{case}/undo", headers={"If-Match": weakened})
    assert undone.json()["history"] == []
    assert undone.headers["etag"] not in {seen, now.headers["etag"]}  # the way back is a change, too
    assert working.post(f"{case}/corrections", json=first).status_code == 200  # scripts may do without


def test_a_correction_that_a_kill_cut_short_is_caught_up(working, case):
    """The files were swapped, the list was not told."""
    here = working.context
    shift(here.data.case(case[-32:]).result, 1, image=here.data.case(case[-32:]).image)
    assert working.get(case).json()["undo"] == 0
    assert [one["name"] for one in working.get(f"{case}/result").json()["vertebrae"]] == ["L2", "L3", "S2"]
    assert working.get(case).json()["undo"] == 1
    assert set(np.unique(image_of(working.get(f"{case}/mask")).dataobj)) == {0, 21, 22, 27}


REFUSED = [
    ({"kind": "relabel", "vertebra": "C3", "name": "C4"}, "there is no C3"),
    ({"kind": "relabel", "vertebra": "X", "name": "C4"}, "'X' is not a vertebra name"),
    ({"kind": "move", "vertebra": "L1", "centroid_mm": [0, 0, 5000]}, "outside of the scan"),
    ({"kind": "move", "vertebra": "L1", "centroid_mm": [0, 0]}, "body.move.centroid_mm"),
    ({"kind": "add", "name": "L1", "centroid_mm": [30, 20, 40]}, "there is a L1 already"),
    ({"kind": "shift", "by": 0}, "changes nothing"),
    ({"kind": "shift", "by": -25}, "would leave C1..S2"),
    ({"kind": "paint"}, "body"),
]


def test_a_wrong_correction_is_refused_in_words(working, kept):
    for body, why in REFUSED:
        answer = working.post(f"{kept}/corrections", json=body)
        assert answer.status_code == 422
        assert why in answer.json()["detail"]
        assert "cases/" not in answer.json()["detail"]
    assert working.get(kept).json()["corrected"] is False


def test_export_is_a_zip_of_what_was_asked_for(working, kept):
    answer = working.get(f"{kept}/export", params={"formats": "csv,nrrd,preview"})
    assert answer.headers["content-disposition"] == 'attachment; filename="patient.zip"'
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert sorted(names) == ["centroids.csv", "mask.seg.nrrd", "preview.png", "result.json"]
    assert working.get(f"{kept}/export", params={"formats": "docx"}).status_code == 422
    assert working.get(f"{kept}/export").status_code == 422


def test_a_series_comes_back_as_dicom_objects(working, tmp_path):
    """Sent file by file, as a browser sends a folder; SEG and SR refer to its images."""
    pydicom = pytest.importorskip("pydicom")
    files = sorted(toy_series(tmp_path / "series").iterdir())
    case = f"/api/cases/{send(working, *files).json()['id']}"
    assert settled(working, case[-32:])["vertebrae"] == ["L1", "L2", "S1"]
    words = [one["name"] for one in working.get(f"{case}/formats").json()]
    assert {"dicom-seg", "dicom-sr", "rtstruct", "mask"} <= set(words)
    working.post(f"{case}/corrections", json={"kind": "shift", "by": -1}).raise_for_status()
    answer = working.get(f"{case}/export", params={"formats": "dicom-seg,dicom-sr"}).raise_for_status()
    bundle = zipfile.ZipFile(io.BytesIO(answer.content))
    assert bundle.namelist() == ["report.dcm", "result.json", "segmentation.dcm"]
    segmentation = pydicom.dcmread(io.BytesIO(bundle.read("segmentation.dcm")))
    assert [one.SegmentLabel for one in segmentation.SegmentSequence] == ["T12", "L1", "L5"]
    assert segmentation.StudyInstanceUID == pydicom.dcmread(files[0]).StudyInstanceUID
    working.post(f"{case}/undo")


def test_every_format_offered_can_be_had(working, kept):
    words = [one["name"] for one in working.get(f"{kept}/formats").json()]
    assert not [word for word in words if word.startswith(("dicom", "rt"))]
    answer = working.get(f"{kept}/export", params={"formats": ",".join(words)}).raise_for_status()
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert len({name.partition("/")[0] for name in names}) == len(words) + 1


def test_corrected_cases_become_a_data_set(working, case, tmp_path):
    working.post(f"{case}/corrections", json={"kind": "shift", "by": 1}).raise_for_status()
    answer = working.get("/api/training-set").raise_for_status()
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    found = {one.name.removesuffix(case[-32:][:8]): one for one in find_cases(tmp_path)}
    scan, spine = found["sub-patient"].load()
    assert spine.names == ("L2", "L3", "S2")
    assert scan.data.shape == (64, 41, 75)
    assert set(np.unique(spine.mask.data)) == {0, 21, 22, 27}
    working.post(f"{case}/corrections", json={"kind": "add", "name": "L4", "centroid_mm": [31, 18, 20]})
    answer = working.get("/api/training-set").raise_for_status()
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "more")
    found = {one.name.removesuffix(case[-32:][:8]): one for one in find_cases(tmp_path / "more")}
    _, spine = found["sub-patient"].load()
    assert spine.names == ("L2", "L3", "L4", "S2")
    assert spine.mask is None  # it would teach that L4 is background
    working.post(f"{case}/undo")
    working.post(f"{case}/undo")


def test_training_takes_the_data_set(working, case, tmp_path):
    """One step of each network, from what the server gave."""
    pytest.importorskip("torch")
    from spondyl.cli import app

    working.post(f"{case}/corrections", json={"kind": "shift", "by": 1}).raise_for_status()
    answer = working.get("/api/training-set").raise_for_status()
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "set")
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(TINY)
    words = [tmp_path / "set", tmp_path / "set", tmp_path / "model", "--recipe", recipe, "--iterations", 1]
    words += ["--checkpoints", tmp_path / "checkpoints", "--logs", tmp_path / "logs", "--device", "cpu"]
    app(["train", "identification", *map(str, words)], result_action="return_value")
    assert (tmp_path / "model" / "model.json").is_file()
    working.post(f"{case}/undo")


TINY = """name: spondyl
identification: {spacing_mm: 4.0, patch_vox: [16, 16, 24], widths: [4, 8, 8]}
training: {iterations: 1, batch_size: 1, warmup: 1, phantoms: 0}
"""


def test_files_of_a_result(working, kept):
    assert Result.model_validate_json(working.get(f"{kept}/files/result.json").content).vertebrae
    answer = working.get(f"{kept}/files/secret.txt")
    assert answer.status_code == 404
    assert "centroids.json" in answer.json()["detail"]


def test_what_is_no_scan_fails_with_a_reason(working):
    info = settled(working, send(working, ("notes.nii.gz", b"hello")).json()["id"])
    assert info["state"] == "failed"
    assert info["error"].startswith("notes: not gzip-compressed")
    assert working.get(f"/api/cases/{info['id']}/result").status_code == 409
    assert working.post(f"/api/cases/{info['id']}/retry").json()["state"] == "queued"
    assert settled(working, info["id"])["state"] == "failed"


def test_a_deleted_case_leaves_nothing(working, case):
    folder = working.context.data.case(case.rpartition("/")[2]).folder
    assert folder.is_dir()
    assert working.delete(case).status_code == 204
    assert working.get(case).status_code == 404
    assert not folder.exists()
