"""The simulated studies of `benchmarks.coverage`: draws from a population, what users call, and the truth.

- `base`: tables of rates, scenarios drawn again and again, what counts as a hit
- `intervals`: of grades, for two arms on the same problems, one arm, two groups
- `bootstraps`: measures without bounds, and what the bootstrap makes of grades
- `levels`: tests under the null, equivalence at the margin, families of tests
- `seeds`: runs that differ by their training seed
- `people`: people by problems
- `power`: promised and had, of all of these
- `tuning`: constants that were chosen by simulation
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.studies.base import Simulations, Table
from benchmarks.studies.bootstraps import mean_study, skewed_study
from benchmarks.studies.intervals import group_study, paired_study, proportion_study
from benchmarks.studies.levels import equivalence_study, family_study, group_null_study, null_study
from benchmarks.studies.people import crossed_study, kept_study
from benchmarks.studies.power import power_study
from benchmarks.studies.seeds import seed_study
from benchmarks.studies.tuning import tuning_study

STUDIES: dict[str, Callable[[Simulations], list[Table]]] = {
    "paired": paired_study,
    "proportion": proportion_study,
    "groups": group_study,
    "means": mean_study,
    "null": null_study,
    "group-null": group_null_study,
    "seeds": seed_study,
    "equivalence": equivalence_study,
    "families": family_study,
    "crossed": crossed_study,
    "power": power_study,
    "tuning": tuning_study,
    "skewed": skewed_study,
    "kept": kept_study,
}
"""By the name that ``--only`` takes. Their order decides what each draws: a new one goes last."""
