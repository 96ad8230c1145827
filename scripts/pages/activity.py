"""The page of the speech activity detector, from results/activity/scores.json."""

from __future__ import annotations

import json

from scripts.pages.markdown import RESULTS

from emotone.audio.activity import WEIGHTS
from emotone.reproductions.document import document, markdown_table


def activity() -> str:
    """Return the scores of the speech activity detector on real recordings, from results/activity/scores.json."""
    scores = json.loads((RESULTS / "activity/scores.json").read_text(encoding="utf-8"))
    if scores["weights"] != json.loads(json.dumps(WEIGHTS)):
        raise SystemExit("results/activity/scores.json is of other weights; run: python scripts/evaluate_activity.py")
    sounds = scores["esc10"]
    sounds["**all but Baby cry**"] = {part: _total(sounds, part) for part in ("trained", "held_out")}
    lines = [
        "# Speech activity",
        "",
        "Only speech is analysed. These scores are those of the detector in `emotone.audio.activity`, which was the",
        "detector of version 0.1.0; the inference engine now uses the network in `emotone.audio.speech_network`. The",
        "detector decides every 10 ms. A clip is *accepted* in the tables if at least 0.2 s of it are speech.",
        "",
        "`scripts/train_activity.py` fits the weights and compares them with the present ones;",
        "`scripts/evaluate_activity.py` counts. Both need the folder with the corpora.",
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
