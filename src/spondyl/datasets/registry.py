"""The public data sets Spondyl can fetch: where, under which licence, into which folders.

Hashes: none is published for BioMedIA and VerSe, whose zip archives carry a checksum per file;
Zenodo and Hugging Face give one per file, asked for at download time.
"""

from dataclasses import dataclass, field
from typing import Final

__all__ = ["SOURCES", "HuggingFace", "Part", "Source", "Zenodo"]


@dataclass(frozen=True)
class Part:
    """One archive of a data set, or one folder of a repository.

    Attributes:
        name: As the user names it, and the folder it is unpacked into.
        role: ``"training_dataset"`` or ``"testing_dataset"``.
        archive: File name of the zip; ``*`` stands for anything.
        url: Where it lies; ``None`` where a browser is needed, or a service is asked.
        checksum: ``"sha256:..."`` or ``"md5:..."`` where known.
    """

    name: str
    role: str
    archive: str = ""
    url: str | None = None
    checksum: str | None = None

    @property
    def folder(self) -> str:
        """Where its cases end up, below the user's folder."""
        return f"{self.role}/{self.name}"


@dataclass(frozen=True)
class Zenodo:
    """A record whose newest version is asked for.

    Attributes:
        record: Number behind ``10.5281/zenodo.`` of any version or of all versions.
        prefix: Start of the archive's name; of several the largest is taken.
        api: Address of the service.
    """

    record: str
    prefix: str = ""
    api: str = "https://zenodo.org/api"


@dataclass(frozen=True)
class HuggingFace:
    """A data set repository whose files are listed and fetched one by one.

    Attributes:
        repository: ``owner/name``.
        folders: Folder in the repository and folder below the part's own, ``{part}`` standing for
            the part's name.
        host: Address of the service.
    """

    repository: str
    folders: tuple[tuple[str, str], ...]
    host: str = "https://huggingface.co"


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        name: As the user names it.
        title: For people.
        licence: As its makers state it.
        page: Web page to open by hand.
        parts: All that can be fetched.
        default: Names of the parts fetched when none are named; empty = all.
        service: Asked for files where the parts have no fixed address.
        size: Rough size of the default parts, for people.
    """

    name: str
    title: str
    licence: str
    page: str
    parts: tuple[Part, ...]
    default: tuple[str, ...] = ()
    service: Zenodo | HuggingFace | None = None
    size: str = field(default="", compare=False)


_BONESCREEN: Final = "https://s3.bonescreen.de/public/VerSe-complete/"


def _verse(year: int) -> tuple[Part, ...]:
    roles = {"training": "training_dataset", "validation": "training_dataset", "test": "testing_dataset"}
    return tuple(
        Part(
            f"verse{year}{subset}",
            role,
            f"dataset-verse{year}{subset}.zip",
            f"{_BONESCREEN}dataset-verse{year}{subset}.zip",
        )
        for subset, role in roles.items()
    )


_ALL: Final = (
    Source(
        "biomedia",
        "BioMedIA spine: 302 spine-focused CTs with centroids",
        "stated on its page",
        "https://imperialcollegelondon.app.box.com/s/erhcm28aablpy1725lt93xh6pk31ply1",
        (
            *(Part(f"spine-{i}", "training_dataset", f"spine-{i}.zip") for i in range(1, 6)),
            Part("spine-test-data", "testing_dataset", "spine-test-data.zip"),
        ),
    ),
    Source(
        "verse",
        "VerSe 2020 (and 2019 by --part): CTs with masks and centroids",
        "CC BY-SA 4.0",
        "https://github.com/anjany/verse",
        (*_verse(20), *_verse(19)),
        # Most scans of 2019 are in 2020 too, partly in another subset: both together would put
        # patients of the test set into the training set.
        default=tuple(part.name for part in _verse(20)),
        size="about 39 GB",
    ),
    Source(
        "totalsegmentator",
        "TotalSegmentator, newest version: 1,228 CTs with a mask per vertebra",
        "CC BY 4.0",
        "https://doi.org/10.5281/zenodo.6802613",
        (Part("totalsegmentator", "training_dataset", "Totalsegmentator_dataset*.zip"),),
        service=Zenodo("6802613", "totalsegmentator_dataset"),
        size="about 24 GB",
    ),
    Source(
        "ctspine1k",
        "CTSpine1K: 1,005 CTs with masks",
        "CC BY-NC-SA 4.0 (the scans have licences of their own)",
        "https://huggingface.co/datasets/alexanderdann/CTSpine1K",
        tuple(Part(name, "training_dataset") for name in ("COLONOG", "COVID-19", "HNSCC-3DCT-RT", "MSD-T10")),
        service=HuggingFace(
            "alexanderdann/CTSpine1K",
            (("raw_data/volumes/{part}", "volumes"), ("raw_data/labels/{part}", "labels")),
        ),
        size="about 150 GB",
    ),
)

SOURCES: Final[dict[str, Source]] = {source.name: source for source in _ALL}
"""Data sets by name."""
