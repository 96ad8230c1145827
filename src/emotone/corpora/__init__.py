"""Emotional speech corpora, one file each, found by name; and any other corpus as a table or database.

* `base`: what a corpus file says, and the registry `CORPORA`.
* `labels`, `words`: canonical emotions, the label sets that tasks are made of, and what other words probably mean.
* `scan`, `table`, `database`, `resolve`: from a folder, a table, an audformat database, or the command's options to
  utterances; `shared` finds recordings that are given twice.
* `selections`: which clips of a corpus a publication took.
* `check`, `findings`: the doctor, which compares a copy with what was published.
"""
