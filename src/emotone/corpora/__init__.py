"""Emotional speech corpora, one file each, found by name; and any other corpus as a table.

* `base`: what a corpus file says, and the registry `CORPORA`.
* `labels`: canonical emotions, and the label sets that tasks are made of.
* `scan`, `table`, `resolve`: from a folder, a table, or the command's options to utterances.
* `check`: the doctor, which compares a copy with what was published.
"""
