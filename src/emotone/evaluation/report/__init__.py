"""Reports of finished evaluations as HTML, Markdown or LaTeX.

about               description of a run, from any version of `run.json`
run_report          `RunReport`, the results of a run, computed from its predictions
corpus_sections     the results on one corpus as tables and figures
sections            the section of one run
overview            the whole report, with comparisons between runs
figures             figures as SVG
document            the parts of a report, and its rendering
"""
