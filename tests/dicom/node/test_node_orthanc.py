"""Against a real Orthanc and dcmtk's programs."""

import json
import re
from pathlib import Path

import pytest
from node_fakes import NAME, FakeProcess, write_slices
from node_pacs import Orthanc, dcmtk, needs, read_back, wait_until
from pydicom import dcmread

from spondyl.cli import app
from spondyl.dicom.node import Node, Peer
from spondyl.dicom.node.archive_dicom import DicomArchive
from spondyl.dicom.node.archive_web import WebArchive
from spondyl.dicom.node.study import State
from spondyl.dicom.node.upkeep import list_studies
from spondyl.errors import InputError, TransferError

pytestmark = [needs("storescu", "findscu", "echoscu")]


@pytest.fixture
def start(settings, process, orthanc, peer):
    """Starts a node that Orthanc knows and that answers to it."""
    running = []

    def start(doing=process, **more):
        node = Node(settings(**{"send_to": peer, "allow": (orthanc.title, "STORESCU"), **more}), doing)
        node.start()
        running.append(node)
        orthanc.know("SPONDYL", node.config.port)
        return node

    yield start
    for node in running:
        node.stop(grace_s=1)


@pytest.fixture
def stored(orthanc, slices, tmp_path):
    """A study that lies in Orthanc; gives its UID."""
    for file in sorted(write_slices(slices, tmp_path / "ct").iterdir()):
        orthanc.send("/instances", file.read_bytes())
    return slices[0].StudyInstanceUID


@pytest.mark.parametrize("way", ["store", "stow"])
def test_from_orthanc_and_back(orthanc, start, stored, slices, way):
    node = start(**({} if way == "store" else {"send_to": None, "stow": orthanc.web}))
    (number,) = orthanc_studies(orthanc, stored)
    orthanc.send("/modalities/spondyl/store", {"Resources": [number], "Synchronous": True})
    assert {read_back(orthanc, stored, kind).Modality for kind in ("SEG", "SR")} == {"SEG", "SR"}
    wait_until(lambda: [study.state for study in list_studies(node.queue)] == [State.DONE], "done")
    assert sorted(file.name for file in node.store.results(1).iterdir()) == ["1-seg.dcm", "2-sr.dcm"]
    for file in node.store.results(1).iterdir():
        sent = dcmread(file)
        assert read_back(orthanc, stored, sent.Modality).SOPInstanceUID == sent.SOPInstanceUID


def test_the_routing_of_the_page(start, slices, tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "pacs.md").read_text(encoding="utf-8")
    (tmp_path / "spondyl.lua").write_text(*re.findall(r"```lua\n(.*?)```", page, re.DOTALL))
    router = Orthanc(tmp_path / "router", StableAge=1, LuaScripts=[str(tmp_path / "spondyl.lua")])
    router.start()
    try:
        node = start(send_to=Peer(title=router.title, host="127.0.0.1", port=router.port))
        router.know("SPONDYL", node.config.port)
        for file in sorted(write_slices(slices, tmp_path / "ct").iterdir()):
            router.send("/instances", file.read_bytes())
        study = slices[0].StudyInstanceUID
        assert read_back(router, study, "SR").StudyInstanceUID == study
        wait_until(lambda: list_studies(node.queue)[0].state == State.DONE, "done")
    finally:
        router.stop()


def orthanc_studies(orthanc, study):
    return json.loads(orthanc.send("/tools/find", {"Level": "Study", "Query": {"StudyInstanceUID": study}}))


def test_from_dcmtk_to_orthanc(orthanc, start, slices, tmp_path):
    node = start()
    assert (
        dcmtk("echoscu", "-aet", "STORESCU", "-aec", "SPONDYL", "127.0.0.1", node.config.port).returncode == 0
    )
    folder = write_slices(slices, tmp_path / "ct")
    to = ("127.0.0.1", node.config.port)
    assert dcmtk("storescu", "-aec", "SPONDYL", "+sd", *to, folder).returncode == 0
    study = slices[0].StudyInstanceUID
    wait_until(lambda: orthanc.instances(study, "SR"), "the report is in Orthanc")
    keys = [
        word for key in (f"StudyInstanceUID={study}", "Modality", "SOPInstanceUID") for word in ("-k", key)
    ]
    level = ("-k", "QueryRetrieveLevel=SERIES")
    found = dcmtk("findscu", "-S", "-aec", orthanc.title, *level, *keys, "127.0.0.1", orthanc.port)
    assert found.returncode == 0
    assert all(f"CS [{kind}" in found.stdout + found.stderr for kind in ("SEG", "SR"))


def test_dcmtk_is_told_why_it_is_refused(start, slices, tmp_path):
    node = start(max_instances=2)
    folder = write_slices(slices, tmp_path / "ct")
    to = ("127.0.0.1", node.config.port)
    wrong = dcmtk("storescu", "-aet", "STRANGER", "-aec", "SPONDYL", "+sd", *to, folder)
    assert "Calling AE Title Not Recognized" in wrong.stderr
    wrong = dcmtk("storescu", "-aec", "OTHER", "+sd", *to, folder)
    assert "Called AE Title Not Recognized" in wrong.stderr
    large = dcmtk("storescu", "-v", "-aec", "SPONDYL", "+sd", *to, folder)
    assert "Refused: OutOfResources" in large.stdout + large.stderr
    assert list_studies(node.queue)[0].error == "more than 2 instances"


@pytest.fixture(params=["dicom", "web"])
def archive_of(request, orthanc, peer):
    return DicomArchive(peer) if request.param == "dicom" else WebArchive(orthanc.web)


def test_searched_without_patients(archive_of, stored):
    found = {study.uid: study for study in archive_of.find("20260101-20260103")}
    assert (found[stored].date, found[stored].modalities, found[stored].instances) == ("20260102", ("CT",), 3)
    assert stored not in {study.uid for study in archive_of.find("20250101")}
    assert NAME not in repr(found)


def test_pulled(archive_of, stored, slices, tmp_path):
    counts = []
    files = archive_of.fetch(stored, tmp_path / "out", progress=counts.append)
    assert counts == [1, 2, 3]
    assert {dcmread(file).SOPInstanceUID: dcmread(file).PixelData for file in files} == {
        slice_.SOPInstanceUID: slice_.PixelData for slice_ in slices
    }
    assert all(file.parent == tmp_path / "out" / stored / slices[0].SeriesInstanceUID for file in files)


def test_what_is_not_there(archive_of, tmp_path):
    with pytest.raises(TransferError, match="no CT series"):
        archive_of.fetch("1.2.3", tmp_path)
    with pytest.raises(InputError, match="expected a DICOM UID"):
        archive_of.fetch("../1", tmp_path)
    with pytest.raises(InputError, match="YYYYMMDD"):
        archive_of.find("yesterday")
    assert list(tmp_path.iterdir()) == []


def test_moved_to_the_node(peer, start, stored, orthanc):
    start()
    assert DicomArchive(peer).move(stored, "SPONDYL") == 1
    assert read_back(orthanc, stored, "SEG").Modality == "SEG"
    with pytest.raises(TransferError, match="status 0x"):
        DicomArchive(peer).move(stored, "UNKNOWN")


def test_pull_on_the_command_line(orthanc, peer, stored, tmp_path, capsys):
    def typed(*words):
        app(["pull", *map(str, words)], result_action="return_value")
        return capsys.readouterr().out

    assert stored in typed("--from", peer, "--date", "20260102")
    assert f'"uid": "{stored}"' in typed("--web", orthanc.web, "--json")
    assert "3 objects" in typed("--web", orthanc.web, "--study", stored, "-o", tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 3
    for words in (["--study", stored], ["--study", stored, "-o", "x", "--move-to", "Y"]):
        with pytest.raises(InputError, match="either --output or --move-to"):
            typed("--from", peer, *words)
    with pytest.raises(InputError, match="either --from or --web"):
        typed()


def test_orthanc_down_then_up(start, orthanc, diary, slices, tmp_path):
    """The PACS is restarted while a study is on its way."""
    node = start(FakeProcess(diary))
    orthanc.stop()
    folder = write_slices(slices, tmp_path / "ct")
    assert dcmtk("storescu", "-aec", "SPONDYL", "+sd", "127.0.0.1", node.config.port, folder).returncode == 0
    wait_until(lambda: list_studies(node.queue)[0].error, "sending fails")
    orthanc.start()
    study = slices[0].StudyInstanceUID
    wait_until(lambda: list_studies(node.queue)[0].state == State.DONE, "the results are delivered")
    assert [len(orthanc.instances(study, kind)) for kind in ("SEG", "SR")] == [1, 1]
    assert diary.read_text().count("begin") == 1
