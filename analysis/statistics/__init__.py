"""Statistics over stored episodes, seeds and people: one obvious function for each question (docs/STATISTICS.md).

Everything takes plain sequences or arrays, gives back an `Estimate`, `Test`, `Equivalence`, `Family` or `Power` that
names its method, n, unit of clustering and assumption, and draws nothing without a seed.
"""

from analysis.statistics.bootstrap import bootstrap_difference, bootstrap_mean, bootstrap_ratio
from analysis.statistics.crossed import Study, crossed_people_needed, crossed_power
from analysis.statistics.data import StatisticsError
from analysis.statistics.equivalence import Equivalence, paired_equivalence, seed_equivalence
from analysis.statistics.estimate import Estimate, Test
from analysis.statistics.families import Family, holm
from analysis.statistics.mcnemar import mcnemar_test
from analysis.statistics.paired import paired_difference, retention
from analysis.statistics.passk import pass_at_k, pass_at_k_by_problem, pass_at_k_of
from analysis.statistics.permutation import group_permutation_test, sign_flip_test
from analysis.statistics.power import (
    Power,
    detectable,
    mcnemar_power,
    mcnemar_problems_needed,
    paired_power,
    paired_problems_needed,
    seed_power,
    seeds_needed,
)
from analysis.statistics.proportions import (
    group_difference,
    group_ratio,
    independent_proportion,
    proportion,
    student_mean,
)
from analysis.statistics.seeds import over_seeds, seed_difference, seed_test
from analysis.statistics.twoway import two_way_difference, two_way_mean, two_way_retention

__all__ = [
    "Equivalence",
    "Estimate",
    "Family",
    "Power",
    "StatisticsError",
    "Study",
    "Test",
    "bootstrap_difference",
    "bootstrap_mean",
    "bootstrap_ratio",
    "crossed_people_needed",
    "crossed_power",
    "detectable",
    "group_difference",
    "group_permutation_test",
    "group_ratio",
    "holm",
    "independent_proportion",
    "mcnemar_power",
    "mcnemar_problems_needed",
    "mcnemar_test",
    "over_seeds",
    "paired_difference",
    "paired_equivalence",
    "paired_power",
    "paired_problems_needed",
    "pass_at_k",
    "pass_at_k_by_problem",
    "pass_at_k_of",
    "proportion",
    "retention",
    "seed_difference",
    "seed_equivalence",
    "seed_power",
    "seed_test",
    "seeds_needed",
    "sign_flip_test",
    "student_mean",
    "two_way_difference",
    "two_way_mean",
    "two_way_retention",
]
