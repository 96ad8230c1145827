"""Pack the run folders under results/: one Parquet file and one manifest per publication. Used once."""

from __future__ import annotations

import shutil

from scripts.pages.markdown import RESULTS

from emotone.reproductions.base import PAPERS
from emotone.scoring.finished_run import is_finished
from emotone.scoring.packed_runs import pack

DUPLICATES = ("tuning.json", "problems.json")  # run.json contains both


def main() -> None:
    """Pack every folder, and delete it."""
    for name in PAPERS.names:
        old = sorted(path for path in RESULTS.glob(f"{name}-*") if path.is_dir() and not is_finished(path))
        (RESULTS / name).mkdir()
        for folder in old:
            if (folder / "rows.json").exists():
                (folder / "rows.json").rename(RESULTS / name / f"{folder.name.removeprefix(f'{name}-')}.json")
        _pack(RESULTS / name, [run for folder in old for run in folder.iterdir() if run.is_dir()])
        for folder in old:
            folder.rmdir()
    for root in (RESULTS / "transfer-curves", RESULTS):
        _pack(root, [run for run in root.iterdir() if is_finished(run)])


def _pack(root, runs):  # noqa: ANN001, ANN202
    for run in runs:
        for name in DUPLICATES:
            (run / name).unlink(missing_ok=True)
    pack(root, sorted(runs))
    for run in runs:
        shutil.rmtree(run)
    print(root.name, len(runs), flush=True)


if __name__ == "__main__":
    main()
