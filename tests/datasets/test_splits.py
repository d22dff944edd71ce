from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.datasets import Case, folds, patient_of, split
from spondyl.errors import DatasetError


def _cases(scans_per_patient):
    return [
        Case(f"{p}{s}", Path(f"patient{p:04d}/{p}{s}.nii.gz"))
        for p, number in enumerate(scans_per_patient)
        for s in range(number)
    ]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=30), st.integers(0, 5), st.randoms())
def test_split_is_by_patient_complete_and_independent_of_order(scans, seed, random):
    cases = _cases(scans)
    parts = split(cases, (0.6, 0.2, 0.2), seed)
    assert sorted((c for part in parts for c in part), key=lambda c: c.name) == sorted(
        cases, key=lambda c: c.name
    )
    assert all(parts)
    patients = [{patient_of(case) for case in part} for part in parts]
    assert sum(map(len, patients)) == len(set.union(*patients))
    random.shuffle(cases)
    assert split(cases, (0.6, 0.2, 0.2), seed) == parts


def test_split_sizes_and_seed():
    cases = _cases([1] * 100)
    one, two = split(cases, (0.8, 0.2), 1), split(cases, (0.8, 0.2), 2)
    assert [len(part) for part in one] == [80, 20]
    assert one != two


def test_split_never_changes_between_versions():
    assert [case.name for case in split(_cases([1] * 10), (0.7, 0.3))[1]] == ["20", "40", "80"]


def test_folds_validate_every_case_once():
    cases = _cases([2, 1, 3, 1, 1, 2, 1])
    made = folds(cases, 4)
    validated = [case for _, validation in made for case in validation]
    assert sorted(validated, key=str) == sorted(cases, key=str)
    for training, validation in made:
        assert {*training, *validation} == set(cases)
        assert not {patient_of(c) for c in training} & {patient_of(c) for c in validation}


def test_too_few_patients_and_bad_fractions():
    with pytest.raises(DatasetError, match=r"cannot split 1 patient\(s\) into 2 parts"):
        split(_cases([5]), (0.5, 0.5))
    with pytest.raises(ValueError, match="sum to 1"):
        split(_cases([5]), (0.5, 0.6))
    with pytest.raises(ValueError, match="positive"):
        split(_cases([5]), (1.0, 0.0))
    with pytest.raises(ValueError, match="two folds"):
        folds(_cases([5]), 1)


@pytest.mark.parametrize(
    ("path", "name", "patient"),
    [
        ("spine-1/patient0013/4511471/4511471.nii.gz", "4511471", "patient0013"),
        ("rawdata/sub-verse401/x_ct.nii.gz", "sub-verse401_split-verse201", "sub-verse401"),
        ("sub-gl003_dir-ax_ct.nii.gz", "sub-gl003_dir-ax", "sub-gl003"),
        ("volumes/HN_P001_pre.nii.gz", "HN_P001_pre", "HN_P001"),
        ("acrin_flt_breast_001_thorax.nii.gz", "acrin_flt_breast_001_thorax", "acrin_flt_breast_001"),
        ("openkbp_pt_14.nii.gz", "openkbp_pt_14", "openkbp_pt_14"),
        ("s0001/ct.nii.gz", "s0001", "s0001"),
    ],
)
def test_patient_of(path, name, patient):
    assert patient_of(Case(name, Path(path))) == patient
