"""The report of one scan on paper: the content of the web page, as PDF."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from spondyl.errors import MissingDependencyError
from spondyl.export.subject import Subject
from spondyl.io.atomic import write_bytes
from spondyl.report.sheet import DISCLAIMER, FlagLine, Sheet
from spondyl.report.tables import Cell, Table

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

__all__ = ["write_pdf"]

_INK, _FAINT, _LINE, _BAR = "#16191d", "#5d6670", "#d9dde1", "#cfe0f5"
_TONES: Final = {"check": ("#b3261e", "#fdeceb"), "note": ("#8a5a00", "#fdf4e3")}
_MARGIN_MM: Final = 16.0
_FONT, _BOLD = "DejaVuSans", "DejaVuSans-Bold"


def write_pdf(subject: Subject, path: Path | str) -> None:
    """Write the report of one scan on A4; the same result gives the same bytes.

    Raises:
        MissingDependencyError: reportlab is not installed.
        OutputError: the file cannot be written.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.lib.units import mm
        from reportlab.platypus import SimpleDocTemplate
    except ImportError:
        raise MissingDependencyError(
            "PDF reports need reportlab; install it with: pip install 'spondyl[report]'"
        ) from None
    _load_fonts()
    sheet = Sheet.of(subject.result, subject.name)
    stream = io.BytesIO()
    margin = _MARGIN_MM * mm
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=margin,
        rightMargin=margin,
        topMargin=margin,
        bottomMargin=margin,
        title=sheet.title,
        author="Spondyl",
        lang="en",
        invariant=1,
    )

    def foot(canvas: Any, _: Any) -> None:
        canvas.setFont(_FONT, 7)
        canvas.setFillColor(_FAINT)
        canvas.drawString(margin, 0.6 * margin, DISCLAIMER)
        canvas.drawRightString(A4[0] - margin, 0.6 * margin, f"{sheet.title[:60]} · {canvas.getPageNumber()}")

    story = _story(sheet, subject, document.width, document.height)
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    write_bytes(path, stream.getvalue())


def _load_fonts() -> None:
    """DejaVu Sans, which comes with matplotlib, for names in most of the world's scripts."""
    from matplotlib import get_data_path
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in (_FONT, _BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(Path(get_data_path(), "fonts", "ttf", f"{name}.ttf"))))


def _text(
    words: str, size: float = 9, *, colour: str = _INK, bold: bool = False, **options: Any
) -> "Flowable":
    """A paragraph of ``words`` with reportlab's own mark-up; everything put into it must be escaped."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    font = _BOLD if bold else _FONT
    style = ParagraphStyle(
        "text", fontName=font, fontSize=size, leading=1.35 * size, textColor=colour, **options
    )
    return Paragraph(words, style)


def _story(sheet: Sheet, subject: Subject, width: float, height: float) -> "list[Flowable]":
    from reportlab.platypus import KeepTogether, Spacer

    story: list[Flowable] = [
        _text(escape(sheet.title), 15, bold=True),
        _text(escape(sheet.lead), 10.5, spaceBefore=2, spaceAfter=6),
        *map(_flag, sheet.flags),
        Spacer(0, 6),
        _picture(subject.preview_png, width, 0.62 * height),
    ]
    for number, table in enumerate(sheet.tables):
        heading = _text(escape(table.title), 11, bold=True, spaceBefore=12, spaceAfter=4)
        body = _table(table, width)
        story += [KeepTogether([heading, body])] if len(table.rows) < 12 else [heading, body]
        story += [Spacer(0, 4), *(_pair(word, text) for word, text in table.about)]
        if number == 0 and subject.landmarks_png is not None:
            caption = _text("Where heights were measured (mm), front on the left", 7.5, colour=_FAINT)
            story += [Spacer(0, 6), _picture(subject.landmarks_png, width, 0.8 * height), caption]
    if sheet.notes:
        story.append(_text("Notes", 11, bold=True, spaceBefore=12, spaceAfter=4))
        story += [_pair(note.mark, f"{note.text} ({note.places})") for note in sheet.notes]
    if sheet.history:
        story.append(_text("Corrections", 11, bold=True, spaceBefore=12, spaceAfter=4))
        story += [_text(escape(entry), 8) for entry in sheet.history]
    story.append(_text("About", 11, bold=True, spaceBefore=12, spaceAfter=4))
    return story + [_pair(word, text) for word, text in sheet.about]


def _pair(word: str, text: str) -> "Flowable":
    return _text(f'<font color="{_FAINT}">{escape(word)}</font>&nbsp; {escape(text)}', 7.5)


def _flag(flag: FlagLine) -> "Flowable":
    colour, ground = _TONES[flag.severity]
    names = f"{escape(flag.names)}: " if flag.names else ""
    words = (
        f'<font name="{_BOLD}" color="{colour}">{escape(flag.title)}</font>&nbsp; {names}{escape(flag.text)}'
    )
    return _text(words, 8.5, backColor=ground, borderPadding=(3, 5, 3, 5), spaceBefore=5, spaceAfter=3)


def _picture(png: bytes, width: float, height: float) -> "Flowable":
    from reportlab.lib.utils import ImageReader
    from reportlab.platypus import Image

    across, down = ImageReader(io.BytesIO(png)).getSize()
    scale = min(width / across, height / down)
    return Image(io.BytesIO(png), across * scale, down * scale)


def _table(table: Table, width: float) -> "Flowable":
    from reportlab.platypus import Table as Grid
    from reportlab.platypus import TableStyle

    aligned = ["left", *["right"] * (table.words - 1), *["left"] * (len(table.head) - table.words)]
    head = [
        _text(f'{escape(title)}<br/><font size="6" color="{_FAINT}">{escape(unit)}&nbsp;</font>', 7,
              bold=True, alignment=side)
        for (title, unit), side in zip(table.head, map(_side, aligned), strict=True)
    ]  # fmt: skip
    rows = [[_cell(cell, _side(side)) for cell, side in zip(row, aligned, strict=True)] for row in table.rows]
    styles: list[Any] = [
        ("LINEBELOW", (0, 0), (-1, 0), 1, _LINE),
        ("LINEBELOW", (0, 1), (-1, -1), 0.5, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ]
    shares = [1.5 if side == "left" else 1.0 for side in aligned]
    widths = [width * share / sum(shares) for share in shares]
    return Grid([head, *rows], widths, repeatRows=1, style=TableStyle(styles))


def _side(side: str) -> int:
    """Number of an alignment in reportlab."""
    return 2 if side == "right" else 0


def _cell(cell: Cell, alignment: int) -> "Flowable":
    swatch = f'<font color="{cell.colour}">■</font> ' if cell.colour else ""
    spread = f' <font size="6" color="{_FAINT}">{escape(cell.spread)}</font>' if cell.spread else ""
    marks = f'<super size="5">{escape(cell.marks)}</super>' if cell.marks else ""
    colour = _TONES["check"][0] if cell.tone == "check" else _FAINT if cell.tone == "quiet" else _INK
    words = f"{swatch}{escape(cell.text)}{spread}{marks}"
    return _text(words, 8, colour=colour, bold=cell.tone == "check", alignment=alignment)
