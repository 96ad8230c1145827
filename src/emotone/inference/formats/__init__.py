"""Result formats; `emotone.inference.saving.FORMATS` finds them."""

MEMBERS = {
    "audacity": "annotations.AUDACITY",
    "csv": "records.CSV",
    "elan": "annotations.ELAN",
    "json": "records.JSON",
    "jsonl": "records.JSON_LINES",
    "parquet": "records.PARQUET",
    "rttm": "annotations.RTTM",
    "srt": "annotations.SRT",
    "textgrid": "annotations.TEXTGRID",
    "webvtt": "annotations.WEBVTT",
}
"""Formats that share a module."""
