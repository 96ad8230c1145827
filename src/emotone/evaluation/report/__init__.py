"""Reports of finished evaluations: numbers from stored predictions (`build`), told (`sections`), written (`render`).

about       what `run.json` tells, from any version of it
numbers     `RunReport`, which holds every number that a report shows
build       a `RunReport` from a folder
twin        the speaker-independent twin of a run that tests speakers it was trained on
together    which runs can be compared, and why the others can't
blocks      paragraphs, tables and figures, of which every format is made
sections    a `RunReport` in blocks; `corpus_sections` and `overview` likewise
figures     curves as SVG
render      blocks as HTML, Markdown or LaTeX
"""
