"""``result.json``: everything Spondyl found in one scan, and how. A documented, versioned format.

``docs/results.md`` describes it and ``docs/result-schema.json`` is its JSON Schema, generated from
the models below by :func:`json_schema` (a test holds the two together). Later versions of the
program read every earlier schema version.
"""

import reprlib
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError

import spondyl
from spondyl.anatomy import label_of, name_of
from spondyl.errors import AnnotationError, ImageError
from spondyl.io.atomic import write_text
from spondyl.io.documents import read_json
from spondyl.result_history import Answer, Correction
from spondyl.result_measurements import Measurements
from spondyl.result_parts import (
    FoundVertebra,
    OtherNumbering,
    Part,
    ProgramInfo,
    Remark,
    Scan,
    UsedEngine,
    UsedModel,
)
from spondyl.spine import Numbering, Spine
from spondyl.volume import Grid

__all__ = ["SCHEMA_VERSION", "Result", "json_schema", "read_result"]

SCHEMA_VERSION: Final = 1
"""Version of ``result.json``; raised when a program that reads the last one could not read it."""


class Result(Part):
    """One scan: its vertebrae from head to foot, and what made them."""

    schema_version: Literal[1] = Field(SCHEMA_VERSION, description="Version of this format.")
    program: ProgramInfo
    model: UsedModel | None = Field(description="null where no model folder was used.")
    engine: UsedEngine | None
    scan: Scan
    vertebrae: tuple[FoundVertebra, ...] = Field(description="Head to foot; every name at most once.")
    numbering_probability: float | None = Field(
        ge=0, le=1, description="How likely all names together are right."
    )
    alternatives: tuple[OtherNumbering, ...] = Field((), description="Most likely first.")
    flags: tuple[Remark, ...] = ()
    measurements: Measurements | None = Field(None, description="null where nothing was measured.")
    timings_s: dict[str, float] = Field({}, description="Seconds of each step, in the order of the steps.")
    files: dict[str, str] = Field({}, description="What else was written: kind to name in the same folder.")
    details: dict[str, Any] = Field(
        {}, description="What only one recipe reports, in the model's own names; may change at any time."
    )
    history: tuple[Correction, ...] = Field((), description="Corrections by hand, oldest first.")
    model_answer: Answer | None = Field(
        None, description="What the model said, where history holds a correction; else null."
    )

    @classmethod
    def of(
        cls,
        spine: Spine,
        grid: Grid,
        *,
        file: str | None = None,
        path: str | None = None,
        sha256: str | None = None,
        series: str | None = None,
        files: dict[str, str] | None = None,
    ) -> Self:
        """Describe a spine.

        Args:
            spine: The result of a pipeline, or of a hand that corrected one.
            grid: Of the scan, as stored on disk.
            file: Name of the scan's file.
            path: Way from the folder of ``result.json`` to the scan.
            sha256: Of the scan's content.
            series: Series Instance UID, if it is a DICOM series.
            files: What is written beside ``result.json``: kind to file name.
        """
        details = dict(spine.provenance)
        used = {key: details.pop(key, None) for key in ("program", "model", "engine", "timings_s")}
        return cls.model_validate(
            {
                "program": used["program"] or {"version": spondyl.__version__},
                "model": used["model"],
                "engine": used["engine"],
                "scan": Scan.of(grid, file, path, sha256, series),
                "vertebrae": [FoundVertebra.of(vertebra) for vertebra in spine],
                "numbering_probability": spine.numbering_probability,
                "alternatives": [_other(numbering) for numbering in spine.alternatives],
                "flags": [Remark.of(flag) for flag in spine.flags],
                "measurements": spine.measurements and Measurements.of(spine.measurements),
                "timings_s": used["timings_s"] or {},
                "files": files or {},
                "details": details,
            }
        )

    @property
    def grid(self) -> Grid:
        """The grid of the scan."""
        return Grid(self.scan.shape, self.scan.affine)  # type: ignore[arg-type]  # rows become an array

    def to_spine(self) -> Spine:
        """The spine as it was, without its mask.

        Raises:
            AnnotationError: a vertebra is there twice, or its name and label disagree.
        """
        for found in self.vertebrae:
            if name_of(found.label) != found.name:
                raise AnnotationError(f"label {found.label} is {name_of(found.label)}, not {found.name}")
        measured = self.measurements
        used = self.model_dump(mode="json", include={"program", "model", "engine", "timings_s"})
        return Spine(
            tuple(found.to_vertebra() for found in self.vertebrae),
            numbering_probability=self.numbering_probability,
            alternatives=tuple(
                Numbering(
                    tuple(0 if name is None else label_of(name) for name in other.names),
                    other.probability,
                    other.description,
                )
                for other in self.alternatives
            ),
            flags=tuple(remark.to_flag() for remark in self.flags),
            provenance={**used, **self.details},
            measurements=None if measured is None else measured.to_morphometry(),
        )

    def write(self, path: Path | str) -> None:
        """Write the file.

        Raises:
            OutputError: it cannot be written.
        """
        write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a file written by :meth:`write`.

        Raises:
            AnnotationError: no such file, no JSON, another schema version, or not this format.
        """
        content = read_json(Path(path), AnnotationError)
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version != SCHEMA_VERSION:
            raise AnnotationError(
                f"{path}: result format version {SCHEMA_VERSION} expected, found {reprlib.repr(version)}; "
                "predict again, or use the program version that wrote it"
            )
        try:
            result = cls.model_validate(content)
            _ = result.grid  # told here, where the file has a name
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise AnnotationError(f"{path}: damaged: {where}: {first['msg']}") from error
        except ImageError as error:
            raise AnnotationError(f"{path}: damaged: scan: {error}") from error
        return result


def read_result(path: Path | str, *, mask: bool = False) -> Spine:
    """Read what ``spondyl predict`` wrote for one scan.

    Args:
        path: ``result.json``, or the folder that holds it.
        mask: Also read the mask beside it, if one was written.

    Raises:
        AnnotationError: the result or its mask cannot be read, or they do not fit together.
    """
    from dataclasses import replace

    path = Path(path)
    path = path / "result.json" if path.is_dir() else path
    result = Result.read(path)
    try:
        spine = result.to_spine()
    except AnnotationError as error:
        raise AnnotationError(f"{path}: {error}") from error
    if not mask or "mask" not in result.files:
        return spine
    from spondyl.io import read_mask

    name = result.files["mask"]
    if Path(name).name != name:
        raise AnnotationError(f"{path}: the mask {name!r} does not lie beside it")
    return replace(spine, mask=read_mask(path.parent / name, result.grid))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``result.json`` (draft 2020-12)."""
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _other(numbering: Numbering) -> dict[str, Any]:
    return {
        "names": [name_of(label) if label else None for label in numbering.labels],
        "probability": numbering.probability,
        "description": numbering.description,
    }
