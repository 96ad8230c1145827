"""Words for emotions in tables, and the canonical emotion of each.

`WORDS` are mapped automatically: other forms and translations of a canonical name, and common codes. `SUGGESTIONS` are
only named in error messages: whether "panic" is fear is for the owner of the labels to decide, e.g. with a label map.
Words are compared without regard to case and accents; Chinese words are listed in pinyin as well.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "English": {
        "anger": "angry furious",
        "boredom": "bored",
        "calm": "calmness",
        "contempt": "contemptuous",
        "disgust": "disgusted",
        "excitement": "excited",
        "fear": "afraid fearful scared",
        "frustration": "frustrated",
        "happiness": "happy joy joyful",
        "neutral": "neutrality",
        "sadness": "sad unhappy",
        "surprise": "surprised",
        "unknown": "none null undefined",
    },
    "codes": {  # of IEMOCAP, CREMA-D and others
        "anger": "ang",
        "boredom": "bor",
        "disgust": "dis",
        "excitement": "exc",
        "fear": "fea",
        "frustration": "fru",
        "happiness": "hap",
        "neutral": "neu",
        "other": "oth",
        "sadness": "sad",
        "surprise": "sur",
        "unknown": "na nan xxx",
    },
    "German": {
        "anger": "aerger ärger wut wütend zorn zornig",
        "boredom": "gelangweilt langeweile",
        "calm": "ruhig ruhe",
        "contempt": "verachtung",
        "disgust": "ekel angeekelt",
        "fear": "angst ängstlich furcht",
        "frustration": "frustriert",
        "happiness": "freude freudig fröhlich glück glücklich",
        "sadness": "trauer traurig traurigkeit",
        "surprise": "überrascht überraschung",
    },
    "Italian": {
        "anger": "arrabbiato rabbia",
        "boredom": "noia",
        "calm": "calma",
        "contempt": "disprezzo",
        "disgust": "disgusto",
        "fear": "paura",
        "frustration": "frustrazione",
        "happiness": "allegria felice felicità gioia",
        "neutral": "neutrale neutralità neutro",
        "sadness": "triste tristezza",
        "surprise": "sorpresa sorpreso",
    },
    "Polish": {
        "anger": "gniew złość",
        "boredom": "nuda",
        "calm": "spokój",
        "contempt": "pogarda",
        "disgust": "obrzydzenie wstręt",
        "fear": "lęk strach",
        "frustration": "frustracja",
        "happiness": "radość szczęście",
        "neutral": "neutralna neutralny",
        "sadness": "smutek smutny",
        "surprise": "zaskoczenie zdziwienie",
    },
    "French": {
        "anger": "colère",
        "boredom": "ennui",
        "calm": "calme",
        "contempt": "mépris",
        "disgust": "dégoût",
        "fear": "peur",
        "happiness": "bonheur joie joyeux heureux",
        "neutral": "neutre",
        "sadness": "triste tristesse",
        "surprise": "surpris",
    },
    "Spanish": {
        "anger": "enfado enfadado enojado enojo ira rabia",
        "boredom": "aburrimiento",
        "contempt": "desprecio",
        "disgust": "asco",
        "fear": "miedo",
        "frustration": "frustración",
        "happiness": "alegría felicidad feliz",
        "neutral": "neutro",
        "sadness": "triste tristeza",
        "surprise": "sorprendido sorpresa",
    },
    "Mandarin": {
        "anger": "shengqi fennu 生气 愤怒",
        "calm": "pingjing 平静",
        "disgust": "yanwu 厌恶",
        "fear": "haipa kongju 害怕 恐惧",
        "happiness": "gaoxing kuaile xiyue 高兴 快乐 喜悦",
        "neutral": "zhongli zhongxing 中立 中性",
        "sadness": "beishang nanguo 悲伤 难过",
        "surprise": "jingqi jingya 惊奇 惊讶",
    },
    "Persian": {
        "anger": "asabaniyat khashm خشم عصبانیت",
        "fear": "tars ترس",
        "happiness": "khoshhali shadi شادی خوشحالی",
        "neutral": "khonsa خنثی",
        "sadness": "gham narahati غم ناراحتی",
        "surprise": "taajob تعجب",
    },
    "Urdu": {
        "anger": "ghussa gussa غصہ",
        "fear": "khauf خوف",
        "happiness": "khushi خوشی",
        "sadness": "udasi اداسی",
        "surprise": "hairat حیرت",
    },
}
"""By language: canonical emotion -> words, separated by blanks."""

SUGGESTIONS: Mapping[str, str] = {
    "anger": "irritated irritation mad rage",
    "boredom": "boring",
    "calm": "gelassen relaxed serene",
    "disgust": "disgusting",
    "excitement": "aufregung begeisterung",
    "fear": "anxiety anxious panic terror",
    "happiness": "amused cheerful elation",
    "neutral": "normal",
    "sadness": "despair grief sorrow",
    "surprise": "ps",  # TESS calls it "pleasant surprise"
}
"""Canonical emotion -> words that may mean it, separated by blanks."""


def emotion_of(word: str) -> str | None:
    """Return the canonical emotion, or "unknown", that a word of `WORDS` means, or None for any other word.

    Example:
        >>> emotion_of("Happy"), emotion_of("colere"), emotion_of("panic")
        ('happiness', 'anger', None)

    """
    return _index(mapped=True).get(_plain(word))


def suggested_emotion(word: str) -> str | None:
    """Return the canonical emotion that a word may mean, or None.

    Example:
        >>> suggested_emotion("panic"), suggested_emotion("tired")
        ('fear', None)

    """
    return _index(mapped=False).get(_plain(word))


@cache
def _index(*, mapped: bool) -> dict[str, str]:
    """Return the emotion of each word that is mapped, or that is suggested."""
    listed = WORDS.values() if mapped else [SUGGESTIONS]
    return {
        _plain(word): emotion for emotions in listed for emotion, words in emotions.items() for word in words.split()
    }


def _plain(word: str) -> str:
    """Return a word without case, accents and the space around it."""
    letters = unicodedata.normalize("NFKD", word.strip().casefold().replace("ł", "l"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
