"""Pages of evaluations and trained sources, and the README's scores and speed, from the files under results/."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.pages import costs
from scripts.pages.markdown import RESULTS, ROOT, system_of

from emotone.fitting.distillation.card import results_card
from emotone.reproductions.document import ENGINE, document, markdown_table
from emotone.scoring.finished_run import finished_runs, read_run
from emotone.scoring.scores import scores_of
from emotone.scoring.summary import summary_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator


def evaluations() -> str:
    """Return the scores of all evaluations under results/, computed from their stored predictions."""
    lines = [
        "# Evaluations",
        "",
        "All numbers are computed from the predictions tables of the runs under `results/` whenever this page is made.",
        "The settings of the shipped recipes were selected on the scores of one division of the speakers (a tenth of",
        "each corpus held out); no other scores were used before the folds below were run once.",
        *ENGINE,
    ]
    for folder in finished_runs(RESULTS):
        about = read_run(folder).about
        system = system_of(about)
        recipe = f"{system} --protocol {about['protocol']['name']}"
        argument = recipe if "recipe" in about else system
        command = about.get("again", f"emotone evaluate {argument} --corpus NAME=DIR...")
        lines += ["", f"## {system}, {about['protocol']['name']}", "", summary_markdown(folder).rstrip()]
        lines += ["", f"Command, with the corpora that the table names: `{command}`"]
    return document(lines)


def sources() -> str:
    """Return the cards of the sources that were trained here, from their runs and probes under results/sources."""
    lines = [
        "# Sources",
        "",
        "Networks that were trained with `emotone sources train`, to transfer from (see [sources.md](../sources.md)).",
        "All numbers are those of a run, or of classifiers trained on its layers, as stored under `results/sources/`",
        "by `scripts/probe_source.py`. This text is also the card of a shipped source.",
    ]
    for folder in sorted(path.parent for path in (RESULTS / "sources").glob("*/run.json")):
        card = results_card(folder).rstrip()
        lines += ["", *(f"#{line}" if line.startswith("#") else line for line in card.splitlines())]
    return document(lines)


def readme() -> str:
    """Return the README with current scores and speed."""
    header = ("system", "protocol", "corpus", "labels", "UAR x 100", "chance", "clips", "speakers")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tables = (("costs", costs.readme_rows()), ("scores", markdown_table(header, _uar_rows())), ("speed", _speed()))
    for name, lines in tables:
        begins, ends = f"<!-- {name}, written by `make docs` -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begins)
        _, _, after = rest.partition(ends)
        text = "\n".join([before + begins, *lines, ends + after])
    return text


def _speed() -> list[str]:
    measured = json.loads((RESULTS / "bench/speed.json").read_text(encoding="utf-8"))["benchmarks"]

    def check(benchmark: str, number: int) -> float:
        return float(measured[benchmark]["checks"][number]["value"])

    warm = measured["stages"]["rows"][-1][-1]
    cold, ratio, small, memory = check("cold", 0), check("throughput", 0), check("throughput", 1), check("memory", 0)
    return [
        f"A clip of 3 s takes {warm} ms once the model is loaded, and {cold:.1f} s as a command of its own. Processing",
        f"a folder is {ratio:.1f} times as fast as extracting openSMILE's IS10 features from it, and {small:.0f} times",
        f"with the model `small`. Two hours of speech need {memory:.0f} MB of memory (all figures:",
        "[speed and memory](docs/results/speed.md), written by `make bench`).",
    ]


def _uar_rows() -> Iterator[tuple[str, ...]]:
    for folder in finished_runs(RESULTS):
        run = read_run(folder)
        for score in scores_of(run.predictions):
            if score.metric == "uar" and score.setting == "system":
                classes = len(set(run.predictions.of_corpus(score.corpus).truth))
                if classes < 2:
                    continue  # ordinary speech, which trains a detector: see the model's card
                yield (
                    system_of(run.about),
                    score.protocol,
                    score.corpus,
                    f"{classes}",
                    score.text,
                    f"{100 / classes:.1f}",
                    f"{score.n}",
                    f"{score.speakers}",
                )
