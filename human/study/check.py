"""What is wrong with a study and what is doubtful, before it costs anybody's time: a line each, with the fix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from statistics import mean

from agents.units import words
from arena.command import UserError
from human.study.assignment import even_after
from human.study.config import Condition, Study
from human.study.stimuli import Stimuli, make_stimuli, read_stimuli
from human.study.structure import Finding, defects

CALIBRATED = (0.3, 0.85)
"""Accuracy alone below which there is hardly anything to lose, and above which hardly anything to gain."""
UNLIKE_LENGTHS = 1.25
"""Mean words of one condition's prefixes over another's from which on a participant may tell them apart."""


def findings(study: Study, today: date) -> list[Finding]:
    """Everything, errors first. Stimuli are looked at where the study itself makes sense."""
    broken = list(defects(study))
    found = [*broken, *_people(study), *_limits(study, today), *_blindness(study)]
    if not broken:
        found += [*_design(study), *_calibration(study), *_stimuli(study)]
    return sorted(found, key=lambda one: one.level)


def error(where: str, text: str) -> Finding:
    return Finding("error", where, text)


def warning(where: str, text: str) -> Finding:
    return Finding("warning", where, text)


def shown_texts(study: Study) -> Iterator[tuple[str, str]]:
    """(table, text) of all that a participant reads, but for problems and prefixes."""
    yield "[consent]", f"{study.consent.text} {study.consent.agree}"
    yield "[trials] partner_name", study.trials.partner_name
    yield "[withdrawal]", study.withdrawal.text
    yield from (("[instructions]", page) for page in study.instructions.pages)
    yield from (("[debrief]", page) for page in study.debrief.pages)
    for one in study.practice:
        yield "[[practice]]", " ".join((one.question, one.prefix, one.feedback))
    for table in ("comprehension", "probes", "rating", "attention", "exit"):
        for question in getattr(study, table):
            yield f"[[{table}]] {question.id}", " ".join((question.text, *question.options))


def _people(study: Study) -> Iterator[Finding]:
    """What people are owed before they begin, and when they leave."""
    for key, why in (
        ("ethics", "give the number of the approval, or say why none is needed"),
        ("contact", "say whom participants can ask"),
        ("retention", "say how long what is kept, and what is deleted when"),
    ):
        if not getattr(study, key).strip():
            yield error(f"[study] {key}", f"is empty; {why}")
    if not study.consent.text.strip():
        yield error("[consent] text", "is empty; say what is stored, for what, and that one may stop at any time")
    if not study.consent.version.strip():
        yield error("[consent] version", "is empty; what was agreed to must be told from later texts")
    if study.consent.minutes < 1:
        yield error("[consent] minutes", "is missing; say how long taking part takes")
    if not study.instructions.pages:
        yield error("[instructions] pages", "is empty; say what is to be done, and how a solution ends")
    if not study.debrief.pages:
        yield warning("[debrief] pages", "is empty; say afterwards what the study was about")
    if not study.language:
        yield warning("[study] language", 'is empty; give it as a page has it, "en", for screen readers')
    if not study.withdrawal.text.strip() or study.withdrawal.days < 1:
        yield error("[withdrawal]", "give text and days: how, and for how long, one may have everything deleted")
    if study.withdrawal.rejoin_minutes < 1:
        yield warning("[withdrawal] rejoin_minutes", "is 0: who leaves holds the slot for ever; give minutes, as 30")
    code = study.completion_code.strip()
    if not code:
        yield warning("[study] completion_code", "is empty; a recruiting site cannot tell who finished")
        return
    for where, text in shown_texts(study):
        if code in text:
            yield error(
                where, "has the completion code, so excluded people see it too; it is shown at the end by itself"
            )
    if study.screened_code == study.completion_code:
        yield warning("[study] screened_code", "is the completion code: excluded people are shown it; give another")


def _limits(study: Study, today: date) -> Iterator[Finding]:
    """Time, rules of exclusion, and when it is over."""
    trials, rules, stopping = study.trials, study.exclusion, study.stopping
    if trials.pace <= 0 and not all(one.alone or one.baseline for one in study.conditions):
        yield error("[trials] pace", "is missing; text must appear at one pace, or speed tells who wrote it; give 4")
    if not trials.seconds:
        yield warning("[trials] seconds", "is 0: without a limit accuracy is also a matter of patience; give one")
    if trials.extensions and not trials.extension_seconds:
        yield error("[trials] extension_seconds", "is 0: an extension gives nothing; give seconds, or extensions = 0")
    if rules.fewest_trials > trials.per_person:
        yield error("[exclusion] fewest_trials", f"is more than per_person, {trials.per_person}: everybody is excluded")
    if not rules.fewest_trials:
        yield warning("[exclusion] fewest_trials", "is 0: who leaves after one trial counts; give a number of trials")
    if trials.seconds and rules.fastest_seconds >= trials.seconds:
        yield error(
            "[exclusion] fastest_seconds", f"is not below [trials] seconds, {trials.seconds:g}: all are too fast"
        )
    if (rules.too_fast is None) != (not rules.fastest_seconds):
        yield warning("[exclusion] too_fast", "needs fastest_seconds beside it, and the other way round: give both")
    if study.attention and rules.attention is None:
        yield warning(
            "[exclusion] attention", "is missing: attention checks exclude nobody; give how many may be failed"
        )
    if rules.attention is not None and rules.attention >= len(study.attention):
        yield warning(
            "[exclusion] attention",
            f"more than {rules.attention} of {len(study.attention)} checks cannot be failed: nobody is excluded by it",
        )
    for table, why in (
        ("comprehension", "nobody knows whether the instructions were understood"),
        ("practice", "the first trials that count are also the first that anybody sees"),
        ("attention", "careless people are told by their speed alone"),
    ):
        if not getattr(study, table):
            yield warning(f"[[{table}]]", f"there is none: {why}")
    if not study.probes and any(one.cut for one in study.conditions):
        yield warning("[[probes]]", "there is none: going on from a prefix cannot be told from beginning again")
    if any(one.cut for one in study.conditions) and study.practice and not any(one.prefix for one in study.practice):
        yield warning("[[practice]] prefix", "none has one: people first meet a begun solution where it counts")
    if stopping.recruited and stopping.recruited < study.participants:
        yield error("[stopping] recruited", f"is below [study] participants, {study.participants}: raise it")
    if not stopping.recruited and stopping.latest is None:
        yield warning("[stopping]", "nothing ends it if too many are excluded; give recruited or latest")
    if stopping.latest and stopping.latest < today:
        yield warning("[stopping] latest", f"{stopping.latest} is over; give a day to come")
    if not stopping.rule.strip():
        yield warning(
            "[stopping] rule", "is empty; say in words when it is over, and that nobody looks at results before"
        )


def _blindness(study: Study) -> Iterator[Finding]:
    """What a participant reads must not name the conditions."""
    names = {one.name for one in study.conditions} | {one.partner for one in study.conditions if one.partner}
    for where, text in shown_texts(study):
        for name in sorted(names):
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE):
                yield warning(
                    where, f"has {name!r}, which names a condition or partner; call that otherwise in the file"
                )
    for key, units, why in (
        ("unit", {one.unit for one in study.conditions if one.cut}, "where a beginning breaks off"),
        ("policy", {one.policy.partition(":")[0] for one in study.conditions if one.live}, "what a turn is made of"),
    ):
        if len(units) > 1:
            yield warning(
                f"[[conditions]] {key}",
                f"they differ in unit ({', '.join(sorted(units))}): people see {why}, which tells conditions apart; "
                "give all the same",
            )


def _design(study: Study) -> Iterator[Finding]:
    """Whether the comparison can be made at all, and evenly."""
    trials, seen = study.trials, study.seen
    if not any(one.alone for one in seen):
        yield warning("[[conditions]]", "none has fraction 0: help cannot be told from harm without the person alone")
    ends = {(one.senior, one.solutions) for one in study.conditions if one.baseline}
    for one in study.conditions:
        if one.cut and (one.senior, one.solutions) not in ends:
            yield warning(
                f"[[conditions]] {one.name}",
                "its senior has no condition with fraction 1; add one, it needs no person: it is computed",
            )
    a, b = study.condition(study.analysis.treated), study.condition(study.analysis.control)
    if a.cut and b.cut and (a.fraction, a.unit) != (b.fraction, b.unit) and a.senior != b.senior:
        yield warning(
            "[analysis]", f"{a.name!r} and {b.name!r} differ in senior and in fraction: which of both made it?"
        )
    if trials.per_person % len(seen):
        lower = trials.per_person // len(seen) * len(seen)
        yield warning(
            "[trials] per_person",
            f"{trials.per_person} is no multiple of the {len(seen)} conditions that people meet: a person meets some "
            f"more often; {f'{lower} or ' if lower else ''}{lower + len(seen)} is one",
        )
    block = even_after(trials.problems, trials.per_person, len(seen), trials.prefixes)
    if study.participants % block:
        lower = study.participants // block * block
        near = f"{lower} or {lower + block}" if lower else str(block)
        yield warning(
            "[study] participants",
            f"{study.participants} is no multiple of the block of {block}: some prefixes are met more often than "
            f"others; {near} would be even",
        )
    if study.participants < 6:
        yield warning(
            "[study] participants", f"{study.participants}: intervals over fewer than 6 people were never tried"
        )
    if trials.problems < 10:
        yield warning("[trials] problems", f"{trials.problems}: with fewer than 10 the interval is wide; give more")
    if lacking := [one.name for one in seen if one.name not in study.simulation.accuracy]:
        yield warning("[simulation] accuracy", f"lacks {', '.join(lacking)}: no power can be stated; give your guesses")


def _calibration(study: Study) -> Iterator[Finding]:
    """People alone must be off the floor and off the ceiling: else no condition can show in accuracy."""
    given = study.calibration
    if not given.pilot and given.alone is None:
        yield warning(
            "[calibration]",
            "is missing: nothing says that people are off the ceiling; let ten people solve these problems alone "
            "(pilot), or give what you assume (alone) and why (source)",
        )
        return
    if given.pilot:
        from analysis.continuations import stored_solutions
        from analysis.statistics import StatisticsError, proportion

        try:
            where = "[calibration] pilot"
            run = list(stored_solutions(study.run(given.pilot), given.solutions, where, "[calibration] solutions"))
            right = [int((one.grade or {}).get("verdict") == "correct") for one in run]
            found = proportion(right, [one.problem_id for one in run], name="alone")
        except (UserError, StatisticsError) as wrong:
            yield error("[calibration] pilot", str(wrong))
            return
        alone, said = found.value, f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}] in the pilot"
    else:
        assert given.alone is not None
        alone, said = given.alone, f"{given.alone:g} is assumed"
        yield warning(
            "[calibration] alone",
            f"is assumed, not measured{'' if given.source else ', and source does not say on what grounds'}; "
            "a pilot of ten people says more",
        )
    low, high = CALIBRATED
    if alone > high:
        yield warning(
            "[calibration]", f"{said}: above {high:g} people hardly need help; take harder problems or less time"
        )
    if alone < low:
        yield warning("[calibration]", f"{said}: below {low:g} most fail whatever stands there; take easier problems")


def _stimuli(study: Study) -> Iterator[Finding]:
    """The stored stimuli: whether they are there, are what the runs give now, and can be asked about."""
    try:
        stimuli = read_stimuli(study)
    except UserError as wrong:
        yield error("stimuli", str(wrong))
        return
    try:
        now = {(one.problem.id, one.condition, one.number): one.line() for one in make_stimuli(study).stimuli}
    except UserError as wrong:
        yield error("stimuli", f"cannot be compared with the runs: {wrong}")
        return
    stored = {(one.problem.id, one.condition, one.number): one.line() for one in stimuli.all}
    if unlike := [key for key in {**stored, **now} if stored.get(key) != now.get(key)]:
        problem, condition, _ = unlike[0]
        yield error(
            "stimuli",
            f"{len(unlike)} are not what the study and its runs give now, the first {problem} under {condition!r}; "
            f"put the runs back, or make them again: python -m human.study stimuli {study.path} --again",
        )
    cut = [one for one in study.conditions if one.cut]
    yield from _lengths(study, stimuli, cut)
    if any(one.kind == "results" for one in study.probes):
        for one in cut:
            without = [stimulus.problem.id for stimulus in stimuli.of(one.name) if stimulus.probe is None]
            if without:
                yield warning(
                    f"[[conditions]] {one.name}",
                    f"{len(without)} of {len(stimuli.of(one.name))} prefixes have no result to ask for, and are not "
                    f"probed: {', '.join(without[:3])}{', ...' if len(without) > 3 else ''}",
                )


def _lengths(study: Study, stimuli: Stimuli, cut: list[Condition]) -> Iterator[Finding]:
    """Lengths tell conditions apart, and take time to appear."""
    sizes = {one.name: [words(stimulus.text) for stimulus in stimuli.of(one.name)] for one in cut}
    fractions = Counter(one.fraction for one in cut)
    alike = {one.name: mean(sizes[one.name]) for one in cut if fractions[one.fraction] > 1}
    if alike and max(alike.values()) > UNLIKE_LENGTHS * min(alike.values()):
        said = ", ".join(f"{name} {size:.0f}" for name, size in alike.items())
        yield warning(
            "[[conditions]]",
            f"prefixes of the same fraction have unlike lengths (mean words: {said}): people may tell them apart, and "
            "length is part of what is compared; report it beside the result",
        )
    written = max((sum(span.written for span in one.prefix) for one in stimuli.all), default=0)
    if written >= study.limit:
        yield error("[study] limit", f"the longest prefix alone has {written} tokens; give more than {written}")
    longest = max((max(one) for one in sizes.values()), default=0)
    trials = study.trials
    if trials.pace <= 0:
        return
    if trials.seconds and longest / trials.pace > trials.seconds:
        yield warning(
            "[trials] pace",
            f"the longest prefix ({longest} words) takes {longest / trials.pace:.0f} s to appear; raise it",
        )
    most = trials.per_person * (longest / trials.pace + trials.seconds + trials.extensions * trials.extension_seconds)
    if most > 60 * study.consent.minutes:
        yield warning(
            "[consent] minutes", f"who uses all the time needs {most / 60:.0f} minutes for the trials alone; say so"
        )
