"""A document as one file of HTML, Markdown or LaTeX, by templates; everything that is filled in is escaped.

HTML is one file without script or reference to anything outside. Markdown is what GitHub shows. LaTeX is to be put into
an article with `\\input`: it needs the packages fontenc (T1), booktabs and graphicx, and for names in other letters an
engine that has them.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from emotone.errors import UsageError, missing_extra, unknown_name
from emotone.evaluation.report.blocks import Code, Figure, Table, Text

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.evaluation.report.blocks import Document

TEMPLATES = {".html": "report.html.j2", ".md": "report.md.j2", ".tex": "report.tex.j2"}
STYLE = "report.css"
TEX_ROWS = 40  # of one table: more do not fit on a page
NBSP = "\u00a0"
_USUAL = (("{%", "%}"), ("{{", "}}"), ("{#", "#}"))  # LaTeX has other signs: braces and per cent are its own
_MARKDOWN = re.compile(r"([\\`*_~|$#]|\[(?![-+\d])|^[-+>](?=\s)|^\d+(?=[.)]\s))")
_TEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "{}#$%&_"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    NBSP: "~",
}


def format_of(path: Path) -> str:
    """Return the suffix that chooses the format; raise `UnknownNameError` for any other."""
    suffix = path.suffix.lower()
    if suffix not in TEMPLATES:
        raise unknown_name("suffix of a report", suffix or path.name, TEMPLATES)
    return suffix


def render(document: Document, *, suffix: str) -> str:
    """Return the text of the file.

    Args:
        document: what to write.
        suffix: as `format_of` gives it.

    Raises:
        UsageError: no such format.
        MissingExtraError: Jinja2 is not installed.

    Example:
        >>> from emotone.evaluation.report.blocks import Document, Section
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
        raise UsageError(f"suffix {suffix} was given; allowed: {', '.join(TEMPLATES)}")
    environment = _environment(suffix)
    style = _template(STYLE) if suffix == ".html" else ""
    text: str = environment.get_template(TEMPLATES[suffix]).render(document=document, style=style)
    if suffix == ".html":
        return text
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape_markdown(text: str) -> str:
    r"""Return text that Markdown shows as it is, on one line.

    Example:
        >>> escape_markdown("a|b <i> *c*")
        'a\\|b &lt;i&gt; \\*c\\*'

    """
    line = " ".join(text.split()) if NBSP not in text else re.sub(r"[^\S\u00a0]+", " ", text)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", line)


def escape_tex(text: str) -> str:
    r"""Return text that LaTeX prints as it is.

    Example:
        >>> escape_tex("-50 % of a_b")
        '$-$50 \\% of a\\_b'

    """
    line = re.sub(r"[^\S\u00a0]+", " ", text)
    escaped = "".join(_TEX.get(character, character) for character in line)
    # At the start of a row these would belong to the end of the row before it.
    first = "{" + escaped[0] + "}" + escaped[1:] if escaped.startswith(("[", "*")) else escaped
    return re.sub(r"(?<![\w$-])-(?=\d)", "$-$", first)


ESCAPES = {".md": escape_markdown, ".tex": escape_tex}


def _environment(suffix: str) -> Any:
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError as error:
        raise missing_extra("jinja2", "report", "a report") from error

    def finalize(value: Any) -> Any:
        """Return what is filled in, escaped as the format wants it, which autoescape then leaves alone."""
        return value if suffix == ".html" or isinstance(value, Markup) else Markup(ESCAPES[suffix](str(value)))  # noqa: S704

    block, variable, comment = (("<%", "%>"), ("<<", ">>"), ("<#", "#>")) if suffix == ".tex" else _USUAL
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
    environment.filters |= {"kind": _kind, "columns": _columns, "fence": _fence}
    environment.globals |= {"tex_rows": TEX_ROWS, "cell_end": " & ", "row_end": r" \\"}
    return environment


def _template(name: str) -> str:
    return resources.files("emotone.evaluation.report").joinpath(name).read_text(encoding="utf-8")


def _kind(block: object) -> str:
    """Return which kind of block it is, by which templates choose how to write it."""
    return {Text: "text", Code: "code", Table: "table", Figure: "figure"}[type(block)]


def _columns(table: Table) -> str:
    """Return LaTeX's description of a table's columns; those with long text share what the others leave."""
    prose = table.prose
    width = 0.62 / max(1, sum(prose))
    letters = (
        rf"p{{{width:.2f}\linewidth}}" if is_prose else "r" if is_number else "l"
        for is_prose, is_number in zip(prose, table.numeric, strict=True)
    )
    return "".join(letters)


def _fence(text: str) -> str:
    """Return a fence for code in Markdown that is longer than any in it."""
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)
