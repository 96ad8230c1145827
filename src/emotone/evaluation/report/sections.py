"""The section of one run: system, protocol, results, leakage audit, and the command that repeats it."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import UsageError
from emotone.evaluation.report.about import NOT_RECORDED
from emotone.evaluation.report.corpus_sections import corpus_section
from emotone.evaluation.report.document import Block, Code, Section, Text
from emotone.metrics.intervals import Estimate
from emotone.protocols import SCALING, protocol
from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate, percent
from emotone.scoring.scores import TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.evaluation.report.about import RunDescription
    from emotone.evaluation.report.run_report import RunReport, TwinRun

BUNDLED = "part of the model; see emotone models show"
MAX_CELL = 160  # characters of a cell of the leakage audit


def run_section(report: RunReport, *, pictures: bool) -> Section:
    """Return the section of one run."""
    anchor = report.name.lower()
    parts = (
        ("Overlap of training and test data", _leakage(report)),
        ("Baselines that use simple cues", _shortcuts(report)),
        ("Excluded recordings", _problems(report)),
        ("How to repeat it", _command(report)),
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
    """Return the warnings about the scores: speaker dependence, with the scores of the twin, and failed audits."""
    if report.speaker_independent is not False:
        if report.about.clean is not False:
            return ()
        return (
            Text(
                "The leakage audit found problems: training and test parts overlap; see below.",
                "warning",
            ),
        )
    trained_on = report.about.trained_on
    if trained_on:
        reason = (
            f"This model was trained on {', '.join(trained_on)}: its scores there do not generalise to new speakers."
        )
    else:
        reason = (
            f"{report.protocol} tests speakers of the training data: these scores do not generalise to new speakers."
        )
    found: list[Block] = [Text(f"SPEAKER-DEPENDENT. {reason}", "warning")]
    if report.twin is not None:
        found.append(_twin(report, report.twin))
    return tuple(found)


def _twin(report: RunReport, twin: TwinRun) -> Block:
    if twin.folder is None:
        return Text(
            f"The speaker-independent evaluation of the same recipe and recordings ({twin.protocol}) was found neither "
            f"among the runs of this report nor next to {report.folder.name}; run it with --protocol {twin.protocol}.",
            "warning",
        )
    others = {(score.corpus, score.metric, score.setting): score for score in twin.scores}
    rows = tuple(
        (corpus.corpus, TITLES[metric], mine.text, other.text, percent(other.number - mine.number, sign="+"))
        for corpus in report.corpora
        for metric in ("uar", "accuracy")
        if (mine := corpus.score(metric)) is not None
        and (other := others.get((corpus.corpus, metric, "system"))) is not None
    )
    return ResultTable(
        ("corpus", "metric", report.protocol, twin.protocol, "difference"),
        rows,
        caption=f"Comparison with the speaker-independent evaluation ({twin.folder.name}), x 100. Report its scores.",
    )


def _facts(report: RunReport) -> ResultTable:
    about, table = report.about, report.table
    version = about.protocol.get("version")
    counts = (f"{corpus.uar.n} of {corpus.title}" for corpus in report.corpora)
    speakers = (f"{corpus.uar.speakers or 'unknown'}" for corpus in report.corpora)
    description, normalisation = _protocol(report)
    rows = (
        ("system", about.what()),
        ("labels", ", ".join(table.labels)),
        ("features", _part(about, "front_end", "functionals", "features")),
        ("network or classifier", _part(about, "net", "classifier")),
        ("predictions made by", about.method()),
        ("protocol", report.protocol + (f", version {version}" if version is not None else "")),
        ("protocol description", description),
        ("normalisation", normalisation),
        ("speaker-independent", INDEPENDENT[report.speaker_independent]),
        ("folds", str(len(np.unique(table.fold)))),
        ("training runs per fold (seeds)", str(len(np.unique(table.seed)))),
        ("recordings", ", ".join(counts)),
        ("speakers", ", ".join(speakers)),
        ("predictions", report.folder.name),
        ("signature", str(table.system[0])),
    )
    return ResultTable(("", report.name), rows, caption="System and protocol.")


def _part(about: RunDescription, *keys: str) -> str:
    """Return the name of a part of the recipe, under the first of the keys that it has."""
    if about.model:
        return BUNDLED
    for key in keys:
        value = about.recipe.get(key)
        if isinstance(value, dict) and "name" in value:
            return str(value["name"])
        if isinstance(value, str):
            return value
    return NOT_RECORDED


def _protocol(report: RunReport) -> tuple[str, str]:
    """Return the description of the protocol, and how features are scaled."""
    if report.about.model:
        return "a finished model predicts every recording once; nothing is trained", BUNDLED
    recorded = report.about.normalisation()
    try:
        used = protocol(report.protocol)
    except UsageError:  # an unknown protocol, or one read from files that are not available
        return NOT_RECORDED, recorded
    return used.description, SCALING[used.scaling] if recorded == NOT_RECORDED else recorded


def _leakage(report: RunReport) -> tuple[Block, ...]:
    findings = report.about.leakage()
    if findings is None:
        why = "not applicable, as nothing was trained." if report.about.model else f"{NOT_RECORDED}."
        return (Text(f"Leakage audit: {why}", "note"),)
    rows = tuple(
        (
            finding.kind,
            shorten(finding.found, MAX_CELL, placeholder="..."),
            "-" if finding.clips is None else str(finding.clips),
            shorten(finding.examples, MAX_CELL, placeholder="...") or "-",
        )
        for finding in findings
    )
    caption = "Leakage audit. Acted corpora repeat sentences by design; speakers and contents must not be shared."
    return (ResultTable(("kind", "result", "test clips", "examples"), rows, caption=caption),)


def _shortcuts(report: RunReport) -> tuple[Block, ...]:
    found = report.about.shortcuts()
    if not found:
        return ()
    mine = {corpus.corpus: corpus.uar for corpus in report.corpora}
    rows = []
    for item in found:
        corpus = str(item.get("corpus", NOT_RECORDED))
        cells = (str(item.get("name", NOT_RECORDED)), corpus, _cue_score(item), format_estimate(mine.get(corpus)))
        rows.append(cells)
    caption = (
        "UAR x 100 of classifiers that use one cue only. If it is close to the UAR of the system, the system may rely "
        "on the cue alone."
    )
    lines = [line for item in found if isinstance(item.get("lines"), list) for line in item["lines"]]
    table = ResultTable(("cue", "corpus", "UAR of the cue [95 %]", "this system"), tuple(rows), caption=caption)
    return (table, *(Text(line, "note") for line in dict.fromkeys(map(str, lines))))


def _cue_score(item: Mapping[str, Any]) -> str:
    """Return the UAR of a cue as a run records it."""
    value, low, high = (
        float(item[key]) if isinstance(item.get(key), int | float) else None for key in ("uar", "low", "high")
    )
    return NOT_RECORDED if value is None else format_estimate(Estimate(value=value, low=low, high=high))


def _problems(report: RunReport) -> tuple[Block, ...]:
    problems = report.about.problems()
    if problems is None:
        return (Text(f"Excluded recordings: {NOT_RECORDED}."),)
    if not problems:
        return (Text("None: every recording has a prediction."),)
    count = "1 recording" if len(problems) == 1 else f"{len(problems)} recordings"
    return (ResultTable(("recording", "reason"), problems, caption=f"{count} could not be used."),)


def _command(report: RunReport) -> tuple[Block, ...]:
    about, seeds = report.about, len(np.unique(report.table.seed))
    corpora = tuple(corpus.corpus for corpus in report.corpora)
    found: list[Block] = []
    if not about.recipe and not about.model and not about.about.get("again"):
        found.append(Text(f"The evaluated system is {NOT_RECORDED}; the command has this form:"))
    found.append(Code(about.command(corpora, protocol=report.protocol, seeds=seeds)))
    recipe = about.recipe_toml()
    if recipe:
        found += [Text(f"DIR is the folder of each corpus, and {about.system}.toml contains:"), Code(recipe, "toml")]
    return tuple(found)
