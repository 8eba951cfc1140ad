"""The validator: real episodes are proven, forged ones are not; also where the forger computes the digest again.

Units and coins are pure functions of what is stored, so whoever moves an author, an edge or a coin is found out without
the digest. What only a model could check (which characters a token spells, how likely it was) the digest alone guards:
those forgeries are marked ``digest_only``.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from agents.contract import Agent, Span, Turn, View
from agents.replay import Reader
from agents.scripted import Reciting
from agents.units import RULES
from arena.engines import ReferenceEngine
from arena.episode import Episode, EpisodeError, SpanRecord, surfaces
from arena.jobs import Job
from arena.plan import begun
from arena.policy import parse
from arena.proof import check, problems_of
from arena.tasks import Problem
from arena.validate import Options, main

ROOT = Path(__file__).parents[1]
PROBLEM = Problem("toy/1", "How many pens are 3 * 4 pens?", "12", 1)
RECITED = "So 3 * 4 = <<3*4=12>>12 pens. It's 12!\n\nDone (really).\n"


class Asking:
    """Recites, and gives the pen away to ``to`` after each of its turns."""

    deterministic, gives_logprobs, conditions_on_opening = True, False, False

    def __init__(self, text: str, to: str):
        self._inner, self._to = Reciting(text), to

    def sit(self, view: View) -> Any:
        seat, to = self._inner.sit(view), self._to
        write = seat.write

        async def asking(turn: Turn) -> Span:
            text = RULES["word"].split((await write(turn)).text)[:3]
            return Span(view.author, "".join(text), asks=to)

        seat.write = asking  # type: ignore[method-assign]
        return seat


def turn_about(unit: int, agents: int, coin: float) -> int:
    """For ``call=``."""
    return (unit // 2) % agents


@lru_cache(maxsize=1)
def cast() -> Mapping[str, Mapping[str, Agent]]:
    from tests.models import random_agent

    ann, bob = random_agent("llama", "gpt2", 0), random_agent("llama", "gpt2", 1)
    return {
        "scripts": {"ann": Reciting(RECITED), "bob": Reciting("Now 12 it is, {end}")},
        "models": {"ann": ann, "bob": bob},
        "models-alone": {"ann": ann},
        "kinds": {"ann": ann, "bob": random_agent("llama", "sentencepiece", 2)},
        "mixed": {"ann": ann, "bob": Reciting(" Then. Yes!\n\n Go 3 + 4. "), "cid": bob},
        "asking": {"ann": Asking(RECITED, "bob"), "bob": Asking("Well, then: ", "ann")},
    }


@lru_cache(maxsize=200)
def played(who: str, policy: str, sample: int = 0, limit: int = 40, place: float | None = None) -> Episode:
    """An episode; with ``place`` it begins with that part of the first agent's solo solution."""
    agents = cast()[who]
    engine = ReferenceEngine(agents, seed=3, limit=limit)
    condition = "solo:ann" if len(agents) == 1 else "team"
    job = Job(PROBLEM, sample, parse(policy).check(list(agents)), tuple(agents), condition)
    if place is not None:
        first = next(iter(agents))
        solo = Job(PROBLEM, sample, parse("word:solo"), (first,), condition=f"solo:{first}")
        (parent,) = engine.episodes([solo])
        assert problems_of(parent) == []
        vocabularies = {a.vocabulary.digest: a.vocabulary for a in agents.values() if hasattr(a, "vocabulary")}
        job = begun(job, parent, place, vocabularies)
    (episode,) = engine.episodes([job])
    return episode


SCHEDULES = ["p=0.5", "alternate", "p=1", "p=0", "solo=bob", "script=bob,ann,ann,bob", "curriculum=0.4..0.9@9"]


@pytest.mark.parametrize("who", ["scripts", "models", "kinds"])
@pytest.mark.parametrize("unit", RULES)
def test_real_episodes_are_proven(who: str, unit: str) -> None:
    for number, schedule in enumerate(SCHEDULES if who == "scripts" else SCHEDULES[:1] + SCHEDULES[4:]):
        episode = played(who, f"{unit}:{schedule}", number, limit=16)
        assert problems_of(episode) == [], (schedule, episode.text, episode.error)
        assert check(Episode.from_dict(json.loads(episode.line()))) == episode


def test_real_episodes_of_other_kinds_are_proven() -> None:
    kinds = [
        played("mixed", "word:p=0.4,0.3,0.3"),
        played("mixed", "sentence:alternate", 1),
        played("mixed", "word", 2),
        played("asking", "word:demand"),
        played("asking", "sentence:demand", limit=200),
        played("models", "word:call=tests.test_validate:turn_about"),
        *(played(who, "word:once=0.5", n, place=n / 4) for n in (0, 2, 4) for who in ("models", "scripts", "kinds")),
        *(played("models", f"{unit}:p=0.5", 9, place=0.4) for unit in RULES),
    ]
    for episode in kinds:
        assert problems_of(episode) == [], (episode.policy, episode.text)
    assert len(kinds[3].pens or []) > 2
    assert kinds[5].assigned


def test_endings_are_proven() -> None:
    """By the end, the limit, a full view, an error; a view may be full, and an agent fail, right after a handoff."""
    agents = dict(cast()["models"])
    found = set()
    for context in (*range(24, 36), 512):
        for who in agents:
            small = copy.copy(agents[who])
            small.context = context  # type: ignore[attr-defined]
            played_ = ReferenceEngine({**agents, who: small}, seed=3, limit=60)
            job = Job(PROBLEM, context, parse("word:alternate"), ("ann", "bob"))
            (episode,) = played_.episodes([job])
            assert problems_of(episode) == [], (context, who, episode.ended)
            last = episode.spans[-1] if episode.spans else None
            found.add((episode.ended, bool(last and last.end_logprob is not None)))
    assert {("context", True), ("context", False)} <= found
    mute = {"ann": agents["ann"], "bob": Reciting("%")}  # a closing sign opens no paragraph
    (episode,) = ReferenceEngine(mute, seed=3, limit=60).episodes(
        [Job(PROBLEM, 0, parse("word:script=ann,bob"), ("ann", "bob"))]
    )
    assert problems_of(episode) == []


Change = Callable[[dict[str, Any]], Any]


def forged(episode: Episode, change: Change, *, new_digest: bool) -> list[str]:
    """What the validator finds in a changed episode."""
    given = json.loads(episode.line())
    change(given)
    assert given != json.loads(episode.line()), "the forgery changed nothing"
    made = Episode.from_dict(given)
    if new_digest:
        made.digest = made.fingerprint()
    return problems_of(made)


def put(*path: Any, value: Any) -> Change:
    """A change of one value; ``value`` may be a function of the old one."""

    def change(given: dict[str, Any]) -> None:
        place: Any = given
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value

    return change


def other(name: str) -> str:
    return "bob" if name == "ann" else "ann"


def move_edge(given: dict[str, Any]) -> None:
    """The edge of two spans, one character to the left, token ends along with it."""
    one, two = given["spans"][1:3]
    one["end"] -= 1
    two["start"] -= 1
    if one["token_ends"]:
        one["token_ends"][-1] -= 1


def give_token(given: dict[str, Any]) -> None:
    """The first token of a span becomes the last of the one before."""
    one, two = given["spans"][1:3]
    for name in ("token_ids", "token_ends", "logprobs"):
        one[name].append(two[name].pop(0))
    one["end"] = two["start"] = one["token_ends"][-1]


def swap_authors(given: dict[str, Any]) -> None:
    for span in given["spans"]:
        span["author"] = other(span["author"])


def join_spans(given: dict[str, Any]) -> None:
    """One author gets the turn after its own, too."""
    one, two = given["spans"][1], given["spans"].pop(2)
    one["end"] = two["end"]
    for name in ("token_ids", "token_ends", "logprobs"):
        if one[name] is not None:
            one[name] += two[name]


def cut_tail(given: dict[str, Any]) -> None:
    """The last turn is left out, as if the episode had ended before."""
    last = given["spans"].pop()
    given["text"] = given["text"][: last["start"]]
    given["spans"][-1]["end_logprob"] = None


def add_character(given: dict[str, Any]) -> None:
    given["text"] += "!"


def all_prefix(given: dict[str, Any]) -> None:
    """Everything is called a prefix, where nobody's coins count."""
    given.update(parent_id="toy/1#0:solo:ann", prefix_spans=len(given["spans"]), prefix_units=3)
    for span in given["spans"]:
        span.update(logprobs=None, end_logprob=None)


PROVEN_FALSE: dict[str, Change] = {
    "one author": put("spans", 1, "author", value=other),
    "every author": swap_authors,
    "an author who did not sit down": put("spans", 1, "author", value="eve"),
    "one span edge": put("spans", 1, "end", value=lambda end: end - 1),
    "an edge and what goes with it": move_edge,
    "two turns as one": join_spans,
    "a character more": add_character,
    "a character less": put("text", value=lambda text: text[:-1]),
    "one word of it all": put("text", value=lambda text: "x" * len(text)),
    "the seed": put("seed", value=4),
    "the problem": put("problem_id", value="toy/2"),
    "the sample": put("sample", value=7),
    "the id": put("id", value="toy/1#9"),
    "p": put("p", value=0.9),
    "no p": put("p", value=None),
    "the policy's p": put("policy", value="word:p=0.9"),
    "p and the policy's p": lambda given: given.update(policy="word:p=0.9", p=0.9),
    "the policy's schedule": lambda given: given.update(policy="word:alternate", p=None),
    "the policy's unit": put("policy", value="sentence:p=0.5"),
    "a policy that is none": put("policy", value="word:often"),
    "the order of the pair": put("authors", value=["bob", "ann"]),
    "the ending": put("ended", value="gave up"),
    "an error that was not": put("error", value="ann: failed"),
    "everything a prefix": all_prefix,
    "a prefix of no spans": lambda given: given.update(parent_id="x", prefix_spans=0, prefix_units=2),
    "a prefix of more spans than there are": lambda given: given.update(parent_id="x", prefix_spans=99, prefix_units=2),
    "prefix units without spans": put("prefix_units", value=1),
}
TOKENS_PROVEN_FALSE: dict[str, Change] = {
    "the tail": cut_tail,
    "a token end": put("spans", 1, "token_ends", -1, value=lambda end: end - 1),
    "token ends out of order": put("spans", 0, "token_ends", value=lambda ends: ends[::-1]),
    "a token of the next author's": give_token,
    "a token more": put("spans", 1, "token_ids", value=lambda ids: [*ids, 5]),
    "no tokens": put("spans", 1, "token_ids", value=None),
    "no factors": put("spans", 1, "logprobs", value=None),
    "a factor less": put("spans", 1, "logprobs", value=lambda values: values[:-1]),
    "a factor above 1": put("spans", 1, "logprobs", 0, value=0.5),
    "a factor that is no number": put("spans", 1, "logprobs", 0, value=float("nan")),
    "no end factor": put("spans", 1, "end_logprob", value=None),
    "an end factor of the last turn": put("spans", -1, "end_logprob", value=-0.5),
    "an end factor of nobody's": put("spans", 1, "end_logprob", value=1.5),
    "a shorter limit": put("limit", value=10),
    "a longer limit": put("limit", value=99),
    "partial tokens that are not there": put("spans", 1, "partial", value=[77]),
    "the end, which nobody wrote": put("ended", value="end"),
}
DIGEST_ONLY: dict[str, Change] = {
    "a character of the same class": put("text", value=lambda text: text.replace("3", "4", 1)),
    "the question": put("question", value="How many pencils?"),
    "a version": put("versions", value={"python": "2"}),
    "a field of the view": put("views", value={}),
    "the difficulty": put("difficulty", value=4),
}
TOKENS_DIGEST_ONLY: dict[str, Change] = {
    "a token id": put("spans", 1, "token_ids", 0, value=lambda token: token + 1),
    "a factor": put("spans", 1, "logprobs", 0, value=lambda value: value - 0.25),
    "an end factor": put("spans", 1, "end_logprob", value=lambda value: value - 0.25),
}


def subject(who: str) -> Episode:
    """An episode with several turns of both authors, cut off at the limit."""
    if who == "scripts":
        agents: dict[str, Agent] = {"ann": Reciting(RECITED), "bob": Reciting("Now 12 it is, ")}
        (episode,) = ReferenceEngine(agents, seed=3, limit=40).episodes(
            [Job(PROBLEM, 0, parse("word:p=0.5"), ("ann", "bob"))]
        )
    else:
        episode = next(
            episode
            for sample in range(50)
            if len((episode := played("models", "word:p=0.5", sample)).spans) > 5
            and len(episode.spans[2].token_ids or ()) > 1
            and not any(span.partial for span in episode.spans[:4])
            and episode.ended == "limit"
            and episode.text.count(" ") > 0
            and "3" in episode.text
            and len(episode.spans[0].token_ids or ()) > 1
        )
    assert problems_of(episode) == []
    return episode


CASES = [
    *((who, name, change, False) for who in ("scripts", "models") for name, change in PROVEN_FALSE.items()),
    *(("models", name, change, False) for name, change in TOKENS_PROVEN_FALSE.items()),
    *((who, name, change, True) for who in ("scripts", "models") for name, change in DIGEST_ONLY.items()),
    *(("models", name, change, True) for name, change in TOKENS_DIGEST_ONLY.items()),
    ("scripts", "the tail", cut_tail, True),  # how many words a script wrote in which turn is not stored
]


@pytest.mark.parametrize(
    ("who", "change", "digest_only"),
    [pytest.param(who, change, only, id=f"{who}: {name}") for who, name, change, only in CASES],
)
def test_a_forgery_is_found(who: str, change: Change, digest_only: bool) -> None:
    episode = subject(who)
    assert forged(episode, change, new_digest=False)[0].startswith("digest")
    assert bool(forged(episode, change, new_digest=True)) != digest_only


def test_forged_pens_are_found() -> None:
    episode = played("asking", "word:demand")
    assert problems_of(episode) == []
    for value in (
        lambda pens: pens[1:],
        lambda pens: pens[:-2],
        lambda pens: [[pens[0][0] + 1, pens[0][1]], *pens[1:]],
        lambda pens: [[first, other(name)] for first, name in pens],
        [[1, "eve"]],
        None,
        [["x", "ann"]],
        [3],
    ):
        for new_digest in (False, True):
            assert forged(episode, put("pens", value=value), new_digest=new_digest)


def test_forged_assignments_are_found() -> None:
    episode = played("models", "word:call=tests.test_validate:turn_about")
    for value in (
        lambda given: [1 - given[0], *given[1:]],
        lambda given: given[:3],
        [],
        None,
        [9] * 50,
        "ann",
    ):
        for new_digest in (False, True):
            assert forged(episode, put("assigned", value=value), new_digest=new_digest)


def test_a_stored_function_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody sent names a module: reading it must not import that."""
    (tmp_path / "evil_module.py").write_text("raise SystemExit('run!')")
    monkeypatch.syspath_prepend(str(tmp_path))
    episode = played("models", "word:call=tests.test_validate:turn_about")
    assert forged(episode, put("policy", value="word:call=evil_module:f"), new_digest=True) == []
    assert "evil_module" not in sys.modules


FORGED_PREFIXES: dict[str, Change] = {
    "one unit more": put("prefix_units", value=lambda units: units + 1),
    "no spans": put("prefix_spans", value=0),
    "all spans": put("prefix_spans", value=2),
    "no parent": put("parent_id", value=None),
    "no prefix": lambda given: given.update(prefix_units=None, prefix_spans=None, parent_id=None),
    "who wrote the rest": put("spans", 1, "author", value="ann"),
}
FOUND_BY_THE_PARENT: dict[str, Change] = {
    "who wrote the prefix": put("spans", 0, "author", value="bob"),
    "its first character": put("text", value=lambda text: ("7" if text[0] != "7" else "8") + text[1:]),
}


@pytest.mark.parametrize("name", [*FORGED_PREFIXES, *FOUND_BY_THE_PARENT])
def test_a_forged_prefix_is_found(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody acts in a prefix, so no coin tells who wrote it: where the digest is new, the parent does."""
    episode = played("models", "word:once=0.5", 2, place=0.5)
    assert episode.prefix_spans == 1
    assert len(episode.spans) == 2
    change = (FORGED_PREFIXES | FOUND_BY_THE_PARENT)[name]
    assert forged(episode, change, new_digest=False)[0].startswith("digest")
    if name in FORGED_PREFIXES:
        assert forged(episode, change, new_digest=True)
        return
    assert forged(episode, change, new_digest=True) == []
    given = json.loads(episode.line())
    change(given)
    lie = Episode.from_dict(given)
    lie.digest = lie.fingerprint()
    parent = played("models-alone", "word:solo", 2)
    for made, code in ((episode, 0), (lie, 1)):
        (tmp_path / "episodes.jsonl").write_bytes(parent.line() + made.line())
        assert main(Options(tmp_path)) == code
        assert ("is not that of toy/1#2:solo:ann" in capsys.readouterr().out) == (code == 1)


@pytest.mark.parametrize(
    "change",
    [
        put("spans", value=[]),
        put("authors", value=[]),
        put("authors", value=[["ann"], "bob"]),
        put("authors", value=3),
        put("seed", value="x"),
        put("sample", value=None),
        put("text", value=None),
        put("p", value="half"),
        put("policy", value=3),
        put("step", value="now"),
        put("spans", 0, "start", value=None),
        put("spans", 0, "token_ends", value=["a"]),
        put("spans", 0, "token_ids", value=3),
        put("spans", 0, "logprobs", value=["a"]),
        put("views", value=3),
        put("limit", value=None),
        put("prefix_spans", value="x"),
    ],
)
def test_nonsense_is_found_and_never_raises(change: Change) -> None:
    assert forged(subject("models"), change, new_digest=False)
    forged(subject("models"), change, new_digest=True)


def test_a_new_grade_or_other_timings_leave_an_episode_proven() -> None:
    episode = subject("models")
    assert problems_of(dataclasses.replace(episode, grade={"verdict": "wrong"})) == []
    assert problems_of(dataclasses.replace(episode, timings={"seconds": 9.0})) == []


def test_check_names_the_episode() -> None:
    made = dataclasses.replace(subject("scripts"), seed=99)
    with pytest.raises(EpisodeError, match="episode toy/1#0: span 1, token 0"):
        check(made)


def test_as_a_command(tmp_path: Path) -> None:
    def validate(run: Path) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "arena.validate", str(run)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
        return done.returncode, done.stdout, done.stderr

    good = subject("scripts")
    bad = dataclasses.replace(good, text="\x1b[31m" + good.text[5:])
    (tmp_path / "episodes.jsonl").write_bytes(good.line() + bad.line() + b"{]\n")
    code, out, err = validate(tmp_path)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert "episodes.jsonl:2: digest" in lines[0]
    assert "episodes.jsonl:3: not JSON" in lines[1]
    assert lines[2] == "3 episodes, 1 proven, 2 not (grades are checked by python -m arena.grade)"
    (tmp_path / "episodes.jsonl").write_bytes(good.line())
    code, out, err = validate(tmp_path)
    assert (code, err) == (0, "")
    assert out.startswith("1 episode, 1 proven, 0 not")
    (tmp_path / "episodes.jsonl").write_bytes(good.line() * 2)
    assert "more than once" in validate(tmp_path)[1]
    (tmp_path / "episodes.jsonl").write_bytes(b"")
    assert validate(tmp_path)[0] == 1
    code, out, err = validate(tmp_path / "nothing")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no episodes.jsonl" in err


def reforged(episode: Episode, **changes: Any) -> list[str]:
    """What is said of an episode with other fields and a new digest."""
    lie = dataclasses.replace(episode, **changes, digest="")
    return problems_of(lie)


def test_nobody_ends_what_is_anothers_to_end() -> None:
    """An empty last span needs an author that may write next, also without tokens and where tokens come plainly."""
    alone = played("scripts", "word:p=1", 1)
    extra = SpanRecord("bob", len(alone.text), len(alone.text))
    assert reforged(alone, spans=[*alone.spans, extra], ended="end")
    for sample in range(40):
        spaced = played("models", "spaced-token:p=0.5", sample)
        last = spaced.spans[-1]
        if spaced.ended == "end" and last.token_ids and len(last.token_ids) > 1 and last.token_ends:
            mine = dataclasses.replace(
                last,
                token_ids=last.token_ids[:-1],
                token_ends=last.token_ends[:-1],
                logprobs=(last.logprobs or [])[:-1],
            )
            thief = next(name for name in spaced.authors if name != last.author)
            stolen = SpanRecord(thief, last.end, last.end, last.token_ids[-1:], [last.end], (last.logprobs or [])[-1:])
            if RULES["spaced-token"].step(_state_at_the_end(spaced), "")[0]:
                continue  # the author is drawn again there: the coin may give it to either
            assert reforged(spaced, spans=[*spaced.spans[:-1], mine, stolen])
            return
    pytest.fail("no episode ended by a model within its turn")


def _state_at_the_end(episode: Episode) -> int:
    reader = Reader(parse(episode.policy).rule)
    for steps in surfaces(episode.text, episode.spans):
        reader.skip(steps)
    return reader.state


def test_once_is_cut_where_the_policy_says_and_begins_with_its_parent(tmp_path: Path) -> None:
    parent = played("models-alone", "word:solo", 2)
    honest = played("models", "word:once=0.5", 2, place=0.5)
    for place in (0.1, 0.9):
        elsewhere = played("models", "word:once=0.5", 2, place=place)
        (tmp_path / "episodes.jsonl").write_bytes(parent.line() + elsewhere.line())
        assert (main(Options(tmp_path)) == 0) == (elsewhere.prefix_units == honest.prefix_units)
    (tmp_path / "episodes.jsonl").write_bytes(honest.line())  # its parent is not there: nothing is proven
    assert main(Options(tmp_path)) == 1


def test_p_is_what_the_policy_gives_and_nothing_where_it_gives_none() -> None:
    assert reforged(played("scripts", "word:alternate"), p=0.9)
    assert reforged(played("scripts", "word:p=0.5"), p=None)


def test_words_of_text_authors_are_bounded_by_the_limit() -> None:
    episode = played("scripts", "word:alternate", limit=12)
    assert reforged(episode, limit=2)


def test_a_run_is_what_its_configuration_says(tmp_path: Path) -> None:
    from arena.run import cli

    flags = ["--pair", "a:b", "--agent=a=script:one two", "--agent=b=script:three {end}", "--show", "0"]
    out = tmp_path / "run"
    assert cli([*flags, "--episodes", "4", "--seed", "3", "--out", str(out)]) == 0
    assert main(Options(out)) == 0
    config = (out / "config.toml").read_text()
    for spoilt in (config.replace("seed = 3", "seed = 4"), config.replace("p=0.5", "p=0.9")):
        (out / "config.toml").write_text(spoilt)
        assert main(Options(out)) == 1
    (out / "config.toml").write_text(config)
    lines = (out / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    (out / "episodes.jsonl").write_bytes(b"".join(lines[:2]))
    assert main(Options(out)) == 1
