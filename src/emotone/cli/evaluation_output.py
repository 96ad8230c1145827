"""Results of `emotone evaluate` as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.evaluation.run import Evaluation
    from emotone.evaluation.shortcuts import CueScore
    from emotone.scoring.operating_points import OperatingPoints


def to_dict(
    results: Sequence[Evaluation], *, points: OperatingPoints | None, shortcuts: Sequence[CueScore] | None
) -> dict[str, Any]:
    """Return results as one JSON object.

    Args:
        results: an evaluation, followed by that of its speaker-independent twin, if any.
        points: thresholds of a detector, if any.
        shortcuts: scores of simple cues, if requested.

    """
    first, *twins = results
    found: dict[str, Any] = {
        "run": str(first.folder),
        "scores": [score.to_dict() for result in results for score in result.scores],
        "leakage": first.leakage.to_dict() if first.leakage is not None else None,
        "problems": [problem.message for problem in first.problems],
        "twin": str(twins[0].folder) if twins else None,
        "training_overlap": asdict(first.training_overlap) if first.training_overlap is not None else None,
    }
    if shortcuts is not None:
        found["shortcuts"] = [cue.to_dict() for cue in shortcuts]
    if points is not None:
        found["operating_points"] = points.to_dict()
    return found


def print_evaluation(results: Sequence[Evaluation], points: OperatingPoints | None) -> None:
    """Print scores, thresholds, the leakage audit and the folders of the runs."""
    from emotone.scoring.scores import scores_table

    click.echo(scores_table([score for result in results for score in result.scores]).text())
    if points is not None:
        click.echo(f"\n{points.table().text()}")
    for line in _twin_lines(results):
        click.echo(f"\n{line}")
    for result in results:
        if result.leakage is not None:
            click.echo(f"\nLeakage audit, what training and test data share ({result.protocol}):")
            for line in result.leakage.lines():
                click.echo(f"  {line}")
    click.echo()
    for result in results:
        click.echo(result.folder)


def shortcuts_text(results: Sequence[Evaluation], shortcuts: Sequence[CueScore]) -> str:
    """Return a table for each protocol: scores of simple cues next to those of the evaluated system."""
    from emotone.evaluation.shortcuts import cues_table

    texts = []
    for result in results:
        cues = [cue for cue in shortcuts if cue.protocol == result.protocol]
        systems = _uar(result)
        texts.append(
            f"\nBaselines that use simple cues ({result.protocol}):\n\n{cues_table(cues, systems=systems).text()}"
        )
    return "\n".join(texts)


def _twin_lines(results: Sequence[Evaluation]) -> list[str]:
    """Return one line per corpus: the score with shared speakers, and that for new speakers."""
    if len(results) == 1:
        return []
    shared, new = (_uar(result) for result in results)
    return [
        f"{corpus}: UAR {100 * shared[corpus]:.0f} with shared speakers, {100 * new[corpus]:.0f} for new speakers"
        for corpus in shared
        if corpus in new
    ]


def _uar(result: Evaluation) -> dict[str, float]:
    """Return the unweighted average recall of the evaluated system on each corpus, 0 to 1."""
    return {score.corpus: score.number for score in result.scores if (score.setting, score.metric) == ("system", "uar")}
