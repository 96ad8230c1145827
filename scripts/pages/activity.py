"""The page of the speech activity detector, from results/activity/scores.json."""

from __future__ import annotations

import json

from scripts.pages.markdown import RESULTS, page, table

from emotone.audio.activity import WEIGHTS


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
        *table(
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
        *table(
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
        *table(
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
    return page(lines)


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
