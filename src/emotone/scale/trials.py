"""The trials of a search, in Optuna's storage: a file that processes share, or a database.

A trial belongs to the process that runs it, which holds a lock while it lives. A trial whose process was killed is
found by its lock, which is free; its settings are proposed again, so that its finished folds are used.
"""

from __future__ import annotations

import contextlib
import json
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.errors import UsageError, missing_extra
from emotone.files import atomic_write, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.scale.search_space import Parameter, SearchSpace

JOURNAL, WORKERS, LOCK = "journal.log", "workers", "trials.lock"
WORKER, RUN = "worker", "run"  # attributes of a trial
RANDOM_TRIALS = 8  # before proposals depend on results
COMPARED = 4  # finished trials before one can be stopped


@dataclass(frozen=True)
class TrialRecord:
    """A trial, as it is printed and stored.

    Attributes:
        number: from 0.
        state: "complete", "stopped" (worse than most after the same folds), "running" or "failed".
        value: of the metric; of a stopped trial, over the folds that it had finished; None without any.
        settings: by name; JSON where they are no numbers.
        run: folder of the evaluation.

    """

    number: int
    state: str
    value: float | None
    settings: dict[str, float | str]
    run: str


class Trials:
    """The trials of one search. Made by `open`.

    Attributes:
        folder: of the search, for locks and results.

    """

    def __init__(self, study: Any, folder: Path, *, seed: int) -> None:
        self._study = study
        self._seed = seed
        self.folder = folder

    @classmethod
    def open(cls, name: str, *, storage: str, folder: Path, seed: int) -> Trials:
        """Return the trials of a search; there are none if it is new.

        Args:
            name: of the search.
            storage: "" for a file in the folder, the path of another file, or the URL of a database, such as
                `sqlite:///trials.db` or `postgresql://host/trials`.
            folder: of the search.
            seed: of the proposals.

        Raises:
            UsageError: the storage can't be used.
            MissingExtraError: Optuna is not installed.

        """
        optuna = import_optuna()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WORKERS).mkdir(exist_ok=True)
        try:
            study = optuna.create_study(
                storage=_storage(storage or str(folder / JOURNAL)),
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=COMPARED),
            )
        except Exception as error:  # databases and their drivers have exceptions of their own
            raise UsageError(
                f"the trials can't be stored in {storage or folder / JOURNAL}: {one_line(error)}; allowed: a file, or "
                "a URL such as sqlite:///trials.db"
            ) from error
        return cls(study, folder, seed=seed)

    def recover(self) -> int:
        """Propose the settings of trials again whose processes were killed; return their number."""
        from filelock import FileLock, Timeout
        from optuna.trial import TrialState

        found = 0
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            path = self.folder / WORKERS / f"{trial.user_attrs.get(WORKER, 'none')}.lock"
            lock = FileLock(path, timeout=0)
            try:
                with lock:
                    self._study.tell(trial.number, state=TrialState.FAIL)
                    self._study.enqueue_trial(trial.params)
            except Timeout:
                continue  # it is running
            path.unlink(missing_ok=True)
            found += 1
        return found

    def begin(self, space: SearchSpace) -> None:
        """Propose the recipe's own settings first, if there is no trial yet."""
        if not self._study.get_trials(deepcopy=False) and space.own:
            self._study.enqueue_trial(space.own)

    def records(self) -> tuple[TrialRecord, ...]:
        """Return all trials, those that failed included."""
        states = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed"}
        return tuple(
            TrialRecord(
                one.number,
                states.get(one.state.name, "running"),
                one.value if one.state.name == "COMPLETE" else _last(one.intermediate_values),
                dict(one.params),
                one.user_attrs.get(RUN, ""),
            )
            for one in self._study.get_trials(deepcopy=False)
            if one.state.name != "WAITING"
        )

    def finished(self) -> tuple[TrialRecord, ...]:
        """Return the trials that are complete or were stopped."""
        return tuple(one for one in self.records() if one.state in {"complete", "stopped"})

    @property
    def best(self) -> TrialRecord | None:
        """The complete trial with the highest value, of equals the first; None without any."""
        complete = [one for one in self.finished() if one.state == "complete" and one.value is not None]
        return max(complete, key=lambda one: (one.value or 0.0, -one.number), default=None)

    def line(self, trials: int) -> str:
        """Return e.g. `12 of 50 trials, 4 stopped early, best 71.3 (trial 8)`."""
        finished = self.finished()
        stopped = sum(one.state == "stopped" for one in finished)
        parts = [f"{len(finished)} of {max(trials, len(finished))} trials"]
        parts += [f"{stopped} stopped early"] if stopped else []
        best = self.best
        if best is not None and best.value is not None:
            parts.append(f"best {100 * best.value:.1f} (trial {best.number})")
        return ", ".join(parts)

    @contextlib.contextmanager
    def worker(self) -> Iterator[Worker]:
        """Yield what asks for trials, in a process that is known to live until the end of the block."""
        from filelock import FileLock

        name = uuid.uuid4().hex[:12]
        path = self.folder / WORKERS / f"{name}.lock"
        with FileLock(path):
            yield Worker(self._study, name, self.folder, seed=self._seed)
        path.unlink(missing_ok=True)

    def write(self, path: Path) -> None:
        """Write all trials as JSON lines."""
        with atomic_write(path, text=True) as stream:
            for one in self.records():
                stream.write(json.dumps(one.__dict__) + "\n")


class Worker:
    """A process that runs trials."""

    def __init__(self, study: Any, name: str, folder: Path, *, seed: int) -> None:
        self._study = study
        self._name = name
        self._folder = folder
        self._seed = seed

    def ask(self, space: SearchSpace, *, trials: int) -> RunningTrial | None:
        """Return the next trial; None if enough are finished or running.

        With one worker, proposals are a function of the finished trials, whether the search was interrupted or not.
        """
        from filelock import FileLock
        from optuna.samplers import TPESampler

        with FileLock(self._folder / LOCK):  # counting and asking are one step
            counted = [
                one for one in self._study.get_trials(deepcopy=False) if one.state.name not in {"FAIL", "WAITING"}
            ]
            if len(counted) >= trials:
                return None
            self._study.sampler = TPESampler(seed=1000 * self._seed + len(counted), n_startup_trials=RANDOM_TRIALS)
            trial = self._study.ask()
            trial.set_user_attr(WORKER, self._name)
            settings = {one.name: _suggest(trial, one) for one in space.parameters}
        return RunningTrial(self._study, trial, settings)


class RunningTrial:
    """A trial of this process.

    Attributes:
        settings: proposed values by name.

    """

    def __init__(self, study: Any, trial: Any, settings: dict[str, float | str]) -> None:
        self._study = study
        self._trial = trial
        self.settings = settings

    def report(self, folds: int, value: float) -> None:
        """Store the value after some folds; what it raises, where the trial is hopeless, ends `running`."""
        from optuna import TrialPruned

        self._trial.report(value, folds)
        if self._trial.should_prune():
            raise TrialPruned

    def finish(self, value: float, *, run: str) -> None:
        """Store the value, and the name of the run's folder."""
        self._trial.set_user_attr(RUN, run)
        self._study.tell(self._trial, value)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Record the trial as stopped if `report` said so, and as failed after any other exception, which is raised."""
        from optuna import TrialPruned
        from optuna.trial import TrialState

        try:
            yield
        except TrialPruned:
            self._study.tell(self._trial, state=TrialState.PRUNED)
        except Exception:  # after an interrupt the trial is found like one of a killed process
            self._study.tell(self._trial, state=TrialState.FAIL, skip_if_finished=True)
            raise


def import_optuna() -> Any:
    """Return the package, which then prints warnings only; raise `MissingExtraError` without it."""
    try:
        import filelock
        import optuna
    except ImportError as error:
        raise missing_extra(error.name or "optuna", "tune", "a search") from None
    del filelock
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _storage(location: str) -> Any:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if "://" in location:
        return RDBStorage(location)
    Path(location).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return JournalStorage(JournalFileBackend(location))


def _suggest(trial: Any, parameter: Parameter) -> float | str:
    if parameter.among:
        chosen: str = trial.suggest_categorical(parameter.name, list(parameter.among))
        return chosen
    suggest = trial.suggest_int if parameter.whole else trial.suggest_float
    number: float = suggest(parameter.name, parameter.low, parameter.high, log=parameter.log)
    return number


def _last(values: dict[int, float]) -> float | None:
    return values[max(values)] if values else None
