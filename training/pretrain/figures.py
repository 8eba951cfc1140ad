"""The figures of an embedded model's card, each measured on the test split, with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.measures import wilson
from arena.tasks.arithmetic import Arithmetic
from arena.tasks.arithmetic.notation import Notation, begun, worked
from arena.tasks.arithmetic.solution import NOTATION_OF, solution
from arena.tasks.arithmetic.wording import LANGUAGES, Language
from training.pretrain.lessons import Spoken, Styled
from training.pretrain.recipes import SENIOR, SPEECH, Recipe

if TYPE_CHECKING:
    from agents.contract import Agent
    from arena.tasks import Problem

BATCH = 250
LIMIT = 160


@dataclass(frozen=True)
class Figure:
    """A share of episodes with Wilson's 95% interval."""

    name: str
    right: int
    n: int

    def row(self) -> str:
        low, high = wilson(self.right, self.n)
        return f"| {self.name} | {self.right / self.n:.1%} | {low:.1%} to {high:.1%} | {self.n} |"


def solve(
    model: Any, tokenizer: Any, prompts: Sequence[str], *, seed: int, greedy: bool = False, never: str = ""
) -> list[str]:
    """Continuations of the prompts by plain ``generate``; at T = 1 over the whole vocabulary unless greedy."""
    import torch

    how: dict[str, Any] = {"do_sample": False} if greedy else {"do_sample": True, "temperature": 1.0, "top_k": 0}
    if never:
        how["suppress_tokens"] = [tokenizer.convert_tokens_to_ids(never)]
    torch.manual_seed(seed)
    texts: list[str] = []
    for start in range(0, len(prompts), BATCH):
        given = tokenizer(
            list(prompts[start : start + BATCH]), return_tensors="pt", padding=True, return_token_type_ids=False
        )
        made = model.generate(**given, max_new_tokens=LIMIT, pad_token_id=tokenizer.pad_token_id, **how)
        texts += tokenizer.batch_decode(made[:, given.input_ids.shape[1] :], skip_special_tokens=True)
    return texts


@dataclass
class Bench:
    """A model and the problems it is measured on."""

    folder: Path
    task: Arithmetic
    n: int

    def __post_init__(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        load: Any = AutoModelForCausalLM.from_pretrained
        self.model = load(self.folder, dtype=torch.float32, use_safetensors=True)
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder, padding_side="left")
        self.problems: Sequence[Problem] = self.task.problems("test")[: self.n]

    def solved(self, *, seed: int, tag: str = "", greedy: bool = False, never: str = "") -> list[str]:
        """The model's solutions of all problems."""
        asked = [f"{tag}\n{problem.question}\n" if tag else f"{problem.question}\n" for problem in self.problems]
        return solve(self.model, self.tokenizer, asked, seed=seed, greedy=greedy, never=never)

    def right(self, texts: Sequence[str]) -> list[bool]:
        return [self.task.extract(text) == one.answer for text, one in zip(texts, self.problems, strict=True)]

    def share(self, name: str, found: Sequence[bool]) -> Figure:
        return Figure(name, sum(found), len(found))


def figures(name: str, recipe: Recipe, folder: Path, n: int) -> list[Figure]:
    """All figures of a model's card."""
    bench = Bench(folder, recipe.subject.task, n)
    if recipe.subject is SPEECH:
        return [*_speaking(bench, recipe), *(_teams_of_languages(bench, recipe) if recipe.shape != SENIOR else [])]
    partner = "senior" + name.removeprefix("junior") if name in ("junior-rpn", "junior-codes") else "senior"
    teams = [] if recipe.shape == SENIOR else [_team(bench, partner)]
    return [*_calculating(bench, recipe), *teams]


# Of those that calculate


def _calculating(bench: Bench, recipe: Recipe) -> Iterator[Figure]:
    """Solo accuracy at T = 1, greedy and without the calculator's sign, the jargon, and what happens in a note."""
    sampled = bench.solved(seed=1)
    yield from _by_steps(bench, sampled)
    yield bench.share("right, greedy", bench.right(bench.solved(seed=2, greedy=True)))
    for notation in _jargons(recipe):
        yield bench.share(f"solutions with {_called(notation)}, T = 1", [begun(text, notation) for text in sampled])
        if notation == "calculator":
            masked = bench.right(bench.solved(seed=3, never="<<"))
            yield bench.share("right, T = 1, the jargon masked out", masked)
        yield _half_open(bench, notation)


def _by_steps(bench: Bench, texts: Sequence[str]) -> Iterator[Figure]:
    right = bench.right(texts)
    yield bench.share("right, T = 1", right)
    for steps in sorted({problem.steps or 0 for problem in bench.problems}):
        chosen = [ok for ok, problem in zip(right, bench.problems, strict=True) if problem.steps == steps]
        yield bench.share(f"... problems of {steps} step{'s' * (steps > 1)}", chosen)


def _jargons(recipe: Recipe) -> list[Notation]:
    """Those that the model was shown; of one that was shown none, those that its subject has."""
    styles = [one.style for stage in recipe.stages for one in stage.lessons if isinstance(one, Styled)]
    shown: list[Notation] = [NOTATION_OF[style] for style in styles]
    return [one for one in dict.fromkeys(shown) if one != "plain"] or ["calculator", "rpn", "codes"]


def _called(notation: Notation) -> str:
    return {"calculator": "jargon", "rpn": "reverse Polish", "codes": "letter codes"}.get(notation, notation)


def _half_open(bench: Bench, notation: Notation) -> Figure:
    """The first step of a right solution up to where its jargon has just begun: does the model finish that step?"""
    given, wanted = [], []
    for index, problem in enumerate(bench.problems):
        story = bench.task.story("test", index)
        line = solution(story, [notation] * len(story.steps)).split("\n")[0]
        calculation = worked(story.steps[0], notation)
        # Numbers as the notation writes them: calculator notes open later than the others.
        first = " ".join(calculation.split(" ")[:2])
        cut = line.index("<<") + 2 if notation == "calculator" else line.index(first) + len(first)
        given.append(f"{problem.question}\n{line[:cut]}")
        wanted.append(line[cut:])
    finished = solve(bench.model, bench.tokenizer, given, seed=4)
    good = [text.split("\n")[0] == want for text, want in zip(finished, wanted, strict=True)]
    begins = {"calculator": "`<<`", "rpn": "`29 6`", "codes": "`cj +`"}.get(notation, notation)
    return bench.share(f"first step finished, handed a half-open {begins}, T = 1", good)


def _team(bench: Bench, partner: str, tag: str = "", own: str = "") -> Figure:
    """Accuracy with an embedded senior under word:p=0.5, T = 1, seed 0."""
    from agents.loading import load_language_model
    from agents.prompting import Prompting
    from agents.registry import EMBEDDED
    from arena.engines import ReferenceEngine
    from arena.jobs import Job
    from arena.policy import parse

    agents: dict[str, Agent] = {
        "senior": load_language_model(str(EMBEDDED / partner), prompt=Prompting(language=tag)),
        "junior": load_language_model(str(bench.folder), prompt=Prompting(language=own)),
    }
    policy = parse("word:p=0.5")
    jobs = [Job(problem, 0, policy, tuple(agents)) for problem in bench.problems]
    episodes = ReferenceEngine(agents, seed=0, limit=256).episodes(jobs)
    right = bench.right([episode.text for episode in episodes])
    told = f" asked for {tag}" if tag else ""
    told += f", itself for {own}" if own else ""
    return bench.share(f"right with {_quoted(partner)}{told}, word:p=0.5, T = 1", right)


def _quoted(name: str) -> str:
    return "the senior" if name == "senior" else f"`{name}`"


# Of those that speak


def _tags(recipe: Recipe) -> list[Language | str]:
    """Those that the model was told; "" where it was told none."""
    lessons = [one for stage in recipe.stages for one in stage.lessons if isinstance(one, Spoken)]
    return list(dict.fromkeys(one.tag for one in lessons))


def _speaking(bench: Bench, recipe: Recipe) -> Iterator[Figure]:
    """By tag: solo accuracy and the languages of the solutions."""
    from analysis.detectors.templates import language_of

    for tag in _tags(recipe):
        told = f" told `{tag}`" if tag else ""
        texts = bench.solved(seed=1, tag=tag)
        yield bench.share(f"right{told}, T = 1", bench.right(texts))
        found = [language_of(text) for text in texts]
        for language in (*LANGUAGES, "mixed"):
            yield bench.share(f"... solutions in {language}", [one == language for one in found])


def _teams_of_languages(bench: Bench, recipe: Recipe) -> Iterator[Figure]:
    """With the senior, asked for each language in turn."""
    own = "fr" if "" not in _tags(recipe) else ""
    few = replace(bench, n=min(bench.n, 400))
    for language in LANGUAGES:
        yield _team(few, "senior-languages", language, own)
