"""``spondyl shift`` and ``spondyl relabel``: names put right by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from spondyl.result import Result

__all__ = ["relabel", "shift"]

Scan = Annotated[str | None, Parameter(name="--scan")]
Yes = Annotated[bool, Parameter(negative=())]


def shift(
    results: Path,
    /,
    *,
    by: Annotated[int, Parameter(allow_leading_hyphen=True)],
    scan: Scan = None,
    image: Path | None = None,
) -> None:
    """Rename every vertebra of a result by whole levels.

    Mask, centroids, preview and all other files follow. The model's own answer stays in result.json;
    spondyl relabel RESULTS --undo takes the correction back.

    Args:
        results: The result of one scan, or a folder of results.
        by: Levels towards the feet; negative: towards the head.
        scan: Which result of a folder.
        image: The scan, for the preview, if it has moved.
    """
    from spondyl import relabel as corrections
    from spondyl.outputs import one_result

    _show(corrections.shift(one_result(results, scan), by, image=image))


def relabel(
    results: Path,
    /,
    *renames: str,
    only: Yes = False,
    alternative: int | None = None,
    undo: Yes = False,
    scan: Scan = None,
    image: Path | None = None,
) -> None:
    """Put the name of one vertebra right; the others follow.

    Mask, centroids, preview and all other files follow. The model's own answer stays in result.json.

    Args:
        results: The result of one scan, or a folder of results.
        renames: The name now and the right name, such as T12=L1; several with --only.
        only: Leave the other vertebrae alone.
        alternative: Number the vertebrae as the model's next best numbering does (1), or the one after (2).
        undo: Take the last correction back.
        scan: Which result of a folder.
        image: The scan, for the preview, if it has moved.
    """
    from spondyl import relabel as corrections
    from spondyl.errors import InputError
    from spondyl.outputs import one_result

    if undo + (alternative is not None) + bool(renames or only) > 1:
        raise InputError("give either names, or --alternative, or --undo")
    if undo:
        _show(corrections.undo(one_result(results, scan), image=image))
    elif alternative is not None:
        _show(corrections.renumber(one_result(results, scan), alternative, image=image))
    else:
        wanted = _parsed(renames)
        _show(corrections.relabel(one_result(results, scan), wanted, only=only, image=image))


def _parsed(renames: Sequence[str]) -> dict[str, str]:
    """``["T12=L1"]`` as a mapping."""
    from spondyl.errors import InputError

    wanted: dict[str, str] = {}
    for word in renames:
        old, equals, new = word.partition("=")
        if not equals or old in wanted:
            raise InputError(f"{word!r}: expected NOW=RIGHT, as in T12=L1, and each vertebra once")
        wanted[old] = new
    return wanted


def _show(result: "Result") -> None:
    """The names from head to foot, and what they were for the model."""
    from rich.console import Console

    answer = result.model_answer
    given = {} if answer is None else {found.centroid_mm: found.name for found in answer.vertebrae}
    names = []
    for found in result.vertebrae:
        before = given.get(found.centroid_mm, found.name)
        names.append(found.name if before == found.name else f"{found.name} (the model: {before})")
    Console().print(", ".join(names), highlight=False, soft_wrap=True)
