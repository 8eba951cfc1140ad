"""What a person did, as far as the rules of exclusion look at it: at the end, in the middle, and in an export."""

from __future__ import annotations

from collections.abc import Sequence

from human.session.forms import wrong
from human.session.past import Past
from human.study import Study, Trial
from human.study.exclusion import Taken


def agreed(study: Study, past: Past) -> bool:
    """Has this person given consent?"""
    return any(
        page.startswith("consent/") and given.get("consent") == study.consent.agree
        for page, given in past.answers.items()
    )


def understood(study: Study, past: Past) -> bool | None:
    """Passed the comprehension check; None if it did not come to an end."""
    tries = [given for page, given in past.answers.items() if page.startswith("comprehension/")]
    if not study.comprehension or any(not wrong(study.comprehension, given) for given in tries):
        return True
    return False if len(tries) >= study.instructions.attempts else None


def taken(study: Study, trials: Sequence[Trial], past: Past) -> Taken:
    """What was done of these trials, those of the person's slot; nothing counts against who had no chance to do it."""
    failed = 0
    for trial in trials:
        given = past.answers.get(f"{trial.id}/questions")
        if given is not None and not trial.practice:
            failed += len(wrong([one for one in trial.questions if one in study.attention], given))
    seconds = [one["seconds"] for one in past.finished.values() if not one["practice"]]
    return Taken(understood(study, past) is not False, failed, seconds)
