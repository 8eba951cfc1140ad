"""Tandem episodes for TRL's GRPOTrainer: a ``rollout_func``, a dataset and a reward. docs/TRL.md shows how to use them.

TRL knows one log-probability and one bit of a mask for each token: enough for the units `token` and `spaced-token`,
whose tokens come plainly from their authors, and for no other (HANDOFF.md, section 4). What must agree between the two
is in `training.trl_adapter`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch

from agents.language_model import LanguageModel
from agents.seat import digest_ids
from arena.episode import Episode
from arena.grading import Grader
from arena.jobs import Job
from arena.measures import CUT_OFF, summary_of
from arena.policy import Policy, parse
from arena.regrade import graded
from arena.store import Run
from arena.tasks import Problem, Split, Task, load_task
from arena.torch_engine.engine import TorchEngine
from training.rollouts import TrainingError, check_rollouts
from training.senior import refresh
from training.trl_adapter import (
    TrlError,
    bar,
    check_agents,
    check_policy,
    check_trainer,
    playing,
    scored_by_trl,
    trl_ends,
)

__all__ = ["ArenaRollouts", "Row", "TrainingError", "TrlError", "correct"]

_EVAL = "eval"


class Row(NamedTuple):
    """An episode as TRL has it. All lists but ``prompt`` are of one length."""

    prompt: list[int]
    """The senior's own prompt in its tokens."""
    ids: list[int]
    logprobs: list[float]
    """log p of each token under its author, when it was drawn; nats."""
    mine: list[int]
    """1: written by the senior, and in the loss."""


class ArenaRollouts:
    """Plays a tandem episode for each prompt that TRL asks for, with the weights that it has just then.

    Example::

        with ArenaRollouts(senior, {"junior": junior}, "arithmetic", "token:p=0.5") as arena:
            trainer = GRPOTrainer(model=senior.model, processing_class=senior.tokenizer, args=GRPOConfig(...),
                                  train_dataset=arena.dataset("train", 1000), rollout_func=arena, reward_funcs=correct)
            trainer.train()
    """

    def __init__(
        self,
        senior: LanguageModel,
        juniors: Mapping[str, LanguageModel],
        task: Task | str = "arithmetic",
        handoff: Policy | str = "token:p=0.5",
        *,
        name: str = "senior",
        batch_size: int = 0,
        out: Path | None = None,
    ):
        """``senior`` wraps the model that is given to TRL; ``name`` is what it is called in the episodes.

        ``batch_size`` episodes are played at once (0: all of a round). With ``out`` they are stored in that folder.
        Seed, maximum length and temperature are those of the GRPOConfig. Raises TrlError, PolicyError, TaskError, and
        AgentError for a model that cannot play.
        """
        self.agents = {name: senior, **juniors}
        self.senior, self.name, self.names, self.out = senior, name, tuple(self.agents), out
        self.policy = (parse(handoff) if isinstance(handoff, str) else handoff).check(self.names)
        check_policy(self.policy)
        check_agents(self.agents, name)
        self._address = task if isinstance(task, str) else task.name
        self.task = load_task(task) if isinstance(task, str) else task
        with playing(senior, senior.model):
            self.engine = TorchEngine(self.agents, seed=0, limit=1)  # TRL's configuration says how; see _settle
        self._all_at_once, self.engine.batch_size = not batch_size, max(1, batch_size)
        self._grader = Grader()
        self._problems: dict[str, Problem] = {}
        """By prompt, which is all that TRL tells of a problem. No agent sees it: it sees the question."""
        self._trainer: Any = None
        self._compared = False
        self._at, self._rounds = -1, 0
        """The optimiser step of the last round of training rollouts, and the rounds in it."""
        self._run: Run | None = None

    def dataset(self, split: Split = "train", count: int | None = None) -> Any:
        """A ``datasets.Dataset`` of the first ``count`` problems of a split (None: of all).

        Columns: ``prompt`` (the question; where two problems have the same, with the second's id), ``problem_id``,
        ``answer``, ``difficulty``. Raises TaskError if there is no such split.
        """
        import datasets

        problems = self.task.problems(split)
        chosen = [problems[index] for index in range(len(problems) if count is None else min(count, len(problems)))]
        columns = {
            "prompt": [self._prompt(problem) for problem in chosen],
            "problem_id": [problem.id for problem in chosen],
            "answer": [problem.answer for problem in chosen],
            "difficulty": [problem.steps for problem in chosen],
        }
        return datasets.Dataset.from_dict(columns)

    def _prompt(self, problem: Problem) -> str:
        for prompt in (problem.question, f"{problem.question} [{problem.id}]"):
            if self._problems.setdefault(prompt, problem).id == problem.id:
                return prompt
        raise TrlError(f"problem {problem.id}: another one has its question and its id")

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, list[Any]]:
        """TRL's ``rollout_func``: one episode for each prompt (TRL lists a prompt as often as it wants completions).

        Raises TrlError for a configuration that would train on something else, TrainingError for a lost author.
        """
        model = trainer.accelerator.unwrap_model(trainer.model)
        if self._trainer is not trainer:
            self._settle(trainer, model)
        jobs = self._jobs(prompts, trainer)
        if self._all_at_once:
            self.engine.batch_size = max(1, len(jobs))
        with playing(self.senior, model):
            refresh(self.senior)
            episodes = self._played(jobs)
            rows = [self._row(episode, trainer) for episode in episodes]
            if not self._compared:
                self._compare(trainer, model, rows)
        self._store(episodes, trainer)
        return {
            "prompt_ids": [row.prompt for row in rows],
            "completion_ids": [row.ids for row in rows],
            "logprobs": [row.logprobs for row in rows],
            "env_mask": [row.mine for row in rows],
            "episode": list(episodes),
        }

    def _settle(self, trainer: Any, model: Any) -> None:
        """Before a trainer's first rollouts: its configuration is checked, and its heads are barred. TrlError."""
        check_trainer(trainer, model, self.senior)
        self.engine.seed, self.engine.limit = trainer.args.seed, trainer.args.max_completion_length
        bar(model, self.senior.vocabulary.never)
        if getattr(trainer, "ref_model", None) is not None:
            bar(trainer.accelerator.unwrap_model(trainer.ref_model), self.senior.vocabulary.never)
        self._trainer, self._compared, self._at = trainer, False, -1

    def _jobs(self, prompts: Sequence[str], trainer: Any) -> list[Job]:
        """A job for each prompt. In training every episode of a run has a sample number, and so coins and draws, of its
        own: neither a group nor a later epoch has them again. Evaluations have the same ones each time."""
        args, step = trainer.args, int(trainer.state.global_step)
        first = trainer.accelerator.process_index * len(prompts)
        condition = "team" if trainer.model.training else _EVAL
        if trainer.model.training:
            self._at, self._rounds = step, self._rounds + 1 if step == self._at else 1
            # TRL asks at most once for each backward pass, so these numbers never meet, and resuming gives them again.
            if self._rounds > args.gradient_accumulation_steps:
                raise TrainingError(f"step {step}: more rollouts were asked for than one round for each backward pass")
            rounds = step * args.gradient_accumulation_steps + self._rounds - 1
            samples = [rounds * args.generation_batch_size + first + n for n in range(len(prompts))]
        else:
            samples = [(first + n) % trainer.num_generations_eval for n in range(len(prompts))]
        jobs = []
        for prompt, sample in zip(prompts, samples, strict=True):
            problem = self._problems.get(prompt) if isinstance(prompt, str) else None
            if problem is None:
                raise TrlError(f"prompt {str(prompt)[:60]!r}: is no problem of this Arena; train on its dataset()")
            jobs.append(Job(problem, sample, self.policy, self.names, condition, step))
        return jobs

    def _played(self, jobs: Sequence[Job]) -> list[Episode]:
        """Graded episodes in the order of the jobs. Raises TrainingError."""
        wanted = {job.id: job for job in jobs}  # an evaluation may list one twice, to fill a batch
        found = {episode.id: episode for episode in self.engine.episodes(wanted.values())}
        if failed := next((one for one in found.values() if one.ended == "error"), None):
            raise TrainingError(f"rollout {failed.id} failed: {failed.error}")
        if found.keys() != wanted.keys():
            raise TrainingError(f"{len(wanted)} rollouts were asked for, {len(found)} came back")
        episodes = [found[identity] for identity in wanted]
        grades = graded([(e, wanted[e.id].problem.answer) for e in episodes], self.task, self._grader)
        check_rollouts(list(wanted.values()), episodes, grades)
        for episode, grade in zip(episodes, grades, strict=True):
            episode.grade = grade
        return [found[job.id] for job in jobs]

    def _row(self, episode: Episode, trainer: Any) -> Row:
        """Raises TrainingError where something of the episode would be lost on the way."""
        row = Row(self.senior.prompt_ids(episode.question), [], [], [])
        for span in episode.spans:
            if span.token_ids is None or span.logprobs is None or span.end_logprob:
                raise TrainingError(f"rollout {episode.id}: TRL has no place for what {span.author} wrote")
            row.ids.extend(span.token_ids)
            row.logprobs.extend(span.logprobs)
            row.mine.extend([int(span.author == self.name)] * len(span.token_ids))
        if not len(row.ids) == len(row.logprobs) == len(row.mine) or not row.ids:
            raise TrainingError(
                f"rollout {episode.id}: {len(row.ids)} tokens, {len(row.logprobs)} log-probabilities and "
                f"{len(row.mine)} authors; is its prompt as long as the model's context?"
            )
        if episode.views[self.name]["prompt_ids"] != digest_ids(row.prompt):
            raise TrainingError(f"rollout {episode.id}: it was written under another prompt")
        last = episode.spans[-1].author
        if ended := row.ids[-1] == self.agents[last].vocabulary.end:
            row.ids[-1] = self.senior.vocabulary.end  # models of one tokeniser may end by different tokens
        if not ended == (row.ids[-1] in trl_ends(trainer)) == (episode.ended == "end"):
            raise TrainingError(f"rollout {episode.id}: TRL would not see that it ended by {episode.ended!r}")
        return row

    def _compare(self, trainer: Any, model: Any, rows: Sequence[Row]) -> None:
        """Raises TrlError where TRL computes other log-probabilities of the senior's tokens than were drawn from."""
        if not any(any(row.mine) for row in rows):
            return
        found = scored_by_trl(trainer, model, [row.prompt for row in rows], [row.ids for row in rows]).tolist()
        gaps = [
            abs(again - drawn)
            for row, line in zip(rows, found, strict=True)
            for again, drawn, mine in zip(line, row.logprobs, row.mine, strict=False)
            if mine
        ]
        gap = sum(gaps) / len(gaps)
        exact = model.dtype == torch.float32 and not (trainer.args.bf16 or trainer.args.fp16)
        if not gap <= (1e-3 if exact else 0.1):
            raise TrlError(
                f"TRL's log-probabilities of the senior's tokens are {gap:.2g} nats away from those that were drawn "
                "from: it reads this model in another way (a batch padded on the left, say), so it cannot train it"
            )
        self._compared = True

    def _store(self, episodes: Sequence[Episode], trainer: Any) -> None:
        """Appends the episodes of all processes to the run. Raises StoreError."""
        if self.out is None:
            return
        from accelerate.utils import gather_object

        whole = {episode.id: episode for episode in gather_object(list(episodes))}
        if not trainer.accelerator.is_main_process:
            return
        run = self._run = self._run or self._opened(self.out, trainer)
        # Evaluating twice at one step gives the same episodes again.
        run.append(*[one for one in whole.values() if one.condition != _EVAL or one.id not in run.ids])

    def _opened(self, out: Path, trainer: Any) -> Run:
        """The run's folder. Where TRL goes on from a checkpoint, what was written after it is taken out."""
        args, step = trainer.args, int(trainer.state.global_step)
        config = {
            "task": self._address,
            "pair": ":".join(self.names),
            "handoff": str(self.policy),
            "seed": args.seed,
            "limit": args.max_completion_length,
            "temperature": args.temperature,
            "generation_batch_size": args.generation_batch_size,
        }
        if step:
            with Run(out, config, resume=True) as run:
                run.rewrite(one for one in run.episodes() if (one.step or 0) < step)
        return Run(out, config, resume=step > 0)

    def close(self) -> None:
        """Ends the grader's processes and finishes the stored run."""
        self._grader.close()
        run, self._run = self._run, None
        if run is not None:
            with run:
                run.finish(summary_of(run.episodes()))

    def __enter__(self) -> ArenaRollouts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def correct(completions: Sequence[Any], **given: Any) -> list[float]:
    """TRL's reward function: 1 where the team's answer is correct, else 0; [completions].

    Raises TrlError where the completions are not this Arena's.
    """
    episodes: Sequence[Episode] | None = given.get("episode")
    if episodes is None or len(episodes) != len(completions):
        raise TrlError("reward_funcs: correct reads the Arena's grades, so give rollout_func the ArenaRollouts")
    if [one.problem_id for one in episodes] != given.get("problem_id", [one.problem_id for one in episodes]):
        raise TrlError("the episodes are not those of the dataset's problems")
    verdicts = [(episode.grade or {})["verdict"] for episode in episodes]
    if log := given.get("log_metric"):
        log("arena/unreadable", verdicts.count("unreadable") / len(verdicts))
        log("arena/cut_off", sum(episode.ended in CUT_OFF for episode in episodes) / len(episodes))
        log("arena/handoffs", sum(max(0, len(episode.spans) - 1) for episode in episodes) / len(episodes))
    return [float(verdict == "correct") for verdict in verdicts]
