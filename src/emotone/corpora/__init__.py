"""Emotional speech corpora, one file each in `datasets`; and any other corpus as a table or database.

* `base`: the description of a corpus, and the registry `CORPORA`.
* `labels`, `label_words`, `label_map`: canonical emotions, label sets of tasks, and words that are mapped to emotions.
* `scan`, `table`, `database`, `resolve`: read a folder, a table, an audformat database, or what the command's options
  name into utterances.
* `selections`: which clips of a corpus a publication used.
* `check`, `findings`, `speakers`: compare a copy with what was published, and find doubtful names of speakers.
* `duplicates`, `content`: recordings that occur twice, in several corpora or in training data.
"""
