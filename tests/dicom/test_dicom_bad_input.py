"""What comes from a disk or a network: truncated, damaged, hostile, or not DICOM at all."""

import gc
import random
import zlib
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from series_written import Series, blobs

from spondyl.dicom import find_series, read_series
from spondyl.errors import ImageError, SpondylError

SECRETS = ("secret", "person", "hush4711", "19500102")


@contextmanager
def takes_at_most(most_mb):
    """The system's word for it: tracemalloc takes five times as long over a header of many items."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        pytest.skip("only Linux tells the peak of a process's memory again and again")
    gc.collect()
    reset.write_text("5")
    before = resident_mb("VmHWM")
    yield
    assert resident_mb("VmHWM") - before < most_mb


def resident_mb(which):
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if which in line)
    return int(line.split()[1]) / 1024


@pytest.fixture
def folder(tmp_path):
    return Series().write(tmp_path / "scan")


def patch(file, keyword, value):
    """Overwrite a 16-bit number in a file's header."""
    tag = pydicom.datadict.tag_for_keyword(keyword)
    raw = bytearray(file.read_bytes())
    place = raw.index(tag.to_bytes(4, "big")[1::-1] + tag.to_bytes(4, "big")[:1:-1] + b"US\x02\x00") + 8
    raw[place : place + 2] = value.to_bytes(2, "little")
    file.write_bytes(raw)


def test_pixels_that_are_cut_short(folder):
    file = folder / "IM0004"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ImageError, match=r"IM0004: truncated: 1,436 of 1,536 bytes; copy it again"):
        read_series(folder)


def test_compressed_pixels_that_are_cut_short(tmp_path):
    series = Series(edit=lambda ds, _: ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False))
    folder = series.write(tmp_path)
    file = folder / "IM0004"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ImageError, match=r"IM0004: truncated in its compressed pixels"):
        read_series(folder)


def test_a_header_that_is_cut_short_is_a_missing_slice(folder):
    file = folder / "IM0004"
    file.write_bytes(file.read_bytes()[:600])
    read = read_series(folder)
    assert len(read.slices) == 8
    assert any("were interpolated" in note for note in read.notes)


def test_files_without_pixels(folder):
    for file in folder.iterdir():
        ds = pydicom.dcmread(file)
        del ds.PixelData
        ds.save_as(file)
    with pytest.raises(ImageError, match="no pixels in the file"):
        read_series(folder)


@pytest.mark.parametrize("size", [(60_000, 60_000), (8_000, 8_000), (0, 32), (24, 33)])
def test_sizes_that_the_file_does_not_hold(size, folder):
    for file in folder.iterdir():
        patch(file, "Rows", size[0])
        patch(file, "Columns", size[1])
    with takes_at_most(50), pytest.raises(ImageError):
        read_series(folder)


def test_a_codestream_of_another_size_than_its_header(tmp_path):
    gdcm = pytest.importorskip("gdcm")
    folder = Series(hu=blobs((4, 24, 32))).write(tmp_path)
    for file in sorted(folder.iterdir()):
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(file))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEG2000Lossless))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(file))
        assert writer.Write()
        raw = bytearray(file.read_bytes())
        place = raw.index(b"\xff\x4f\xff\x51") + 8
        raw[place : place + 8] = (50_000).to_bytes(4, "big") * 2
        file.write_bytes(raw)
    with pytest.raises(ImageError, match=r"JPEG 2000.*another size than in the header"):
        read_series(folder)


def test_a_deflated_file_is_no_bomb(folder, tmp_path):
    for file in folder.iterdir():
        ds = pydicom.dcmread(file)
        ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        ds.add_new(0x00091001, "OB", bytes(200 << 20) if file.name == "IM0004" else b"")
        ds.save_as(file)
    assert (folder / "IM0004").stat().st_size < 1 << 20
    with takes_at_most(200):
        assert len(read_series(folder).slices) == 8


def test_a_deflated_header_is_no_bomb(tmp_path):
    """A few kilobytes that unfold to a million empty items, which pydicom would keep as a gigabyte."""
    Series(hu=blobs((4, 16, 16))).write_enhanced(tmp_path / "plain" / "IM")
    content = (tmp_path / "plain" / "IM").read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    place = content.index(b"\x00\x52\x30\x92SQ")
    items = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\xfe\xff\x0d\xe0\0\0\0\0" * 1_000_000
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(content[start : place + 8] + b"\xff" * 4 + items) + packer.flush()
    head = content[:start].replace(b"\x14\x001.2.840.10008.1.2.1\0", b"\x16\x001.2.840.10008.1.2.1.99")
    (tmp_path / "bomb").write_bytes(head[:140] + (start - 142).to_bytes(4, "little") + head[144:] + packed)
    assert len(packed) < 100_000
    with takes_at_most(200), pytest.raises(ImageError, match="damaged"):
        find_series(tmp_path / "bomb")


@pytest.mark.parametrize(
    ("keyword", "value"), [("BitsAllocated", 12), ("BitsStored", 0), ("HighBit", 15), ("SamplesPerPixel", 3)]
)
def test_impossible_pixels(keyword, value, folder):
    for file in folder.iterdir():
        patch(file, keyword, value)
    with pytest.raises(ImageError):
        read_series(folder)


def test_5000_files_of_junk(tmp_path):
    junk = random.Random(5)
    for number in range(5000):
        (tmp_path / f"{number}").write_bytes(junk.randbytes(junk.randrange(200)))
    with pytest.raises(ImageError, match="no DICOM file among 5000 files"):
        find_series(tmp_path)


def test_junk_beside_a_series_does_no_harm(folder):
    (folder / "notes.txt").write_text("DICM")
    (folder / "empty").write_bytes(b"")
    (folder / "preamble").write_bytes(bytes(128) + b"DICM")
    (folder / "half").write_bytes((folder / "IM0001").read_bytes()[:200])
    assert len(read_series(folder).slices) == 9


def test_messages_and_logs_do_not_tell_who_it_is(folder, caplog):
    caplog.set_level(0)
    told = []
    for damage in (lambda raw: raw[:-100], lambda raw: raw[:700], lambda raw: raw[:300]):
        file = folder / "IM0004"
        whole = file.read_bytes()
        file.write_bytes(damage(whole))
        try:
            told.append(repr(read_series(folder)))
        except ImageError as error:
            told.append(str(error))
        file.write_bytes(whole)
    told += [repr(find_series(folder)), caplog.text]
    assert not [secret for secret in SECRETS if secret in " ".join(told).lower()]


@pytest.mark.parametrize("kind", ["plain", "multi-frame", "compressed"])
def test_damage_anywhere_is_read_or_refused(kind, tmp_path):
    series = Series(hu=blobs((4, 16, 16)))
    if kind == "compressed":
        series.edit = lambda ds, _: ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    if kind == "multi-frame":
        series.write_enhanced(tmp_path / "IM0000")
    else:
        series.write(tmp_path)
    file, dice = tmp_path / "IM0000", random.Random(kind)
    whole = file.read_bytes()
    outcomes = set()
    for _ in range(40):
        raw = bytearray(whole)
        if dice.random() < 0.3:
            del raw[dice.randrange(132, len(raw)) :]
        for _ in range(dice.choice((1, 5))):
            raw[dice.randrange(132, len(raw))] = dice.randrange(256)
        file.write_bytes(raw)
        try:
            outcomes.add(type(read_series(tmp_path)).__name__)
        except SpondylError as error:
            outcomes.add(type(error).__name__)
    assert outcomes <= {"DicomSeries", "ImageError"}
