"""What is told of errors, addresses and studies: enough to help, nothing of a patient, no password."""

import pytest
from node_fakes import make_slices, write_slices

from spondyl.dicom.node.words import address, anonymous, told


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@pacs:8042/dicom-web", "https://pacs:8042/dicom-web"),
        ("https://me:hun@ter2@pacs/", "https://pacs/"),
        ("http://pacs/web?token=hunter2", "http://pacs/web"),
        ("http://pacs/web#hunter2", "http://pacs/web"),
        ("http://pacs/a@b", "http://pacs/a@b"),
    ],
)
def test_addresses_without_passwords(url, shown):
    assert address(url) == shown


def test_errors_by_kind_and_place():
    with pytest.raises(OSError, match="No space") as full:
        raise OSError(28, "No space left on device", "/store/Geheim")
    assert told(full.value).startswith("OSError (No space left on device) in test_node_words.py:")
    with pytest.raises(ValueError, match="Geheim") as other:
        raise ValueError("Geheim")
    assert told(other.value).startswith("ValueError in test_node_words.py:")


@pytest.mark.parametrize(
    ("name", "charset", "words"),
    [
        (
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            ["", "ISO 2022 IR 87"],
            ["Yamada", "Tarou", "山田", "太郎", "やまだ"],
        ),
        ("Wang^XiaoDong=王^小东", "GB18030", ["Wang", "XiaoDong", "王", "小东"]),
        ("Müller^Zoë", "ISO_IR 100", ["Müller", "Zoë"]),
        ("Люкceмбypг^Ян", "ISO_IR 144", ["Люкceмбypг", "Ян"]),
        ("Ngô^Ủy", "ISO_IR 192", ["Ngô", "Ủy"]),
    ],
)
def test_names_of_all_scripts_are_taken_out(tmp_path, name, charset, words):
    slices = make_slices(1)
    slices[0].SpecificCharacterSet, slices[0].PatientName = charset, name
    study = write_slices(slices, tmp_path / "study")
    text = f"{study}: {' of '.join(words)} has no spine"
    assert anonymous(text, study) == f"study: {' of '.join(['[...]'] * len(words))} has no spine"
