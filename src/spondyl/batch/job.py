"""What is to be done with every scan, in a form that can be sent to another process or machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spondyl.batch.scans import is_url
from spondyl.errors import ModelError

if TYPE_CHECKING:
    from spondyl.inference import Pipeline
    from spondyl.inference.engines import EngineName, Precision
    from spondyl.models import Model
    from spondyl.result import Result

__all__ = ["Job", "choose_model", "make_job"]


@dataclass(frozen=True)
class Job:
    """What is to be done with every scan.

    Attributes:
        out: Every scan gets the folder ``out/NAME``: a folder, or the URL of one.
        fingerprint: Of the model, see :attr:`spondyl.models.Model.fingerprint`.
        models: The model folder, or those of its stages in order; empty for the one that ships.
        engine: What runs the networks.
        precision: What they are asked to compute in.
        threads: CPU threads of a worker; ``None`` leaves it to the engine.
        also: Further kinds of files, keys of :data:`spondyl.export.FORMATS`.
        measurements: Measure what is found.
        overwrite: Predict again what is done already, and replace results of other scans and models.
        retry_failed: Try again what failed before.
    """

    out: str
    fingerprint: str
    models: tuple[Path, ...] = ()
    engine: "EngineName" = "auto"
    precision: "Precision" = "f32"
    threads: int | None = None
    also: tuple[str, ...] = ()
    measurements: bool = True
    overwrite: bool = False
    retry_failed: bool = False

    def folder(self, name: str) -> str:
        """Where the results of a scan are, or would be."""
        return f"{self.out.rstrip('/')}/{name}"

    def load_pipeline(self) -> "Pipeline":
        """The pipeline, from model folders as this machine sees them.

        Raises:
            ModelError: they cannot be used, or hold another model than the one that was asked for.
            MissingDependencyError: the engine is not installed.
        """
        from spondyl.inference import load_pipeline

        model = choose_model(self.models)
        if model.fingerprint != self.fingerprint:
            raise ModelError(
                f"{model.folder}: another model than on the machine that gave out the work; "
                "install the same version of spondyl, or give a model folder that all machines share"
            )
        return load_pipeline(
            model,
            engine=self.engine,
            threads=self.threads,
            precision=self.precision,
            measurements=self.measurements,
        )

    def differences(self, result: "Result", sha256: str) -> Iterator[str]:
        """What a result would have to be made anew for, in words; nothing if it is what was asked for.

        Args:
            result: An earlier one.
            sha256: Of the scan as it is now.
        """
        if result.scan.sha256 != sha256:
            yield "of another scan, or of another state of it"
        if result.model is None or result.model.fingerprint != self.fingerprint:
            yield f"of another model ({result.model.name if result.model else 'unknown'})"
        if self.precision == "f32" and result.engine is not None and result.engine.precision != "f32":
            yield f"computed in {result.engine.precision}, not f32"
        if self.measurements and result.measurements is None:
            yield "without measurements"
        if missing := [kind for kind in self.also if kind not in result.files]:
            yield f"without {', '.join(missing)} ('spondyl export' adds files)"


def choose_model(models: Sequence[Path]) -> "Model":
    """Read a model: the default one, one folder, or two or three with a stage each.

    Raises:
        ModelError: it cannot be read, or stages do not fit together.
    """
    from spondyl.models import combine, default_model_folder, read_model

    if len(models) > 1:
        return combine(*map(read_model, models))
    return read_model(models[0] if models else default_model_folder())


def make_job(  # noqa: PLR0913 - fields of a job
    out: Path | str,
    models: tuple[Path, ...] = (),
    *,
    engine: "EngineName" = "auto",
    precision: "Precision" = "f32",
    threads: int | None = None,
    also: tuple[str, ...] = (),
    measurements: bool = True,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> Job:
    """A job whose model was read and verified; see :class:`Job`.

    Raises:
        ModelError: the model cannot be read.
    """
    return Job(
        str(out if is_url(out) else Path(out)),
        choose_model(models).fingerprint,
        tuple(path.absolute() for path in models),
        engine,
        precision,
        threads,
        also,
        measurements,
        overwrite,
        retry_failed,
    )
