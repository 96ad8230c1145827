"""The main score in words that need no statistics, and numbers as they are written in every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.scoring.comparison import FEW_SPEAKERS

if TYPE_CHECKING:
    from emotone.evaluation.report.numbers import CorpusReport

WHO = {
    True: "spoken by people that it had not been trained on",
    False: "also spoken by people that it WAS TRAINED ON, so the figure does not hold for new speakers",
    None: "and whether it had been trained on these people is not known",
}
INDEPENDENT = {True: "yes", False: "NO", None: "not known"}


def headline(corpus: CorpusReport, *, independent: bool | None) -> str:
    """Return what a corpus's main score means, for those who know no statistics.

    Example of what comes out: "Of 100 recordings of Emo-DB, with all 7 emotions equally frequent, it names 72 right,
    spoken by people that it had not been trained on. Guessing would get 14. ..."
    """
    uar, chance = corpus.uar, corpus.score("uar", "chance")
    if len(corpus.present) < 2 or chance is None:
        return (
            f"All recordings of {corpus.title} are '{corpus.present[0]}', and it names {_of_100(uar.number)} of 100 "
            "right. That does not tell whether it can tell emotions apart."
        )
    emotions = "both emotions" if len(corpus.present) == 2 else f"all {len(corpus.present)} emotions"
    figure = f"it names {_of_100(uar.number)} right, {WHO[independent]}"
    sentences = [
        f"Of 100 recordings of {corpus.title}, with {emotions} equally frequent, {figure}.",
        f"Guessing would get {_of_100(chance.number)}.",
    ]
    if uar.low is None or uar.high is None:
        sentences.append(f"How far that may be off for other speakers can't be said ({uar.note or 'no interval'}).")
        return " ".join(sentences)
    speakers = f"95 % interval over {uar.speakers} speakers{', too narrow for so few' if _few(uar.speakers) else ''}"
    between = f"between {_of_100(uar.low)} and {_of_100(uar.high)}"
    if independent:
        sentences.append(f"With other speakers of the same kind it would likely be {between} ({speakers}).")
    else:
        sentences.append(f"With other speakers that it knows as well it would likely be {between} ({speakers}).")
    if uar.high < chance.number:
        sentences.append("That is worse than guessing.")
    elif uar.low <= chance.number:
        sentences.append("That can't be told from guessing.")
    return " ".join(sentences)


def per_cent(value: float | None, *, sign: str = "") -> str:
    """Return a share times 100 with one decimal; "-" for None."""
    return "-" if value is None else f"{100 * value:{sign}.1f}"


def shortened(text: str, *, most: int = 160) -> str:
    """Return a text of at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _of_100(share: float) -> str:
    return f"{100 * share:.0f}"


def _few(speakers: int) -> bool:
    return 0 < speakers < FEW_SPEAKERS
