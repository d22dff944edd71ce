import json

import pytest
from datasets_helpers import FakeFile, sha256, zip_of

from spondyl.datasets import find_cases
from spondyl.datasets.download import download
from spondyl.datasets.registry import SOURCES, HuggingFace, Part, Source, Zenodo
from spondyl.errors import DownloadError

SPINE = {"spine-1/patient0001/1/1.nii.gz": b"image", "spine-1/patient0001/1/1.lml": b"text"}
TEST = {"spine-test-data/9.nii.gz": b"image", "spine-test-data/9.lml": b"text"}


def _files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _zip_source(server, body, checksum=None, **behaviour):
    server.files["/a.zip"] = FakeFile(body, **behaviour)
    part = Part("verse20test", "testing_dataset", "a.zip", f"{server.url}/a.zip", checksum)
    return Source("verse", "VerSe", "CC BY-SA 4.0", "http://page", (part,))


@pytest.fixture
def verse_zip(tmp_path):
    members = {
        "dataset/rawdata/sub-1/sub-1_ct.nii.gz": bytes(range(256)) * 100,
        "dataset/derivatives/sub-1/sub-1_seg-subreg_ctd.json": b"[]",
    }
    return zip_of(tmp_path / "made" / "a.zip", members)


def test_archive_is_fetched_unpacked_and_not_fetched_twice(server, tmp_path, verse_zip):
    source = _zip_source(server, verse_zip, sha256(verse_zip))
    out = tmp_path / "out"
    (folder,) = download(source, out)
    assert folder == out / "testing_dataset" / "verse20test"
    assert _files(out) == [
        "testing_dataset/verse20test/.spondyl-source.json",
        "testing_dataset/verse20test/derivatives/sub-1/sub-1_seg-subreg_ctd.json",
        "testing_dataset/verse20test/rawdata/sub-1/sub-1_ct.nii.gz",
    ]
    assert [case.name for case in find_cases(out)] == ["sub-1"]
    assert json.loads((folder / ".spondyl-source.json").read_text())["licence"] == "CC BY-SA 4.0"
    asked = len(server.requests)
    assert download(source, out) == [folder]
    assert len(server.requests) == asked


def test_archive_may_be_kept(server, tmp_path, verse_zip):
    download(_zip_source(server, verse_zip), tmp_path / "out", keep=True)
    assert (tmp_path / "out" / "downloads" / "a.zip").read_bytes() == verse_zip


def test_archive_cut_short_at_the_server_leaves_nothing_half_unpacked(server, tmp_path, verse_zip):
    with pytest.raises(DownloadError, match="not an intact zip"):
        download(_zip_source(server, verse_zip[:-40]), tmp_path / "out")
    assert _files(tmp_path / "out") == ["downloads/a.zip"]


def test_folder_of_the_users_is_left_alone(server, tmp_path, verse_zip):
    mine = tmp_path / "out" / "testing_dataset" / "verse20test" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    with pytest.raises(DownloadError, match="there already"):
        download(_zip_source(server, verse_zip), tmp_path / "out")
    assert mine.read_text() == "precious"
    assert server.requests == []


def test_biomedia_says_what_to_do_by_hand(tmp_path):
    with pytest.raises(DownloadError) as caught:
        download("biomedia", tmp_path)
    message = str(caught.value)
    assert "https://imperialcollegelondon.app.box.com/s/erhcm28aablpy1725lt93xh6pk31ply1" in message
    assert "spine-1.zip, spine-2.zip, spine-3.zip, spine-4.zip, spine-5.zip, spine-test-data.zip" in message
    assert str(tmp_path / "downloads") in message
    assert "\n" not in message


@pytest.mark.parametrize("place", ["from", "folder", "downloads"])
def test_biomedia_archives_are_found_and_unpacked(tmp_path, place):
    out = tmp_path / "out"
    where = {"from": tmp_path / "elsewhere", "folder": out, "downloads": out / "downloads"}[place]
    zip_of(where / "spine-1 (1).zip", SPINE)  # browsers number a second copy
    zip_of(where / "spine-test-data.zip", TEST)
    archives = where if place == "from" else None
    made = download("biomedia", out, parts=["spine-1", "spine-test-data"], archives=archives)
    assert made == [out / "training_dataset" / "spine-1", out / "testing_dataset" / "spine-test-data"]
    assert [case.name for case in find_cases(out / "training_dataset")] == ["1"]
    assert [case.name for case in find_cases(out / "testing_dataset")] == ["9"]
    assert (where / "spine-test-data.zip").exists()  # the user's own file


def test_biomedia_folder_that_the_browser_unpacked_is_taken(tmp_path):
    (tmp_path / "from" / "spine-1" / "patient1").mkdir(parents=True)
    (tmp_path / "from" / "spine-1" / "patient1" / "1.nii.gz").write_bytes(b"")
    download("biomedia", tmp_path / "out", parts=["spine-1"], archives=tmp_path / "from")
    assert (tmp_path / "out" / "training_dataset" / "spine-1" / "patient1" / "1.nii.gz").exists()


def test_biomedia_takes_what_is_there_and_asks_only_for_the_rest(tmp_path):
    zip_of(tmp_path / "spine-1.zip", SPINE)
    with pytest.raises(DownloadError, match=r"download spine-2\.zip, .*spine-test-data\.zip into"):
        download("biomedia", tmp_path)
    assert (tmp_path / "training_dataset" / "spine-1" / "patient0001").is_dir()


def _zenodo(server, archive, checksum):
    old = {"links": {"latest": f"{server.url}/api/records/7/versions/latest"}, "files": []}
    files = [
        {"key": "Totalsegmentator_dataset_small_v9.zip", "size": 1, "links": {"self": "http://127.0.0.1:1/"}},
        {
            "key": "Totalsegmentator_dataset_v9.zip",
            "size": len(archive),
            "checksum": checksum,
            "links": {"self": f"{server.url}/content"},
        },
        {"key": "README.md", "size": 10**12, "links": {"self": "http://127.0.0.1:1/"}},
    ]
    for path, answer in {"/api/records/6": old, "/api/records/7/versions/latest": {"files": files}}.items():
        server.files[path] = FakeFile(json.dumps(answer).encode(), content_type="application/json")
    server.files["/content"] = FakeFile(archive)
    (part,) = SOURCES["totalsegmentator"].parts
    service = Zenodo("6", "totalsegmentator_dataset", f"{server.url}/api")
    return Source("totalsegmentator", "", "CC BY 4.0", "http://page", (part,), service=service)


def test_zenodo_newest_version_with_the_official_split(server, tmp_path):
    members = {"meta.csv": b"image_id;age;split\ns0001;40;train\ns0002;50;test\n"}
    for name in ("s0001", "s0002"):
        members |= {f"{name}/ct.nii.gz": b"1", f"{name}/segmentations/vertebrae_L1.nii.gz": b"2"}
        members[f"{name}/segmentations/liver.nii.gz"] = b"3"
    archive = zip_of(tmp_path / "made.zip", members)
    (folder,) = download(_zenodo(server, archive, sha256(archive)), tmp_path / "out")
    assert [p for p in _files(tmp_path / "out") if ".spondyl" not in p] == [
        "testing_dataset/totalsegmentator/s0002/ct.nii.gz",
        "testing_dataset/totalsegmentator/s0002/segmentations/vertebrae_L1.nii.gz",
        "training_dataset/totalsegmentator/meta.csv",
        "training_dataset/totalsegmentator/s0001/ct.nii.gz",
        "training_dataset/totalsegmentator/s0001/segmentations/vertebrae_L1.nii.gz",
    ]
    assert folder.name == "totalsegmentator"


def test_zenodo_wrong_hash(server, tmp_path):
    with pytest.raises(DownloadError, match="md5"):
        download(_zenodo(server, b"archive", "md5:" + "0" * 32), tmp_path)


def test_zenodo_record_without_archive(server, tmp_path):
    source = _zenodo(server, b"", None)
    server.files["/api/records/7/versions/latest"].body = b'{"files": []}'
    with pytest.raises(DownloadError, match=r"holds no archive.*open http://page"):
        download(source, tmp_path)


def _hugging_face(server):
    api, repo = "/api/datasets/who/what/tree/main/raw", "/datasets/who/what/resolve/main/raw"
    image, mask = b"image" * 1000, b"mask" * 1000

    def entry(path, body):
        return {"type": "file", "path": path, "lfs": {"oid": sha256(body)[7:]}}

    first = [{"type": "directory", "path": "raw/volumes/A"}, entry("raw/volumes/A/1.2.3.nii.gz", image)]
    second = [entry("raw/volumes/A/4.nii.gz", image)]
    answers = {
        f"{api}/volumes/A": (first, f'<{server.url}/more>; rel="next"'),
        "/more": (second, None),
        f"{api}/labels/A": ([entry("raw/labels/A/1.2.3_seg.nii.gz", mask)], None),
    }
    for path, (answer, link) in answers.items():
        server.files[path] = FakeFile(json.dumps(answer).encode(), content_type="application/json", link=link)
    for name in ("1.2.3", "4"):
        server.files[f"{repo}/volumes/A/{name}.nii.gz"] = FakeFile(image)
    server.files[f"{repo}/labels/A/1.2.3_seg.nii.gz"] = FakeFile(mask)
    folders = (("raw/volumes/{part}", "volumes"), ("raw/labels/{part}", "labels"))
    service = HuggingFace("who/what", folders, server.url)
    return Source("ctspine1k", "", "", "http://page", (Part("A", "training_dataset"),), service=service)


def test_hugging_face_files_one_by_one_and_resumed(server, tmp_path):
    source = _hugging_face(server)
    labels = server.files.pop("/datasets/who/what/resolve/main/raw/labels/A/1.2.3_seg.nii.gz")
    server.files["/datasets/who/what/resolve/main/raw/volumes/A/4.nii.gz"].status = 500
    with pytest.raises(DownloadError, match="404"):
        download(source, tmp_path)
    assert not (tmp_path / "training_dataset").exists()
    server.files["/datasets/who/what/resolve/main/raw/labels/A/1.2.3_seg.nii.gz"] = labels
    server.files["/datasets/who/what/resolve/main/raw/volumes/A/4.nii.gz"].status = 200
    (folder,) = download(source, tmp_path)
    cases = find_cases(folder, annotated=False)
    assert [(case.name, case.mask is not None) for case in cases] == [("1.2.3", True), ("4", False)]
    images = [path for path, _ in server.requests if path.endswith("1.2.3.nii.gz")]
    assert len(images) == 1
    asked = len(server.requests)
    download(source, tmp_path)
    assert len(server.requests) == asked


def test_unknown_names_list_the_known(tmp_path):
    with pytest.raises(DownloadError, match="biomedia, verse, totalsegmentator, ctspine1k"):
        download("verze", tmp_path)
    with pytest.raises(DownloadError, match=r"no part spine-9.*spine-test-data"):
        download("biomedia", tmp_path, parts=["spine-9"])
    with pytest.raises(DownloadError, match="expected a folder"):
        download("biomedia", tmp_path, archives=tmp_path / "none")


def test_registry_is_sound():
    for source in SOURCES.values():
        names = [part.name for part in source.parts]
        assert len(set(names)) == len(names)
        assert set(source.default) <= set(names)
        assert source.page.startswith("https://")
        for part in source.parts:
            assert part.role in {"training_dataset", "testing_dataset"}
            assert part.url is None or part.url.startswith("https://")


def test_usual_parts_of_verse_do_not_mix_the_two_editions():
    chosen = SOURCES["verse"].default
    assert chosen == ("verse20training", "verse20validation", "verse20test")
