"""A study as data: its file, frozen stimuli, who meets what, and whether it can show what it asks (docs/STUDY.md)."""

from human.study.assignment import Trial, trials_for
from human.study.config import Question, Study, read_study
from human.study.stimuli import Stimuli, read_stimuli

__all__ = ["Question", "Stimuli", "Study", "Trial", "read_stimuli", "read_study", "trials_for"]
