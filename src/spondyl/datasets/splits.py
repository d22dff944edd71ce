"""Splitting cases into parts, by patient, the same way on every machine and in every order.

Patients are dealt out in the order of a hash of the seed and their names. Parts keep their sizes when
scans are added, so some of the others move then: keep a list of what is held out for good.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

from spondyl.datasets.case import Case
from spondyl.errors import DatasetError

__all__ = ["folds", "patient_of", "split"]

_FOLDER_OF_PATIENT = re.compile(r"^(patient[-_]?\d+|sub-[A-Za-z0-9]+)$", re.IGNORECASE)
_PATIENT_IN_NAME = (
    re.compile(r"(?:^|-)(sub-[A-Za-z0-9]+)"),  # VerSe: sub-verse401_split-verse201
    re.compile(r"^(HN_P\d+)"),  # CTSpine1K's head and neck scans, several per patient
    re.compile(r"^(.*\d[a-z]?)_[a-z]+$"),  # case_001_thorax, case_001_abdomen
)


def patient_of(case: Case) -> str:
    """Name of the patient as far as file and folder names tell; else the case's own name.

    BioMedIA has a folder per patient (``patient0013``), VerSe a subject in each name.
    """
    for part in reversed(case.image.parts[:-1]):
        if match := _FOLDER_OF_PATIENT.match(part):
            return match[1]
    for pattern in _PATIENT_IN_NAME:
        if match := pattern.search(case.name):
            return match[1]
    return case.name


def split(cases: Iterable[Case], fractions: Sequence[float], seed: int = 1) -> list[list[Case]]:
    """Cases divided into parts of about the given sizes; a patient is never in two parts.

    Args:
        cases: In any order.
        fractions: Share of the cases per part, positive, summing to 1, e.g. ``(0.8, 0.2)``.
        seed: Another seed, another split.

    Returns:
        One list per fraction, each sorted by name and not empty.

    Raises:
        DatasetError: fewer patients than parts.
        ValueError: fractions that are not positive or do not sum to 1.
    """
    if min(fractions, default=0) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions must be positive and sum to 1, found {tuple(fractions)}")
    patients = _shuffled_patients(cases, seed)
    _check_enough(len(patients), len(fractions))
    total = sum(len(group) for group in patients)
    parts: list[list[Case]] = [[] for _ in fractions]
    for group in patients:
        empty = [i for i, part in enumerate(parts) if not part]
        shortage = [share * total - len(part) for share, part in zip(fractions, parts, strict=True)]
        candidates = empty or range(len(parts))
        parts[max(candidates, key=lambda i: shortage[i])] += group
    return [sorted(part, key=lambda case: case.name) for part in parts]


def folds(cases: Iterable[Case], number: int = 5, seed: int = 1) -> list[tuple[list[Case], list[Case]]]:
    """Cross-validation: ``(training, validation)`` per fold, by patient.

    Every case is in exactly one validation list.

    Raises:
        DatasetError: fewer patients than folds.
        ValueError: fewer than two folds.
    """
    if number < 2:
        raise ValueError(f"at least two folds are needed, found {number}")
    parts = split(cases, [1 / number] * number, seed)
    return [
        (sorted((c for j, p in enumerate(parts) if j != i for c in p), key=lambda case: case.name), part)
        for i, part in enumerate(parts)
    ]


def _shuffled_patients(cases: Iterable[Case], seed: int) -> list[list[Case]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(patient_of(case), []).append(case)

    def place(patient: str) -> str:
        return hashlib.sha256(f"{seed}:{patient}".encode()).hexdigest()

    return [groups[patient] for patient in sorted(groups, key=place)]


def _check_enough(patients: int, parts: int) -> None:
    if patients < parts:
        raise DatasetError(
            f"cannot split {patients} patient(s) into {parts} parts; add data or ask for fewer parts"
        )
