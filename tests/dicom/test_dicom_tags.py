"""Values of headers that may be shown."""

import pytest
from pydicom import Dataset

from spondyl.dicom.tags import anonymous


@pytest.mark.parametrize(
    ("name", "number", "line", "left"),
    [
        ("Doe^Jane", "4711", "Doe, JANE 4711 spine 1.0", ", spine 1.0"),
        ("Li^Bo", "1", "Li Bo thorax 1 mm, lipid", "thorax 1 mm, lipid"),
        ("Yamada^Tarou=山田^太郎", "", "山田様胸部CT", "様胸部CT"),
        ("Wang^XiaoDong=王^小东", "", "王小东 chest", "chest"),
        ("Müller^Zoë", "", "MÜLLER Müllerian 2 mm", "Müllerian 2 mm"),
        ("", "", "spine", "spine"),
    ],
)
def test_descriptions_without_the_patient(name, number, line, left):
    header = Dataset()
    header.PatientName, header.PatientID = name, number
    assert anonymous(line, header) == left
