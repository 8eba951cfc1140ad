"""Random tables: who sits, with which model, tokens, sampling, ends and room, under which policy and prefix."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import lru_cache
from typing import Any

from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.vocabulary import Vocabulary
from arena.engines import ReferenceEngine
from arena.episode import Episode, EpisodeError, count_units, cut, spans_of
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import Problem, load_task
from tests.models import random_model, tokenizer_of_kind

KINDS = ["gpt2", "sentencepiece", "wordpiece"]
UNITS = ["token", "word", "spaced-token", "sentence", "line", "paragraph", "solution"]
OF_TWO = ["p=0.5", "p=0.9", "p=0.1", "curriculum=0.1..0.9@10", "p=0", "p=1"]


@lru_cache(None)
def _model(architecture: str, kind: str, seed: int) -> Any:
    return random_model(architecture, tokenizer_of_kind(kind), seed)


def _agent(chance: random.Random, kind: str | None) -> LanguageModel:
    kind = kind or chance.choice(KINDS)
    tokenizer = tokenizer_of_kind(kind)
    model = _model(chance.choice(["llama", "gpt2", "qwen3", "gemma"]), kind, chance.randrange(3))
    sampling = Sampling(
        chance.choice([0.0, 0.3, 0.7, 1.0, 1.0, 2.0]),
        chance.choice([0, 0, 1, 2, 5, 50]),
        chance.choice([1.0, 1.0, 0.9, 0.5, 0.05]),
    )
    prompt = chance.choice(["<s>{question}\n", "{question}", "<s>{question}", "x{question}"])
    agent = LanguageModel(model, tokenizer, prompt=prompt, sampling=sampling)
    if chance.random() < 0.35:  # other tokens end, and others are never drawn
        own = agent.vocabulary
        more = chance.sample(range(3, len(own)), chance.choice([1, 2, 40]))
        ends = chance.choice([[*own.end_ids, *more], [more[0], *own.end_ids], [more[0]]])
        never = set(own.never) | set(chance.sample(range(3, len(own)), chance.choice([0, 5, 100]))) | set(own.end_ids)
        vocabulary = Vocabulary(own.pieces, ends, sorted(never - set(ends)))
        agent = LanguageModel(model, tokenizer, prompt=prompt, sampling=sampling, vocabulary=vocabulary)
    if chance.random() < 0.3:
        agent.context = chance.randrange(30, 110)
    return agent


def _policy(chance: random.Random, names: tuple[str, ...]) -> str:
    script = ",".join(chance.choice(names) for _ in range(5))
    schedules = ["alternate", "solo", f"solo={names[-1]}", f"script={script}", "p=equal"]
    return chance.choice(UNITS) + ":" + chance.choice(schedules + (OF_TWO if len(names) == 2 else []))


def table(seed: int) -> tuple[dict[str, LanguageModel], int, list[Job], dict[str, Episode]]:
    """Agents, the limit, jobs (with and without prefixes) and the reference loop's episodes of the jobs."""
    chance = random.Random(seed)
    names = tuple("abc"[: chance.choice([1, 2, 2, 2, 2, 3])])
    kind = chance.choice([*KINDS, None])
    agents = {name: _agent(chance, kind if chance.random() < 0.8 else None) for name in names}
    limit = chance.choice([1, 2, 7, 24, 40])
    engine = ReferenceEngine(agents, seed=seed, limit=limit)
    vocabularies = {agent.vocabulary.digest: agent.vocabulary for agent in agents.values()}
    problems = load_task("arithmetic").problems("test")
    jobs, episodes = [], {}

    def play(job: Job) -> Episode:
        (episode,) = engine.episodes([job])
        jobs.append(job)
        episodes[job.id] = episode
        return episode

    for number in range(7):
        count = chance.choice([len(names)] * 3 + [max(1, len(names) - 1)])
        using = tuple(chance.sample(names, count))
        problem = problems[number] if chance.random() < 0.9 else Problem(f"empty/{number}", "", "1")
        policy = parse(_policy(chance, using))
        parent = play(Job(problem, number, policy, using, step=chance.choice([None, 3])))
        spans = spans_of(parent, vocabularies)
        if spans and not parent.error:  # a prefix may be cut at any token, also inside of a character
            rule = chance.choice([policy.rule, parse("token").rule])
            units = chance.randrange(count_units(rule, spans) + 1)
            prefix = tuple(cut(rule, spans, units))
            after = parse(_policy(chance, using))
            job = Job(
                problem, number + 100, after, using, step=2, prefix=prefix, parent_id=parent.id, prefix_units=units
            )
            with suppress(EpisodeError):  # where the policy's own units cannot be told apart in such a prefix
                play(job)
    chance.shuffle(jobs)
    return agents, limit, jobs, episodes
