"""Result formats; `emotone.inference.saving.FORMATS` finds them."""

MEMBERS = {
    "audacity": "captions.AUDACITY",
    "csv": "tables.CSV",
    "elan": "annotations.ELAN",
    "json": "objects.JSON",
    "jsonl": "objects.JSON_LINES",
    "parquet": "tables.PARQUET",
    "rttm": "annotations.RTTM",
    "srt": "captions.SRT",
    "textgrid": "annotations.TEXTGRID",
    "webvtt": "captions.WEBVTT",
}
"""Formats that share a module."""
