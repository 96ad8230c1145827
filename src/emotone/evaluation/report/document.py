r"""The parts of a report, and the report as one file of HTML, Markdown or LaTeX.

HTML is one file without scripts or external references. Markdown follows GitHub's dialect. LaTeX is included in an
article with `\input` and needs the packages fontenc (T1), booktabs and graphicx. Texts are plain; the renderers escape
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emotone.errors import UsageError, missing_extra, unknown_name
from emotone.scoring.result_table import ResultTable, escape_markdown, escape_tex

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = {".html": "report.html.j2", ".md": "report.md.j2", ".tex": "report.tex.j2"}
STYLE = "report.css"
ESCAPES = {".md": escape_markdown, ".tex": escape_tex}
_DELIMITERS = (("{%", "%}"), ("{{", "}}"), ("{#", "#}"))
_TEX_DELIMITERS = (("<%", "%>"), ("<<", ">>"), ("<#", "#>"))  # braces and percent signs are LaTeX's own

TextKind: TypeAlias = Literal["plain", "headline", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    kind: TextKind = "plain"


@dataclass(frozen=True, slots=True)
class Code:
    """A command or file to copy."""

    text: str
    language: Literal["text", "toml"] = "text"


@dataclass(frozen=True, slots=True)
class Figure:
    """One or several pictures of one kind. A table contains the same data.

    Attributes:
        pictures: description for screen readers, and SVG, of each picture.
        caption: how to read them.
        size: "small" pictures are placed side by side, the others on lines of their own.
        names: heading of each picture, if there are several.

    """

    pictures: tuple[tuple[str, str], ...]
    caption: str
    size: Literal["small", "medium", "wide"] = "medium"
    names: tuple[str, ...] = ()


Block: TypeAlias = Text | Code | ResultTable | Figure


@dataclass(frozen=True)
class Section:
    """A heading with its content.

    Attributes:
        title: of the section.
        anchor: letters, digits and hyphens; unique in the document.
        blocks: in order.
        sections: subsections.

    """

    title: str
    anchor: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = field(default=())


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    sections: tuple[Section, ...]


def format_of(path: Path) -> str:
    """Return the suffix, which determines the format; raise `UnknownNameError` if it is not supported."""
    suffix = path.suffix.lower()
    if suffix not in TEMPLATES:
        raise unknown_name("suffix of a report", suffix or path.name, TEMPLATES)
    return suffix


def render(document: Document, *, suffix: str) -> str:
    """Return the text of the file.

    Args:
        document: the report.
        suffix: see `format_of`.

    Raises:
        UsageError: unknown format.
        MissingExtraError: Jinja2 is not installed.

    Example:
        >>> document = Document("Toy", (Section("Scores of <b>", "scores", (Text("72 of 100"),)),))
        >>> print(render(document, suffix=".md"))
        # Toy
        <BLANKLINE>
        ## Scores of &lt;b&gt;
        <BLANKLINE>
        72 of 100
        <BLANKLINE>

    """
    if suffix not in TEMPLATES:
        raise UsageError(f"suffix is {suffix}; allowed: {', '.join(TEMPLATES)}")
    environment = _environment(suffix)
    style = _template(STYLE) if suffix == ".html" else ""
    text: str = environment.get_template(TEMPLATES[suffix]).render(document=document, style=style)
    if suffix == ".html":
        return text
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _environment(suffix: str) -> Any:
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError as error:
        raise missing_extra("jinja2", "report", "a report") from error

    def finalize(value: Any) -> Any:
        """Return a value escaped for the format, marked so that autoescape keeps it."""
        return value if suffix == ".html" or isinstance(value, Markup) else Markup(ESCAPES[suffix](str(value)))  # noqa: S704

    block, variable, comment = _TEX_DELIMITERS if suffix == ".tex" else _DELIMITERS
    environment = jinja2.Environment(
        block_start_string=block[0],
        block_end_string=block[1],
        variable_start_string=variable[0],
        variable_end_string=variable[1],
        comment_start_string=comment[0],
        comment_end_string=comment[1],
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"kind": _kind, "fence": _fence}
    return environment


def _template(name: str) -> str:
    return resources.files("emotone.evaluation.report").joinpath(name).read_text(encoding="utf-8")


def _kind(block: object) -> str:
    """Return the kind of a block, which selects its part of the template."""
    return {Text: "text", Code: "code", ResultTable: "table", Figure: "figure"}[type(block)]


def _fence(text: str) -> str:
    """Return a Markdown code fence that is longer than any in the text."""
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)
