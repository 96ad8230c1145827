"""Emotional speech corpora, one file each in `datasets`; and any other corpus as a table or database.

* `base`: the description of a corpus, and the registry `CORPORA`.
* `labels`: canonical emotions, label sets of tasks, and words that are mapped to emotions.
* `scan`, `table`, `database`: read a folder, a table or an audformat database into utterances.
* `resolve`: what the command's options name, and which clips of a corpus a publication used.
* `check`, `findings`: compare a copy with what was published, and find doubtful names of speakers.
* `content`: recordings that occur twice, in several corpora or in training data.
* `transcribed`: transcribed speech without emotions.
"""
