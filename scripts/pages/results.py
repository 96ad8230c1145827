"""Pages of evaluations, trained sources, publications and speech activity, and the README's scores and speed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.pages import costs
from scripts.pages.markdown import RESULTS, ROOT, system_of

from emotone.audio.activity import WEIGHTS
from emotone.fitting.distillation.source_run import results_card
from emotone.reproductions.document import document, markdown_table, overview
from emotone.reproductions.papers.anger_soundnet import page as anger_soundnet
from emotone.reproductions.papers.asr_reuse import page as asr_reuse
from emotone.reproductions.papers.segment_vggish import page as segment_vggish
from emotone.reproductions.papers.spectrogram_cnn_lstm import page as spectrogram_cnn_lstm
from emotone.reproductions.papers.transferable_features import page as transferable_features
from emotone.scoring.finished_run import finished_runs, read_run
from emotone.scoring.scores import scores_of
from emotone.scoring.summary import summary_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator


# ----------------------------------------------------------------------------------------------------------------------
# Pages of evaluations and trained sources, and the README's scores and speed, from the files under results/.


EARLIER = frozenset(
    {
        "anger-soundnet-held-out-40379d328581",
        "anger-soundnet-held-out-d5afd5361a88",
        "anger-soundnet-speaker-folds-5-b0d007bb4af2",
        "opensmile-is10-svm-speaker-folds-10-20c2f8622778",
        "small-held-out-430c9b610da4",
        "small-open-leave-one-speaker-out-1ec7bdbf8bd2",
        "small-speaker-folds-10-5a7785625426",
    }
)
"""Runs of version 0.1.0."""


def evaluations() -> str:
    """Return the scores of all evaluations under results/, computed from their stored predictions."""
    lines = [
        "# Evaluations",
        "",
        "All numbers are computed from the predictions tables of the runs under `results/` whenever this page is made.",
        "The settings of the shipped recipes were selected on the scores of one division of the speakers (a tenth of",
        "each corpus held out); no other scores were used before the folds below were run once.",
        "Predictions that are marked as those of version 0.1.0 have windows on the recording's grid; the present",
        "engine places windows inside utterances only.",
    ]
    for folder in finished_runs(RESULTS):
        about = read_run(folder).about
        system = system_of(about)
        recipe = f"{system} --protocol {about['protocol']['name']}"
        argument = recipe if "recipe" in about else system
        command = about.get("again", f"emotone evaluate {argument} --corpus NAME=DIR...")
        made = ["Predictions of version 0.1.0.", ""] if folder.name in EARLIER else []
        lines += ["", f"## {system}, {about['protocol']['name']}", "", *made, summary_markdown(folder).rstrip()]
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


# ----------------------------------------------------------------------------------------------------------------------
# The page on all publications: what they claim, and what the stored predictions say.


def papers() -> str:
    """Return the scoreboards of all publications, from the predictions under results/."""
    boards = [
        page.claims(RESULTS)
        for page in (transferable_features, anger_soundnet, segment_vggish, spectrogram_cnn_lstm, asr_reuse)
    ]
    lines = [
        "# Papers: what they claim, and what we find",
        "",
        "emotone implements the experiments of published papers. None of their corpora but Emo-DB and EMOVO is freely",
        "available, so most experiments use other corpora or other weights, and the verdicts are about these.",
        "",
        *overview(boards),
    ]
    return document(lines)


# ----------------------------------------------------------------------------------------------------------------------
# The page of the speech activity detector, from results/activity/scores.json.


def activity() -> str:
    """Return the scores of the speech activity detector on real recordings, from results/activity/scores.json."""
    scores = json.loads((RESULTS / "activity/scores.json").read_text(encoding="utf-8"))
    if scores["weights"] != json.loads(json.dumps(WEIGHTS)):
        raise SystemExit(
            "results/activity/scores.json is of other weights; run: python -m scripts.activity count CORPORA"
        )
    sounds = scores["esc10"]
    sounds["**all but Baby cry**"] = {part: _total(sounds, part) for part in ("trained", "held_out")}
    lines = [
        "# Speech activity",
        "",
        "Only speech is analysed. These scores are those of the detector in `emotone.audio.activity`, which was the",
        "detector of version 0.1.0; the inference engine now uses the network in `emotone.audio.speech_network`. The",
        "detector decides every 10 ms. A clip is *accepted* in the tables if at least 0.2 s of it are speech.",
        "",
        "`python -m scripts.activity fit` fits the weights and compares them with the present ones;",
        "`python -m scripts.activity count` counts. Both need the folder with the corpora.",
        "",
        "**Validity.** Variants of the detector (features, labels and weights of frames) were selected on such scores:",
        "on 150 clips of every speech corpus, on all excerpts of AMI, and on averages over all five folds of ESC-10.",
        "The weights were not trained on the clips that are marked so, but the selection used many of them. Expect",
        "lower scores on new recordings.",
        "",
        "## Speech",
        "",
        "Clips accepted: higher is better. Clips have one speaker each, and are acted, read or dictated. The clips of",
        "Emo-DB that were not trained on have the same speakers as the training clips; so may some of LibriSpeech.",
        "",
        *markdown_table(
            ("corpus", "trained on", "not trained on", "active frames, not trained on"),
            (
                (name, _clips(parts["trained"]), _clips(parts["other"]), _share(parts["other"], "active", "frames"))
                for name, parts in scores["speech"].items()
            ),
        ),
        "",
        "## Environmental sound",
        "",
        "Clips of 5 s of ESC-10 that are accepted as speech: lower is better, except for crying babies, which are",
        "voices and were excluded from the training. Folds 4 and 5 were excluded too.",
        "",
        *markdown_table(
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
        "Rain, sea and helicopters are rejected; barks, sneezes, crowing, clocks and saws are often accepted. A label",
        "of such a sound is meaningless.",
        "",
        "## Meetings",
        "",
        "Frames of 10 ms in excerpts of AMI, 30 s each, compared with the annotated turns. Frames of a turn that are",
        "more than 25 dB below its loud ones count as speech here; in the training they did not.",
        "",
        *markdown_table(
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
    return document(lines)


def _activity_sources() -> list[str]:
    return [
        "## Training data",
        "",
        "None of the recordings is part of emotone. Nineteen weights were fitted on them, and on synthetic noise,",
        "tones and clicks.",
        "",
        "- **ESC-10**, folds 1 to 3 without the crying babies: K. J. Piczak: ESC: Dataset for Environmental Sound",
        "  Classification. ACM Multimedia 2015. doi:10.1145/2733373.2806390. CC BY 3.0. The authors of the single",
        "  clips, from freesound.org, are listed in the file LICENSE of <https://github.com/karolpiczak/ESC-50>.",
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
    """Return the counts of one part of all classes except voices."""
    counts = [parts[part] for name, parts in sounds.items() if name != "Baby cry"]
    return {key: sum(count[key] for count in counts) for key in counts[0]}


def _clips(counts: dict[str, int]) -> str:
    return f"{counts['heard']} of {counts['clips']}" if counts["clips"] else "none"


def _share(counts: dict[str, int], part: str, whole: str) -> str:
    return f"{counts[part] / counts[whole]:.1%}"
