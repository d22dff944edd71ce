"""What the store and the display keep of a result: it follows every change of the result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spondyl.result import Result
from spondyl.server.display import write_display_mask

if TYPE_CHECKING:
    from spondyl.server.context import Context

__all__ = ["caught_up", "record", "summary"]


def summary(result: Result) -> dict[str, Any]:
    """What the store keeps of a result."""
    return {
        "vertebrae": [found.name for found in result.vertebrae],
        "numbering_probability": result.numbering_probability,
        "flags": [{"code": flag.code, "message": flag.message} for flag in result.flags],
        "corrections": len(result.history),
    }


def record(case: str, here: "Context", result: Result, *, undone: Sequence[dict[str, Any]]) -> int:
    """Let the display's mask and the store follow a corrected result.

    Args:
        case: Its id; nobody else uses it meanwhile.
        here: The server.
        result: As it is now.
        undone: Corrections that can be made again.

    Returns:
        The new revision.
    """
    write_display_mask(here.data.case(case), result, here.settings.max_display_voxels)
    known = here.case(case)
    revision = known.revision + 1
    here.store.move(
        case,
        ["done"],
        "done",
        **summary(result),
        undone=undone,
        revision=revision,
        finished=known.finished,
    )
    return revision


def caught_up(case: str, here: "Context") -> tuple[Result, int]:
    """The result of a case and its revision.

    A server that was killed in the middle of a correction left files the store has not heard of.

    Args:
        case: Its id; nobody else uses it meanwhile.
        here: The server.

    Raises:
        ApiError: there is no such case (404), or no result yet (409).
    """
    result = Result.read(here.done(case).result / "result.json")
    known = here.case(case)
    if len(result.history) == known.corrections:
        return result, known.revision
    return result, record(case, here, result, undone=[])
