"""Pages of evaluations and learned sources, and the README's scores and speed, from what is kept under results/."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.pages.markdown import RESULTS, ROOT, page, system_of, table

from emotone.fitting.distillation.card import results_card
from emotone.scoring.finished_run import read_run
from emotone.scoring.scores import scores_of
from emotone.scoring.summary import summary_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator


def evaluations() -> str:
    """Return the scores of every evaluation under results/, computed from its stored predictions."""
    lines = [
        "# Evaluations",
        "",
        "Every number below is computed from the predictions table of its run under `results/`, anew each time this",
        "page is made. The settings of the shipped recipes were chosen while looking at the scores of one division of",
        "the speakers (a tenth of each corpus held out); no others were looked at before the folds below were run",
        "once.",
    ]
    for folder in sorted(path.parent for path in RESULTS.glob("*/predictions.parquet")):
        about = read_run(folder).about
        system = system_of(about)
        recipe = f"src/emotone/recipes/shipped/{system}.toml --protocol {about['protocol']['name']}"
        asked = recipe if "recipe" in about else system
        again = about.get("again", f"emotone evaluate {asked} --corpus NAME=DIR...")
        lines += ["", f"## {system}, {about['protocol']['name']}", "", summary_markdown(folder).rstrip()]
        lines += ["", f"Again, with the corpora that the table names: `{again}`"]
    return page(lines)


def sources() -> str:
    """Return the cards of the sources that were learned here, from their runs and probes under results/sources."""
    lines = [
        "# Sources",
        "",
        "Networks that were learned with `emotone sources train`, to transfer from ([sources.md](../sources.md) says",
        "how). Every number below is of a run, or of what a classifier finds in its layers, as kept under",
        "`results/sources/` by `scripts/probe_source.py`. A source that comes with emotone has this text as its card.",
    ]
    for folder in sorted(path.parent for path in (RESULTS / "sources").glob("*/run.json")):
        card = results_card(folder).rstrip()
        lines += ["", *(f"#{line}" if line.startswith("#") else line for line in card.splitlines())]
    return page(lines)


def readme() -> str:
    """Return the README with current scores and speed."""
    header = ("system", "protocol", "corpus", "labels", "UAR x 100", "chance", "clips", "speakers")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, lines in (("scores", table(header, _uar_rows())), ("speed", _speed())):
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
    cold, ratio, memory = check("cold", 0), check("throughput", 0), check("memory", 0)
    page = "docs/results/speed.md"
    return [
        f"A clip of 3 s takes {warm} ms once the model is loaded, and {cold:.1f} s as a command of its own. Processing a",
        f"folder is {ratio:.0f} times as fast as extracting openSMILE's IS10 features from it. Two hours of speech need",
        f"{memory:.0f} MB of memory (all figures: [speed and memory]({page}), written by `make bench`).",
    ]


def _uar_rows() -> Iterator[tuple[str, ...]]:
    for folder in sorted(path.parent for path in RESULTS.glob("*/predictions.parquet")):
        run = read_run(folder)
        for score in scores_of(run.predictions):
            if score.metric == "uar" and score.setting == "system":
                classes = len(set(run.predictions.of_corpus(score.corpus).truth))
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
