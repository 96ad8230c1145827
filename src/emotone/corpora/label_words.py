"""Words for emotions that stand in tables, and the canonical emotion that they probably mean.

A suggestion only: whether "panic" is fear is for the owner of the labels to say. So nothing here is ever mapped without
being asked. Words are compared without regard to case and accents; Chinese words are there in pinyin as well.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "English": {
        "anger": "angry furious irritated irritation mad rage",
        "boredom": "bored boring",
        "calm": "calmness relaxed serene",
        "contempt": "contemptuous",
        "disgust": "disgusted disgusting",
        "excitement": "excited",
        "fear": "afraid anxiety anxious fearful panic scared terror",
        "frustration": "frustrated",
        "happiness": "amused cheerful elation happy joy joyful",
        "neutral": "neutrality normal",
        "sadness": "despair grief sad sorrow unhappy",
        "surprise": "ps surprised",  # TESS calls it "pleasant surprise"
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
        "unknown": "na nan undefined xxx",
    },
    "German": {
        "anger": "aerger ärger wut wütend zorn zornig",
        "boredom": "gelangweilt langeweile",
        "calm": "ruhig ruhe gelassen",
        "contempt": "verachtung",
        "disgust": "ekel angeekelt",
        "excitement": "aufregung begeisterung",
        "fear": "angst ängstlich furcht",
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
        "sadness": "tristesse",
        "surprise": "surpris",
    },
    "Spanish": {
        "anger": "enfado enojo ira rabia",
        "boredom": "aburrimiento",
        "contempt": "desprecio",
        "disgust": "asco",
        "fear": "miedo",
        "frustration": "frustración",
        "happiness": "alegría felicidad feliz",
        "sadness": "tristeza",
        "surprise": "sorpresa",
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


def meant(word: str) -> str | None:
    """Return the canonical emotion that a word of another language or an everyday one probably means, if any.

    Example:
        >>> meant("Wut"), meant("colere"), meant("tired")
        ('anger', 'anger', None)

    """
    wanted = _plain(word)
    for emotions in WORDS.values():
        for emotion, words in emotions.items():
            if wanted in map(_plain, words.split()):
                return emotion
    return None


def _plain(word: str) -> str:
    """Return a word without case, accents and the space around it."""
    letters = unicodedata.normalize("NFKD", word.strip().casefold().replace("ł", "l"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
