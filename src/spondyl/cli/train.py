"""``spondyl train``: both networks of a recipe; the reference from samples, the default from scans."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter, validators

if TYPE_CHECKING:
    from collections.abc import Callable

    from spondyl.models import Model, Stage
    from spondyl.training.loop import Step

__all__ = ["train"]

train = App(name="train", help="Train the networks of the reference or of the default system.")


@Parameter(name="*")
@dataclass(frozen=True)
class TrainOptions:
    """Options of both training commands.

    Attributes:
        recipe: spinefinder (the reference), spondyl (the default system), or a YAML file with what
            differs from one of them. With spondyl, TRAIN and VAL are data sets of scans.
        width: Channels of the first level (reference: detection 16, identification 32).
        epochs: Passes over the samples (reference: detection 50, identification 35).
        iterations: Steps of the spondyl recipe.
        batch_size: Samples per step (reference: detection 16, identification 32).
        seed: Of weights and shuffling (reference: 1).
        precision: Arithmetic of the forward pass.
        accumulate: Batches per step of the spondyl recipe; as if batches were that much larger.
        keep: Which epoch becomes the model.
        device: auto, cpu, cuda, cuda:1 ...
        workers: Processes that read samples; 0 reads in the training process.
        resume: Go on from the last checkpoint.
        every: Iterations between two checkpoints and lines of the log (recipe spondyl).
        checkpoints: Folder for a checkpoint per epoch.
        keep_checkpoints: How many epochs stay on disk; all by default (recipe spinefinder).
        logs: Folder for TensorBoard curves, log.jsonl and description.json (recipe spinefinder; spondyl's log
            lies beside its checkpoint).
        init: Model folder whose weights the training starts from (recipe spondyl); "default" is the
            model that comes with Spondyl.
        teacher: Model folder that draws masks for scans without one, where it is sure (recipe spondyl,
            segmentation); "default" as above.
        val_split: Share of the training scans held out for validation; VAL is then looked at
            only once, at the end (recipe spinefinder; spondyl always looks at VAL but once).
    """

    recipe: str = "spinefinder"
    width: int | None = None
    epochs: int | None = None
    iterations: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    precision: Literal["f32", "bf16"] | None = None
    accumulate: int | None = None
    keep: Literal["last", "best"] | None = None
    device: str = "auto"
    workers: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0
    resume: Annotated[bool, Parameter(negative=())] = False
    every: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 200
    checkpoints: Path = Path("checkpoints")
    keep_checkpoints: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None
    logs: Path = Path("logs")
    init: Path | None = None
    teacher: Path | None = None
    val_split: float = 0.0

    def changes(self, stage: str) -> dict[str, dict[str, Any]]:
        """By recipe, the values that were given, in that recipe's own sections."""
        common = {"batch_size": self.batch_size, "precision": self.precision}
        training = {"epochs": self.epochs, "keep": self.keep, **common}
        ours = {"iterations": self.iterations, "accumulate": self.accumulate, "seed": self.seed, **common}
        of_stage = {"network": {"width": self.width}, "training": training}
        return {
            "spinefinder": {"seed": self.seed} | ({} if stage == "segmentation" else {stage: of_stage}),
            "spondyl": {"training": ours},
        }


@train.command
def detection(train: Path, val: Path, model: Path, /, *, options: TrainOptions | None = None) -> None:
    """Train the network that finds vertebrae.

    Args:
        train: Folder of detection samples (recipe spondyl: of scans) to learn from.
        val: The same to validate on.
        model: The model folder to write, by any name.
        options: How to train.
    """
    _train("detection", train, val, model, options or TrainOptions())


@train.command
def identification(train: Path, val: Path, model: Path, /, *, options: TrainOptions | None = None) -> None:
    """Train the network that names vertebrae.

    Args:
        train: Folder of identification samples (recipe spondyl: of scans) to learn from.
        val: The same to validate on.
        model: The model folder to write, by any name.
        options: How to train.
    """
    _train("identification", train, val, model, options or TrainOptions())


@train.command
def segmentation(train: Path, val: Path, model: Path, /, *, options: TrainOptions | None = None) -> None:
    """Train the network that draws masks finely (recipe spondyl).

    Args:
        train: Folder of scans to learn from.
        val: The same to validate on.
        model: The model folder to write, by any name.
        options: How to train.
    """
    _train("segmentation", train, val, model, options or TrainOptions())


def _train(
    stage: "Stage",
    training: Path,
    val: Path,
    model: Path,
    options: TrainOptions,
) -> None:
    from rich.console import Console

    from spondyl.cli._recipes import chosen_recipe
    from spondyl.errors import InputError
    from spondyl.io.atomic import check_writable
    from spondyl.models import check_model_place
    from spondyl.recipes.spondyl import SpondylRecipe

    check_model_place(model)
    check_writable(options.checkpoints, options.logs)
    recipe = chosen_recipe(options.recipe, options.changes(stage))
    _check_options(stage, options, default_system=isinstance(recipe, SpondylRecipe))
    _import_torch()
    from spondyl.training.options import RunOptions
    from spondyl.training.spinefinder import train_spinefinder
    from spondyl.training.spondyl import train_spondyl
    from spondyl.training.team import joined

    run = RunOptions(**{field.name: getattr(options, field.name) for field in fields(RunOptions)})
    with joined(options.device) as team:
        console = Console(quiet=not team.leads, markup=False, highlight=False)
        if not team.leads:  # what is to be said about the scans, process 0 says
            logging.getLogger("spondyl").setLevel(logging.ERROR)
        with _bars(console) as show:
            if isinstance(recipe, SpondylRecipe):
                written = train_spondyl(stage, training, val, model, recipe, run, _by_iteration(show), team)
            elif team.size > 1:
                raise InputError("the reference recipe trains in one process; add --recipe spondyl")
            else:
                written = train_spinefinder(stage, training, val, model, recipe, run, show)
    _report(console, written)


def _check_options(stage: "Stage", options: TrainOptions, *, default_system: bool) -> None:
    """Refuse what the recipe has not, rather than train without it."""
    from spondyl.errors import InputError

    if stage == "segmentation" and not default_system:
        raise InputError(f"recipe {options.recipe} has no segmentation network; add --recipe spondyl")
    if options.teacher and stage != "segmentation":
        raise InputError(f"--teacher draws masks for the segmentation network; leave it out for {stage}")
    for name in ("val_split", "keep_checkpoints") if default_system else ("init", "teacher"):
        if getattr(options, name):
            other = "spinefinder" if default_system else "spondyl"
            option = name.replace("_", "-")
            raise InputError(f"recipe {options.recipe} does not know --{option}; add --recipe {other}")


def _by_iteration(show: "Callable[[Step], None]") -> "Callable[[int, int, dict[str, float]], None]":
    """Show a training by iterations as one epoch."""
    from spondyl.training.loop import Step

    return lambda done, total, losses: show(Step(1, 1, done, total, sum(losses.values())))


def _import_torch() -> None:
    """Import torch, and keep what it mutters about itself during the export off the screen.

    Raises:
        MissingDependencyError: torch is not installed.
    """
    from spondyl.errors import MissingDependencyError

    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("training needs torch: pip install 'spondyl[train]'") from error
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", ".isinstance.treespec, LeafSpec", FutureWarning)


@contextmanager
def _bars(console: Any) -> "Iterator[Callable[[Step], None]]":
    """A bar over all steps, with epoch and loss; what the training logs appears above it."""
    from rich.highlighter import NullHighlighter
    from rich.logging import RichHandler
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    from spondyl.cli._progress import display

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with display(*columns, console=console) as bars:
        bar = bars.add_task("starting", total=None)

        def show(step: "Step") -> None:
            bars.update(
                bar,
                description=f"epoch {step.epoch} of {step.epochs}, loss {step.loss:.4f}",
                completed=(step.epoch - 1) * step.batches + step.batch,
                total=step.epochs * step.batches,
            )

        logger = logging.getLogger("spondyl.training")
        handler = RichHandler(
            console=console, show_path=False, show_level=False, highlighter=NullHighlighter()
        )
        level, logger.propagate = logger.level, False
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield show
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = True


def _report(console: Any, model: "Model") -> None:
    """The scores of each data set, and where the model is."""
    for name, scores in model.info.scores.items():
        text = ", ".join(f"{key.replace('_', ' ')} {value:.4f}" for key, value in scores.items())
        console.print(f"{name}: {text}", soft_wrap=True)
    console.print(f"model: {model.folder}", soft_wrap=True)
