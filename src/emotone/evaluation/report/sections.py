"""One run in blocks: what was evaluated and how, what it scored, what training and test share, how to repeat it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import UsageError
from emotone.evaluation.report.about import NOT_RECORDED
from emotone.evaluation.report.blocks import Block, Code, Section, Table, Text
from emotone.evaluation.report.corpus_sections import corpus_section
from emotone.evaluation.report.formatting import INDEPENDENT, per_cent, shortened
from emotone.protocols import protocol
from emotone.protocols.base import SCALING
from emotone.scoring.scores import TITLES

if TYPE_CHECKING:
    from emotone.evaluation.report.about import About
    from emotone.evaluation.report.numbers import RunReport, Twin

BUNDLED = "as the model has it; see emotone models show"


def run_section(report: RunReport, *, pictures: bool) -> Section:
    """Return everything about one run."""
    anchor = report.name.lower()
    parts = (
        ("What training and test parts share", _leakage(report)),
        ("How far simple cues alone would get", _shortcuts(report)),
        ("Recordings left out", _problems(report)),
        ("How to repeat it", _again(report)),
    )
    return Section(
        f"{report.name}: {report.about.system}, {report.protocol}",
        anchor,
        (*warnings_of(report), _facts(report)),
        (
            *(corpus_section(report, corpus, pictures=pictures) for corpus in report.corpora),
            *(Section(title, f"{anchor}-{title.split()[-1]}", blocks) for title, blocks in parts if blocks),
        ),
    )


def warnings_of(report: RunReport) -> tuple[Block, ...]:
    """Return what must be known before any score is read: that speakers were trained on, and the twin's scores."""
    if report.speaker_independent is not False:
        if report.about.clean is not False:
            return ()
        return (
            Text(
                "The leakage audit is not clean: training and test parts share what they must not; see below.",
                "warning",
            ),
        )
    trained_on = report.about.trained_on
    if trained_on:
        words = (
            f"This model was trained on {', '.join(trained_on)}: what it scores there says nothing about new speakers."
        )
    else:
        words = f"{report.protocol} tests speakers that it trained on: these scores do not hold for new speakers."
    found: list[Block] = [Text(f"SPEAKER-DEPENDENT. {words}", "warning")]
    if report.twin is not None:
        found.append(_twin(report, report.twin))
    return tuple(found)


def _twin(report: RunReport, twin: Twin) -> Block:
    if twin.folder is None:
        return Text(
            f"Its speaker-independent twin, {twin.wanted} of the same recipe on the same recordings, is neither among "
            f"the runs of this report nor beside {report.folder.name}: make it with --protocol {twin.wanted}.",
            "warning",
        )
    others = {(score.corpus, score.metric, score.setting): score for score in twin.scores}
    rows = tuple(
        (corpus.corpus, TITLES[metric], mine.text, other.text, per_cent(other.number - mine.number, sign="+"))
        for corpus in report.corpora
        for metric in ("uar", "accuracy")
        if (mine := corpus.score(metric)) is not None
        and (other := others.get((corpus.corpus, metric, "system"))) is not None
    )
    return Table(
        f"Beside its speaker-independent twin ({twin.folder.name}), x 100: the twin's scores are those to quote.",
        ("corpus", "metric", report.protocol, twin.wanted, "difference"),
        rows,
    )


def _facts(report: RunReport) -> Table:
    about, table = report.about, report.table
    version = about.protocol.get("version")
    counts = (f"{corpus.uar.n} of {corpus.title}" for corpus in report.corpora)
    speakers = (f"{corpus.uar.speakers or 'not known'}" for corpus in report.corpora)
    division, normalisation = _division(report)
    rows = (
        ("what", about.what()),
        ("labels", ", ".join(table.labels)),
        ("features", _part(about, "front_end", "functionals", "features")),
        ("net or classifier", _part(about, "net", "classifier")),
        ("how it was judged", about.how()),
        ("protocol", report.protocol + (f", version {version}" if version is not None else "")),
        ("what the protocol is", division),
        ("normalisation", normalisation),
        ("tested speakers kept out of training", INDEPENDENT[report.speaker_independent]),
        ("folds", str(len(np.unique(table.fold)))),
        ("trainings per fold (seeds)", str(len(np.unique(table.seed)))),
        ("recordings", ", ".join(counts)),
        ("speakers", ", ".join(speakers)),
        ("predictions", report.folder.name),
        ("signature", str(table.system[0])),
    )
    return Table("What was evaluated, and how.", ("", report.name), rows)


def _part(about: About, *keys: str) -> str:
    """Return the name of a part of the recipe, whichever of the keys it goes by."""
    if about.model:
        return BUNDLED
    for key in keys:
        value = about.recipe.get(key)
        if isinstance(value, dict) and "name" in value:
            return str(value["name"])
        if isinstance(value, str):
            return value
    return NOT_RECORDED


def _division(report: RunReport) -> tuple[str, str]:
    """Return what the protocol is in words, and how it has features scaled."""
    if report.about.model:
        return "every recording is judged once by a model that is given; nothing is trained", BUNDLED
    recorded = report.about.normalisation()
    try:
        division = protocol(report.protocol)
    except UsageError:  # of somebody else's, or read from files that are not here
        return NOT_RECORDED, recorded
    return division.description, SCALING[division.normalisation] if recorded == NOT_RECORDED else recorded


def _leakage(report: RunReport) -> tuple[Block, ...]:
    findings = report.about.leakage()
    if findings is None:
        why = "nothing was trained for it." if report.about.model else f"{NOT_RECORDED}."
        return (Text(f"Leakage audit: {why}", "note"),)
    rows = tuple(
        (
            finding.kind,
            shortened(finding.found),
            "-" if finding.clips is None else str(finding.clips),
            shortened(finding.examples) or "-",
        )
        for finding in findings
    )
    caption = "The leakage audit. Acted corpora repeat sentences by design; speakers and contents must not be shared."
    return (Table(caption, ("kind", "found", "test clips", "which"), rows),)


def _shortcuts(report: RunReport) -> tuple[Block, ...]:
    found = report.about.shortcuts()
    if not found:
        return ()
    mine = {corpus.corpus: corpus.uar for corpus in report.corpora}
    rows = []
    for item in found:
        corpus = str(item.get("corpus", NOT_RECORDED))
        beside = mine.get(corpus)
        cells = (str(item.get("name", NOT_RECORDED)), corpus, _interval(item), "-" if beside is None else beside.text)
        rows.append(cells)
    caption = (
        "UAR x 100 that each cue would reach by itself. Where it comes near the system's, the system may have learned "
        "no more than the cue."
    )
    said = [line for item in found if isinstance(item.get("lines"), list) for line in item["lines"]]
    table = Table(caption, ("cue", "corpus", "UAR of the cue [95 %]", "this system"), tuple(rows))
    return (table, *(Text(line, "note") for line in dict.fromkeys(map(str, said))))


def _interval(item: Any) -> str:
    value, low, high = (
        item.get(key) if isinstance(item.get(key), int | float) else None for key in ("uar", "low", "high")
    )
    if value is None:
        return NOT_RECORDED
    return per_cent(value) if low is None or high is None else f"{per_cent(value)} [{per_cent(low)}, {per_cent(high)}]"


def _problems(report: RunReport) -> tuple[Block, ...]:
    problems = report.about.problems()
    if problems is None:
        return (Text(f"Recordings left out: {NOT_RECORDED}."),)
    if not problems:
        return (Text("None: every recording was judged."),)
    count = "1 recording" if len(problems) == 1 else f"{len(problems)} recordings"
    return (Table(f"{count} could not be used.", ("recording", "why"), problems),)


def _again(report: RunReport) -> tuple[Block, ...]:
    about, seeds = report.about, len(np.unique(report.table.seed))
    corpora = tuple(corpus.corpus for corpus in report.corpora)
    found: list[Block] = []
    if not about.recipe and not about.model and not about.told.get("again"):
        found.append(Text(f"What was evaluated is {NOT_RECORDED}; the command would be of this form:"))
    found.append(Code(about.command(corpora, protocol=report.protocol, seeds=seeds)))
    recipe = about.recipe_toml()
    if recipe:
        found += [Text(f"DIR stands for each corpus's folder, and {about.system}.toml holds:"), Code(recipe, "toml")]
    return tuple(found)
