"""``trainer search``: the recipe, or the training, that makes an objective small.

Trials are drawn by Optuna's TPE (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011) and
kept in a database, by which any number of workers, on any machines, share a search. A worker that dies gives its
trial back: once its sign of life is old enough, another worker takes the same draws up. A training whose error is
above the median of earlier ones after as many steps is ended, and its trial pruned.

The idea of searching a dataset's parameters with the network in the loop: Sun et al., "AutoFlow", CVPR 2021.
"""

import contextlib
import multiprocessing
import secrets
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chairsgen.errors import InputError
from chairsgen.progress import progress
from chairsgen.workers import end_with_parent
from trainer.studies.objective import Failed, Objective, check_searchable
from trainer.studies.results import Search, Trial, write_results
from trainer.studies.study import Range, Study, differences

if TYPE_CHECKING:
    import optuna

HEARTBEAT_S = 10
PATIENCE = 6
"""A trial whose worker gave no sign of life for so many heartbeats is given to another."""

TRIALS_TO_TELL = 20
"""What matters is said from so many trials on."""

WAIT_S = 0.5
DATABASE = "search.db"
ASKED = "asked"
INTERRUPTED = "interrupted"


def search(
    study: Study,
    out: Path,
    *,
    trials: int = 100,
    storage: str | None = None,
    workers: int = 1,
    device: str = "auto",
    heartbeat: int = HEARTBEAT_S,
    quiet: bool = False,
) -> Search:
    """Searches, or goes on with a search; with one worker and no database given, it draws the same each time.

    Args:
        study: Its ranges and its objective.
        out: A folder for datasets, trainings and, if no other database is given, the database.
        trials: In all, by all workers; those of earlier calls count. Of several workers that begin one in the same
            moment, each may make one too many.
        storage: A database's URL, such as ``postgresql://host/name``.
        workers: Processes here.
        device: Where networks are trained: ``auto``, ``cpu`` or ``cuda``.
        heartbeat: Seconds between a worker's signs of life.
        quiet: Show no progress.

    Raises:
        InputError: The study or an argument is wrong, the database cannot be used or holds another study of this
            name, or no trial came to an end.
    """
    for name, value in (("trials", trials), ("workers", workers)):
        if value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    check_searchable(study)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be made: {error.strerror}; choose another folder") from None
    url = storage or f"sqlite:///{(out / DATABASE).resolve()}"
    alone = storage is None and workers == 1
    task = Task(study=study, out=out, url=url, trials=trials, device=device, heartbeat=heartbeat, alone=alone)
    with task.opened() as opened:
        Objective(study, out, device).prepare(quiet=quiet)
        others = [
            multiprocessing.get_context("spawn").Process(target=_help, args=(task, slot, workers))
            for slot in range(1, workers)
        ]
        for other in others:
            other.start()
        try:
            task.work(opened, Objective(study, out, device, slot=0, workers=workers), quiet=quiet)
            for other in others:
                other.join()
        finally:
            for other in others:
                other.terminate()
        found = task.result(opened)
        write_results(study, out, found, importance(opened))
    return found


@dataclass(frozen=True, kw_only=True)
class Task:
    """A search, as every worker knows it: what :func:`search` was given, and whether it has one worker alone."""

    study: Study
    out: Path
    url: str
    trials: int
    device: str
    heartbeat: int
    alone: bool

    @contextlib.contextmanager
    def opened(self) -> Iterator["optuna.Study"]:
        """The search in its database, which is begun if it is not there."""
        optuna = _optuna()
        import sqlalchemy

        # SQLAlchemy's own choice for PostgreSQL is an older driver.
        url = self.url.replace("postgresql://", "postgresql+psycopg://", 1)
        storage = None
        try:
            with _experimental():
                storage = optuna.storages.RDBStorage(
                    url,
                    heartbeat_interval=self.heartbeat,
                    grace_period=PATIENCE * self.heartbeat,
                    heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(),
                )
            found = optuna.create_study(
                storage=storage,
                study_name=self.study.name,
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(),
            )
            self._check_same(found)
            yield found
        except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
            why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            place = sqlalchemy.engine.make_url(url).render_as_string() if "://" in url else url
            raise InputError(f"--storage {place}: cannot be used: {why}") from None
        finally:
            if storage:
                storage.remove_session()
                storage.engine.dispose()

    def _check_same(self, found: "optuna.Study") -> None:
        asked, known = self.study.to_dict(), found.user_attrs.get(ASKED)
        if known is None:
            found.set_user_attr(ASKED, asked)
        elif reasons := differences(known, asked):
            raise InputError(
                f"study {self.study.name}: the database holds another one of this name ({'; '.join(reasons)}): "
                "call the file otherwise, or choose another database"
            )

    def work(self, opened: "optuna.Study", objective: Objective, *, quiet: bool = True) -> None:
        """Makes trials until there are enough, its own and others'; takes those over whose workers died."""
        optuna = _optuna()
        state = optuna.trial.TrialState
        salt = 0 if self.alone else secrets.randbits(32)

        def evaluate(trial: Any) -> float:
            try:
                return objective(trial, draw(trial, self.study.ranges))
            except KeyboardInterrupt:
                trial.set_user_attr(INTERRUPTED, True)
                opened.enqueue_trial(trial.params)
                raise

        shown_done = min(len(counted(_trials(opened))), self.trials)
        with progress("searching", self.trials, "trials", done=shown_done, quiet=quiet) as shown:
            while True:
                with _experimental():
                    optuna.storages.fail_stale_trials(opened)
                trials = _trials(opened)
                ended = counted(trials)
                done = len(ended)
                if done > shown_done:
                    shown.advance(min(done, self.trials) - shown_done, _best(ended))
                    shown_done = min(done, self.trials)
                if done >= self.trials:
                    return
                running = sum(trial.state == state.RUNNING for trial in trials)
                if done + running >= self.trials:
                    # Another worker is at the last ones: it may die.
                    time.sleep(WAIT_S)
                    continue
                # A sampler of its own for each trial: a search that was stopped goes on as if it had not been.
                seed = np.random.SeedSequence((salt, len(trials)))
                with _experimental():
                    opened.sampler = optuna.samplers.TPESampler(
                        seed=int(seed.generate_state(1)[0]), multivariate=True
                    )
                opened.optimize(evaluate, n_trials=1, catch=(Failed,))

    def result(self, opened: "optuna.Study") -> Search:
        """What the trials came to.

        Raises:
            InputError: None came to an end.
        """
        counting = counted(_trials(opened))
        trials = [
            Trial(
                number=trial.number,
                draws=dict(trial.params),
                state="failed" if trial.state.name == "FAIL" else trial.state.name.lower(),
                value=trial.value if trial.state.name == "COMPLETE" else None,
            )
            for trial in counting
        ]
        ended = [(trial.value, trial.number, trial.draws) for trial in trials if trial.value is not None]
        if not ended:
            causes = [trial.user_attrs["cause"] for trial in counting if "cause" in trial.user_attrs]
            raise InputError(
                f"no trial came to an end; the first failure: {causes[0] if causes else 'unknown'}"
            )
        value, _, draws = min(ended, key=lambda one: one[:2])
        return Search(value=value, draws=draws, trials=trials)


def draw(trial: "optuna.Trial", ranges: Mapping[str, Range]) -> dict[str, Any]:
    """A value of every range."""
    draws: dict[str, Any] = {}
    for key, range_ in ranges.items():
        if range_.values:
            draws[key] = trial.suggest_categorical(key, range_.values)
        elif range_.whole:
            draws[key] = trial.suggest_int(key, int(range_.low), int(range_.high), log=range_.log)
        else:
            draws[key] = trial.suggest_float(key, range_.low, range_.high, log=range_.log)
    return draws


def _trials(opened: "optuna.Study") -> list[Any]:
    return opened.get_trials(deepcopy=False)


def counted(trials: Sequence[Any]) -> list[Any]:
    """Those of a search's trials that have ended and count: not those that were given back."""
    given_back = {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}
    return [
        trial
        for trial in trials
        if trial.state.is_finished()
        and trial.number not in given_back
        and INTERRUPTED not in trial.user_attrs
    ]


def importance(opened: "optuna.Study") -> dict[str, float]:
    """Each key's share in what makes good trials good; empty where there are too few trials to say.

    By PED-ANOVA: Watanabe et al., IJCAI 2023.
    """
    optuna = _optuna()
    if sum(trial.state.name == "COMPLETE" for trial in counted(_trials(opened))) < TRIALS_TO_TELL:
        return {}
    try:
        with _experimental():
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            found = optuna.importance.get_param_importances(opened, evaluator=evaluator)
    except (ValueError, RuntimeError):
        return {}
    return {key: value for key, value in found.items() if value == value}


def _best(ended: Sequence[Any]) -> str:
    values = [trial.value for trial in ended if trial.state.name == "COMPLETE"]
    return f"best {min(values):.3g}" if values else ""


def _help(task: Task, slot: int, workers: int) -> None:
    """What another process does; it ends with the one that started it."""
    end_with_parent()
    with contextlib.suppress(KeyboardInterrupt), task.opened() as opened:
        task.work(opened, Objective(task.study, task.out, task.device, slot=slot, workers=workers))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise InputError('trainer search needs Optuna: run `pip install "chairsgen[studies]"`') from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextlib.contextmanager
def _experimental() -> Iterator[None]:
    """Without Optuna's warnings that what we use may change: its version is pinned."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
