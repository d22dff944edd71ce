"""The model folder: what it holds, and how it is read, checked, joined and written.

::

    saved_models/detection/
        model.json               ModelInfo: recipe, labels, spacing, provenance, hashes, scores
        detection.safetensors    weights, for torch and for further training
        detection.onnx           the same network, for OpenVINO and ONNX Runtime

A folder holds one stage or both; two one-stage folders are joined by :func:`combine`. Nothing is
pickled, so a model of unknown origin can be read without running its author's code.
"""

import hashlib
import json
import reprlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from spondyl.errors import ModelError, OutputError
from spondyl.io.atomic import atomic_folder, check_writable
from spondyl.io.documents import read_json
from spondyl.models.info import SCHEMA_VERSION, ModelInfo, Stage, StageInfo

__all__ = [
    "Model",
    "check_model_place",
    "combine",
    "default_model_folder",
    "read_model",
    "write_model",
]

_INFO_NAME: Final = "model.json"
_SEEN: Final = ("working", "hu_windows")
"""Parts of recipes that say how a scan is prepared for all networks alike."""


@dataclass(frozen=True)
class Model:
    """A model that was read and verified.

    Attributes:
        folder: Where it was read from; of a combined model, the folder of its detection stage.
        info: Its description.
        stage_folders: Where the files of each stage lie.
    """

    folder: Path
    info: ModelInfo
    stage_folders: Mapping[Stage, Path]

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides what the model answers: recipe, labels, spacing and files."""
        info = self.info.model_dump(mode="json", include={"recipe", "labels", "spacing_mm"})
        files = {stage: dict(description.sha256) for stage, description in self.info.stages.items()}
        return hashlib.sha256(json.dumps([info, files], sort_keys=True).encode()).hexdigest()

    def stage(self, stage: Stage) -> StageInfo:
        """Description of one stage.

        Raises:
            ModelError: the model has no such stage.
        """
        try:
            return self.info.stages[stage]
        except KeyError:
            found = ", ".join(self.info.stages)
            raise ModelError(
                f"{self.folder}: has no {stage} network (only {found}); train it, or give two folders:"
                " one with the detection and one with the identification network"
            ) from None

    def weights_path(self, stage: Stage) -> Path:
        """The safetensors file of a stage.

        Raises:
            ModelError: the model has no such stage.
        """
        name = self.stage(stage).weights
        return self.stage_folders[stage] / name

    def onnx_path(self, stage: Stage) -> Path | None:
        """The ONNX file of a stage, or ``None`` if it was trained without export.

        Raises:
            ModelError: the model has no such stage.
        """
        name = self.stage(stage).onnx
        return None if name is None else self.stage_folders[stage] / name

    def save(self, folder: Path | str) -> "Model":
        """Write all stages into one folder, e.g. after :func:`combine`.

        Raises:
            OutputError: the folder cannot be written.
        """
        files = {
            name: self.stage_folders[stage] / name
            for stage, info in self.info.stages.items()
            for name in info.files
        }
        return write_model(folder, self.info, files)


def default_model_folder() -> Path:
    """The folder of the model shipped with the package (not checked to exist)."""
    return Path(__file__).parent / "default"


def read_model(folder: Path | str) -> Model:
    """Read a model folder and verify its version and the hash of every file.

    Raises:
        ModelError: the folder is missing or no model, of another version, or a file of it is
            missing or damaged.
    """
    folder = Path(folder)
    info = _read_info(folder)
    for stage, description in info.stages.items():
        for name in description.files:
            _verify(folder / name, stage, description.sha256.get(name))
    return Model(folder, info, dict.fromkeys(info.stages, folder))


def write_model(folder: Path | str, info: ModelInfo, files: Mapping[str, Path]) -> Model:
    """Write a model folder in one step: it appears complete or not at all.

    An existing model at ``folder`` is replaced; anything else there is left alone.

    Args:
        folder: The model folder; missing parents are made. Any name will do.
        info: The description; its hashes are computed here.
        files: Name inside the model folder -> file to copy there; exactly the files that the
            stages name.

    Returns:
        The model as written.

    Raises:
        ModelError: ``files`` are not those that ``info`` names.
        OutputError: the folder cannot be written, or is no model folder.
    """
    folder = Path(folder)
    check_model_place(folder)
    named = {name for stage in info.stages.values() for name in stage.files}
    if named != set(files):
        raise ModelError(f"{folder}: model.json names the files {sorted(named)}, given were {sorted(files)}")
    with atomic_folder(folder) as new:
        info = _fill(new, info, files)
    return Model(folder, info, dict.fromkeys(info.stages, folder))


def check_model_place(folder: Path | str) -> None:
    """Refuse a place where :func:`write_model` would fail, before a training begins.

    Raises:
        OutputError: something is there that is no model, or the place cannot be written to.
    """
    folder = Path(folder)
    check_writable(folder.parent)
    empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not empty and not (folder / _INFO_NAME).is_file():
        raise OutputError(f"{folder}: exists and is no model folder; choose another name or remove it")


def combine(detection: Model, identification: Model, segmentation: Model | None = None) -> Model:
    """One model from folders of one stage each, without copying files (:meth:`Model.save` does that).

    Each stage keeps its own part of the recipe (``recipe[stage]``, if there is one); the rest
    comes from the identification model.

    Args:
        detection: Has a detection stage.
        identification: Has an identification stage.
        segmentation: Has a segmentation stage (recipe ``spondyl``; optional).

    Raises:
        ModelError: a stage is missing, or recipe name, labels, spacing or what prepares a scan for the
            networks differ.
    """
    parts: dict[Stage, Model] = {"detection": detection, "identification": identification}
    if segmentation is not None:
        parts["segmentation"] = segmentation
    stages = {stage: model.stage(stage) for stage, model in parts.items()}
    for other in parts.values():
        for what in ("labels", "spacing_mm"):
            _require_same(
                other, identification, what, getattr(other.info, what), getattr(identification.info, what)
            )
        names = other.info.recipe["name"], identification.info.recipe["name"]
        _require_same(other, identification, "recipe", *names)
        for what in _SEEN:
            _require_same(
                other, identification, what, other.info.recipe.get(what), identification.info.recipe.get(what)
            )
    recipe = dict(identification.info.recipe)
    recipe.update({stage: m.info.recipe[stage] for stage, m in parts.items() if stage in m.info.recipe})
    info = ModelInfo(
        recipe=recipe,
        stages=stages,
        labels=identification.info.labels,
        spacing_mm=identification.info.spacing_mm,
        provenance={stage: m.info.provenance for stage, m in parts.items()},
        scores={stage: m.info.scores for stage, m in parts.items()},
    )
    return Model(detection.folder, info, {s: m.stage_folders[s] for s, m in parts.items()})


def _require_same(other: Model, identification: Model, what: str, first: object, second: object) -> None:
    if first != second:
        raise ModelError(
            f"{other.folder} and {identification.folder} do not fit together: "
            f"{what} is {first} in one and {second} in the other"
        )


def _read_info(folder: Path) -> ModelInfo:
    """Parse ``model.json``, telling apart the ways in which it can be unusable."""
    path = folder / _INFO_NAME
    if folder.is_file():
        raise ModelError(
            f"{folder}: is a file; a model is a folder with {_INFO_NAME} (train anew what Keras wrote)"
        )
    if not path.is_file():
        raise ModelError(
            f"{folder}: is no model folder: {_INFO_NAME} is missing; give the folder that train wrote"
        )
    content = read_json(path, ModelError)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise ModelError(
            f"{path}: model format version {SCHEMA_VERSION} expected, found {reprlib.repr(version)}; "
            "use the program version that wrote it, or train again"
        )
    try:
        return ModelInfo.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "model"
        raise ModelError(f"{path}: damaged: {where}: {first['msg']}") from error


def _verify(path: Path, stage: str, expected: str | None) -> None:
    if not path.is_file():
        raise ModelError(
            f"{path}: missing; the {stage} network is incomplete, copy the whole model folder again"
        )
    try:
        found = _sha256(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    if found != expected:
        raise ModelError(
            f"{path}: damaged: sha256 {expected} expected, {found} found; copy the model folder again"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fill(folder: Path, info: ModelInfo, files: Mapping[str, Path]) -> ModelInfo:
    """Copy the files into an empty folder and write the description with their hashes."""
    for name, source in files.items():
        shutil.copyfile(source, folder / name)
    stages = {
        stage: description.model_copy(
            update={"sha256": {name: _sha256(folder / name) for name in description.files}}
        )
        for stage, description in info.stages.items()
    }
    info = info.model_copy(update={"stages": stages})
    text = json.dumps(info.model_dump(mode="json"), indent=2) + "\n"
    (folder / _INFO_NAME).write_text(text, encoding="utf-8", newline="\n")
    return info
