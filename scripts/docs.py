"""Write the pages of docs/ that are made from the code, or check that they are current.

    python scripts/docs.py [--check]

Every page is a function without arguments that returns Markdown: to add one, write it and name it in `PAGES`.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.audio.activity import WEIGHTS
from emotone.cli.main import cli
from emotone.corpora.base import CORPORA, Corpus
from emotone.corpora.selections import Selection, selections_of
from emotone.distil.results import results_card
from emotone.errors import AudioError, EmotoneError
from emotone.evaluation.comparison import compare_runs
from emotone.evaluation.comparison_text import comparison_markdown
from emotone.evaluation.scores import scores_of
from emotone.evaluation.seeds import seeds_of
from emotone.evaluation.summary import read_evaluation, summary_markdown
from emotone.nets.base import NETS, parameters, receptive_field
from emotone.papers.base import PAPERS, Paper, Row
from emotone.papers.page import grid_markdown, kept_rows
from emotone.papers.reproduce import ROWS, folder_of
from emotone.protocols import Leakage
from emotone.systems import shipped
from emotone.systems.manifest import CARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
DOCS, RESULTS = ROOT / "docs", ROOT / "results"
NOTE = "<!-- Written by `make docs`; do not edit. -->"
WIDTH = 100  # characters per line of help pages
BANDS, CLASSES = 64, 7  # the size that layer tables are printed for


def commands() -> str:
    """Return every help page."""
    lines = [
        "# Commands",
        "",
        "Results go to standard output, everything else to standard error. Exit status: 0 all done; 1 some inputs",
        "failed; 2 wrong usage, or nothing could be done.",
    ]
    for name, text in _help_pages(cli, "emotone", None):
        lines += ["", f"## {name}", "", "```text", text, "```"]
    return _page(lines)


def corpora() -> str:
    """Return what is known about every corpus."""
    known = CORPORA.all()
    lines = [
        "# Corpora",
        "",
        "None of them comes with emotone: get it where its owners publish it, and keep its licence.",
        "`emotone corpora check NAME DIR` says whether your copy is whole. Anything else is a table: see",
        "[own-data.md](own-data.md).",
        "",
        "A *selection* is the clips that a publication took, where that is more than a set of labels.",
        "",
        *_table(
            ("name", "clips", "speakers", "languages", "licence", "may weights be shipped?"),
            (
                (
                    f"[{name}](#{name})",
                    f"{corpus.clips or 'not known'}",
                    f"{corpus.speaker_count or 'not known'}",
                    ", ".join(corpus.languages),
                    corpus.licence.name,
                    "yes" if corpus.licence.weights_shippable else "no",
                )
                for name, corpus in known.items()
            ),
        ),
    ]
    for name, corpus in known.items():
        lines += ["", f"## {name}", "", *_corpus(corpus)]
    return _page(lines)


def models() -> str:
    """Return the cards of the shipped models."""
    lines = [
        "# Models",
        "",
        "The models that come with emotone, each a folder as [bundle.md](bundle.md) describes. Their cards follow,",
        "word for word; `emotone models show NAME` prints the same.",
    ]
    bundles = {name: shipped.load(name) for name in shipped.shipped_names()}
    if bundles:
        lines += [
            "",
            *_table(
                ("name", "version", "labels", "trained on", "licence of the weights"),
                (
                    (
                        name,
                        bundle.manifest.version,
                        ", ".join(bundle.labels),
                        ", ".join(bundle.manifest.training.corpora),
                        bundle.manifest.licence,
                    )
                    for name, bundle in bundles.items()
                ),
            ),
        ]
    for bundle in bundles.values():
        card = (bundle.directory / CARD).read_text(encoding="utf-8")
        lines += ["", *(f"#{line}" if line.startswith("#") else line for line in card.rstrip().splitlines())]
    return _page(lines)


def nets() -> str:
    """Return the layer table of every net."""
    lines = [
        "# Nets",
        "",
        f"Layer tables for {BANDS} values per frame and {CLASSES} labels; T is the number of frames.",
        "`emotone nets show NAME` prints them for other sizes.",
    ]
    for name in NETS.names:
        spec = NETS.get(name)()
        layers = spec.layers(BANDS, CLASSES)
        rows = ((layer.name, layer.kind, layer.output, f"{layer.parameters:,}") for layer in layers)
        lines += [
            "",
            f"## {name}",
            "",
            f"{spec.title[0].upper()}{spec.title[1:]}. From: {spec.paper}.",
            f"{parameters(layers):,} parameters; a step sees {receptive_field(layers)} frames.",
            "",
            *_table(("layer", "what it does", "output", "parameters"), rows),
        ]
    return _page(lines)


def errors() -> str:
    """Return every error with its code."""
    rows = ((f"`{error.code}`", f"`{error.__name__}`", _effect(error), _summary(error)) for error in _leaves())
    lines = [
        "# Errors",
        "",
        "Everything that emotone raises on purpose is an `emotone.EmotoneError`. Its message is one line: what was",
        "given, what is allowed, and how to mend it. Its `code` is a short word for scripts; failed recordings carry",
        'it in `{"error": {"code", "message"}}`. A traceback from the command is a mistake of ours: please report it.',
        "",
        *_table(("code", "class", "what it stops", "when"), rows),
        "",
        "Two more codes stand only in results: `worker_died`, where a process was ended from outside while it worked",
        "on a recording, and `memory`, where there was too little of it. A recording that needs an extra to be decoded",
        "fails alone, with `missing_extra`.",
    ]
    return _page(lines)


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
        about, _ = read_evaluation(folder)
        system = _system(about)
        asked = f"recipes/{system}.toml --protocol {about['protocol']['name']}" if "recipe" in about else system
        again = about.get("again", f"emotone evaluate {asked} --corpus NAME=DIR...")
        lines += ["", f"## {system}, {about['protocol']['name']}", "", summary_markdown(folder).rstrip()]
        lines += ["", f"Again, with the corpora that the table names: `{again}`"]
    return _page(lines)


def baselines() -> str:
    """Return what openSMILE features reach, from the runs that `emotone reproduce baselines` made."""
    lines = [
        "# Baselines",
        "",
        "What is reached without any network: unweighted average recall (UAR) x 100, mean over folds, with a 95 %",
        "bootstrap interval clustered by speaker. Where a number stands behind a slash, it is what was published;",
        "an asterisk marks ours where it is further away than two points. Computed from the predictions under",
        "`results/` each time this page is made.",
        *_tables(PAPERS.get("baselines")),
    ]
    return _page(lines)


def anger_soundnet() -> str:
    """Return the anger paper's table beside ours, and whether transfer is better than learning from scratch."""
    paper = PAPERS.get("anger-soundnet")
    folder = folder_of(paper, paper.tables[0], out=RESULTS)
    lines = [
        "# Anger detection: scratch against transfer",
        "",
        "What is as published and what is not: [../papers/anger-soundnet.md](../papers/anger-soundnet.md). Area under",
        "the ROC (AU-ROC) x 100 per window of 1.2 s, pooled over seeds, with a 95 % bootstrap interval clustered by",
        "speaker; guessing gives 50. Computed from the predictions under `results/` each time this page is made.",
        *_tables(paper),
        "",
        "## From one training to the next",
        "",
        *_seeds(folder),
        "",
        "## Is transfer better than scratch?",
        "",
        "R1 is learned from scratch, R2 with transfer and two layers frozen, of each the first seed. The z-test over",
        "windows is the paper's: it takes windows as independent, which those of one speaker are not, so its p is far",
        "too small; the interval of the difference over speakers is the careful answer.",
        "",
        *_scratch_and_transfer(folder),
    ]
    return _page(lines)


def _seeds(folder: Path) -> list[str]:
    rows = []
    for run in sorted(path.parent for path in folder.glob("*/predictions.parquet")):
        about, predictions = read_evaluation(run)
        for spread in seeds_of(predictions):
            if spread.metric == "window-au-roc":
                values = ", ".join(f"{100 * value:.1f}" for value in spread.values.values())
                deviation = "-" if spread.deviation is None else f"{100 * spread.deviation:.1f}"
                rows.append((_system(about), spread.corpus, f"{100 * spread.mean:.1f}", deviation, values))
    return _table(("recipe", "corpus", "mean", "deviation", "by seed"), rows)


def _scratch_and_transfer(folder: Path) -> list[str]:
    names = ("anger-soundnet-scratch", "anger-soundnet")
    runs = [run for name in names for run in sorted(folder.glob(f"{name}-train-on-*"))]
    if len(runs) != 2:
        return ["Not both of them were run."]
    return [comparison_markdown(compare_runs(runs)).replace(f"{RESULTS.resolve()}/", "")]


def _tables(paper: Paper) -> list[str]:
    lines: list[str] = []
    for table in paper.tables:
        folder = folder_of(paper, table, out=RESULTS)
        told = json.loads((folder / ROWS).read_text(encoding="utf-8"))["rows"]
        rows = kept_rows(table, told, results=folder)
        lines += ["", f"## {table.title}", "", f"{table.note} Published: {table.source}.", "", grid_markdown(rows)]
        lines += ["", *_random_beside(rows), *_audits(rows, folder)]
        lines += [f"Again: `emotone reproduce {paper.key} {table.name} --corpus NAME=DIR...`"]
    return lines


def _random_beside(rows: tuple[Row, ...]) -> list[str]:
    """Return one line for each setting that was also divided at random: what that flatters by."""
    found = {(row.cell.corpus, row.cell.setting, row.cell.protocol): row.score for row in rows}
    lines = []
    for (corpus, setting, division), score in found.items():
        new = found.get((corpus, setting, "leave-one-speaker-out"))
        if division.startswith("random") and score is not None and new is not None:
            lines.append(
                f"- {corpus} {setting}: {100 * score.number:.0f} random, {100 * new.number:.0f} for new speakers"
            )
    return ["What random folds flatter by:", "", *lines, ""] if lines else []


def _audits(rows: tuple[Row, ...], folder: Path) -> list[str]:
    """Return what training and test parts share, once for each set of tested corpora and protocol."""
    seen: dict[tuple[str, str], str] = {}
    for run in dict.fromkeys(row.run for row in rows if row.run):
        about, predictions = read_evaluation(folder / run)
        where = ", ".join(predictions.corpora), about["protocol"]["name"]
        seen.setdefault(where, "; ".join(Leakage.from_dict(about["leakage"]).lines()))
    lines = (f"- {corpora}, `{division}`: {shared}" for (corpora, division), shared in seen.items())
    return ["What training and test parts share:", "", *lines, ""]


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
    return _page(lines)


def activity() -> str:
    """Return what the speech activity detector hears in real recordings, from results/activity/scores.json."""
    scores = json.loads((RESULTS / "activity/scores.json").read_text(encoding="utf-8"))
    if scores["weights"] != json.loads(json.dumps(WEIGHTS)):
        raise SystemExit("the scores of speech activity are of other weights; run: python scripts/evaluate_activity.py")
    sounds = scores["esc10"]
    sounds["**all but Baby cry**"] = {part: _total(sounds, part) for part in ("trained", "held_out")}
    lines = [
        "# Speech activity",
        "",
        "Where nobody speaks, a model has nothing to judge. `emotone.audio.activity` decides every 10 ms; a window",
        "with less than 0.2 s of speech gets no label. A clip counts as *heard* below if it has that much, in all.",
        "",
        "`scripts/train_activity.py` fits the weights again, and says if they are others; the counts behind this",
        "page are from `scripts/evaluate_activity.py`. Both take the folder with the corpora.",
        "",
        "**How far to trust these figures.** Variants of the detector (what it measures, how frames are labelled and",
        "weighted) were chosen while looking at figures such as these: on 150 clips of every corpus of speech, on all",
        "excerpts of AMI, and on averages over all five folds of ESC-10. So the weights never saw the clips that are",
        "*not trained on*, but the choice of a variant saw many of them, and expect less in a new place.",
        "",
        "## Speech",
        "",
        "Clips heard: more is better. One speaker each, acted, read or dictated. The clips of Emo-DB that were not",
        "trained on are of the same speakers as those that were; so may be some of LibriSpeech.",
        "",
        *_table(
            ("corpus", "trained on", "not trained on", "active frames, not trained on"),
            (
                (name, _clips(parts["trained"]), _clips(parts["other"]), _share(parts["other"], "active", "frames"))
                for name, parts in scores["speech"].items()
            ),
        ),
        "",
        "## Environmental sound",
        "",
        "Clips of 5 s of ESC-10 heard as speech: less is better, but for the crying babies. They are voices, and were",
        "left out of the training. So were folds 4 and 5 of everything.",
        "",
        *_table(
            ("class", "folds 1 to 3", "folds 4 and 5, not trained on", "active frames, folds 4 and 5"),
            (
                (
                    name,
                    _clips(parts["trained"]),
                    _clips(parts["held_out"]),
                    _share(parts["held_out"], "active", "frames"),
                )
                for name, parts in sounds.items()
            ),
        ),
        "",
        "Rain, sea and helicopters are told from speech; barks, sneezes, crowing, clocks and saws often are not. A",
        "label on such a sound means nothing.",
        "",
        "## Meetings",
        "",
        "Frames of 10 ms in excerpts of AMI, 30 s each, against who speaks when by the annotators. Frames of a turn",
        "more than 25 dB below the loud ones count here, though none of them was trained on as speech.",
        "",
        *_table(
            ("split", "recordings", "recall", "precision"),
            (
                (
                    f"{name}{', trained on' if name == 'train' else ''}",
                    str(found["recordings"]),
                    _share(found, "both", "speech"),
                    _share(found, "both", "active"),
                )
                for name, found in scores["ami"].items()
            ),
        ),
        "",
        *_activity_sources(),
    ]
    return _page(lines)


def readme() -> str:
    """Return the README with its scores and its speed written again."""
    header = ("system", "protocol", "corpus", "labels", "UAR x 100", "chance", "clips", "speakers")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, lines in (("scores", _table(header, _uar_rows())), ("speed", _speed())):
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
        f"One 3 s clip takes {warm} ms once the model is loaded, {cold:.1f} s from a cold prompt. A folder of clips",
        f"is done {ratio:.0f} times as fast as openSMILE's IS10 features of the same files. Two hours of speech need",
        f"{memory:.0f} MB of memory ([measured by `make bench`]({page})).",
    ]


def _uar_rows() -> Iterator[tuple[str, ...]]:
    for folder in sorted(path.parent for path in RESULTS.glob("*/predictions.parquet")):
        about, predictions = read_evaluation(folder)
        for score in scores_of(predictions):
            if score.metric == "uar" and score.setting == "system":
                classes = len(set(predictions.of_corpus(score.corpus).truth))
                yield (
                    _system(about),
                    score.protocol,
                    score.corpus,
                    f"{classes}",
                    score.text,
                    f"{100 / classes:.1f}",
                    f"{score.n}",
                    f"{score.speakers}",
                )


def _system(about: dict[str, Any]) -> str:
    """Return the name of what was evaluated: a recipe trained anew in every fold, or a finished model."""
    return str((about.get("recipe") or about["model"])["name"])


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "corpora.md": corpora,
    "errors.md": errors,
    "models.md": models,
    "nets.md": nets,
    "results/activity.md": activity,
    "results/anger-soundnet.md": anger_soundnet,
    "results/baselines.md": baselines,
    "results/evaluations.md": evaluations,
    "results/sources.md": sources,
    "../src/emotone/sources/soundnet5-open.md": partial(results_card, RESULTS / "sources/soundnet5-open"),
    "../README.md": readme,
}


def _help_pages(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    settings = {} if parent else cli.context_settings
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH, **settings
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _help_pages(found, child, context)


def _corpus(corpus: Corpus) -> list[str]:
    counts = ", ".join(label if count is None else f"{label} {count}" for label, count in corpus.counts.items())
    return [
        f"{corpus.title}.",
        "",
        f"- **Clips**: {corpus.clips or 'not known'}: {counts}",
        f"- **Speakers**: {corpus.speaker_count or 'not known'}; languages: {', '.join(corpus.languages)}",
        f"- **Licence**: {corpus.licence.name}. {corpus.licence.note}",
        f"- **Access**: {corpus.access}",
        f"- **Layout**: {corpus.layout}",
        f"- **Parser**: {corpus.evidence}",
        f"- **Cite**: {corpus.citation}",
        *(_selection(selection) for selection in selections_of(corpus.name)),
    ]


def _selection(selection: Selection) -> str:
    counts = ", ".join(f"{label} {count}" for label, count in selection.published.items())
    about = f"{selection.description}: {counts} in the publication. {selection.note} From: {selection.citation}"
    return f"- **Selection** `{selection.name}`: {about}"


def _activity_sources() -> list[str]:
    return [
        "## The sound it was trained on",
        "",
        "None of it comes with emotone: nineteen numbers were fitted on it, and on synthetic noise, tones and clicks.",
        "",
        "- **ESC-10**, folds 1 to 3 without the crying babies: K. J. Piczak: ESC: Dataset for Environmental Sound",
        "  Classification. ACM Multimedia 2015. doi:10.1145/2733373.2806390. CC BY 3.0. The authors of the single",
        "  clips, from freesound.org, stand in the file LICENSE of <https://github.com/karolpiczak/ESC-50>.",
        "- **LibriSpeech**, 100 clips: V. Panayotov, G. Chen, D. Povey and S. Khudanpur: LibriSpeech: an ASR corpus",
        "  based on public domain audio books. ICASSP 2015. CC BY 4.0.",
        "- **AMI**, ten excerpts: J. Carletta et al.: The AMI meeting corpus: a pre-announcement. MLMI 2005.",
        "  CC BY 4.0.",
        "- **Emo-DB**, 150 clips: [corpora.md](../corpora.md#emodb). CC0.",
        "",
        "Changes: converted to 16 kHz mono; speech cut to 6 s, and also made louder, quieter and noisy; Emo-DB also",
        "raised in pitch.",
    ]


def _total(sounds: dict[str, dict[str, dict[str, int]]], part: str) -> dict[str, int]:
    """Return the counts of one part of all classes that are not voices."""
    counts = [parts[part] for name, parts in sounds.items() if name != "Baby cry"]
    return {key: sum(count[key] for count in counts) for key in counts[0]}


def _clips(counts: dict[str, int]) -> str:
    return f"{counts['heard']} of {counts['clips']}" if counts["clips"] else "none"


def _share(counts: dict[str, int], part: str, whole: str) -> str:
    return f"{counts[part] / counts[whole]:.1%}"


def _leaves() -> Iterator[type[EmotoneError]]:
    """Yield every error below the root, each kind before its own kinds."""
    waiting = EmotoneError.__subclasses__()
    while waiting:
        error = waiting.pop(0)
        yield error
        waiting = error.__subclasses__() + waiting


def _effect(error: type[EmotoneError]) -> str:
    return "one recording" if issubclass(error, AudioError) else "the command (status 2)"


def _summary(error: type[EmotoneError]) -> str:
    return (error.__doc__ or "").strip().splitlines()[0]


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ("---",) * len(header), *rows)]


def _page(lines: Iterable[str]) -> str:
    text = "\n".join([NOTE, "", *lines])
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def main() -> int:
    """Return the exit status: 1 where a page is not current and was only to be checked."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/, or check them.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is not current")
    check = parser.parse_args().check
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"written: docs/{name}")
    if check and stale:
        print(f"not current: {', '.join(stale)}; run: make docs", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
