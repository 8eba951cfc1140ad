"""What the columns of the frames mean; docs/ANALYSIS.md has the same tables."""

from __future__ import annotations

EPISODES = {
    "id": ("str", "PROBLEM#SAMPLE, then @STEP in training, then :CONDITION unless it is the team's"),
    "problem_id": ("category", "the problem"),
    "sample": ("int32", "which of the problem's episodes"),
    "step": ("Int32", "training steps done when it was played; missing outside training"),
    "condition": ("category", "team, or solo:NAME"),
    "pair": ("category", "who sat down, in order, joined by ':'"),
    "policy": ("category", "unit and schedule"),
    "p": ("float32", "share of units that the first-named agent writes, where the schedule has one"),
    "seed": ("int64", "of coins and draws"),
    "parent_id": ("str", "the episode that this one begins with; missing without a prefix"),
    "prefix_units": ("Int32", "how many units of it"),
    "difficulty": ("Int32", "steps of the problem, where the task knows them"),
    "ended": ("category", "end, limit, context, stopped or error"),
    "verdict": ("category", "correct, wrong or unreadable"),
    "correct": ("bool", "verdict is correct; every other one is not"),
    "answer": ("str", "what was read as the answer; missing if nothing was"),
    "expected": ("str", "the right answer"),
    "jargon": ("bool", "a calculator note was opened (outside a prefix)"),
    "handoffs": ("int32", "changes of author, also to one who only ends the solution"),
    "tokens": ("int32", "written tokens; words for authors without tokens"),
    "words": ("int32", "words written"),
    "characters": ("int32", "length of the text, prefix included"),
    "first_share": ("float32", "share of the words that the first-named agent wrote; missing where nobody wrote"),
    "seconds": ("float32", "its share of the run's time"),
    "inexact_reads": ("int32", "reads that a tokeniser could not spell"),
    "error": ("str", "why it failed; missing if it did not"),
    "person": ("category", "who took part in a study, by pseudonym; missing elsewhere"),
}
"""Of `Frames.episodes`: a row an episode. Name: (dtype, meaning). Nobody acts in a prefix, so no count has it."""

SPANS = {
    "id": ("str", "the episode"),
    "span": ("int32", "number of the turn"),
    "author": ("category", "who wrote it"),
    "start": ("int32", "first character in the text"),
    "end": ("int32", "first character after it"),
    "text": ("str", "what was written"),
    "prefix": ("bool", "part of a frozen beginning: nobody acted"),
    "tokens": ("Int32", "tokens, the end included; missing for authors without tokens"),
    "words": ("int32", "words"),
    "logprob": ("float64", "sum of its factors' natural logarithms, the end of its turn included; missing without any"),
    "cut": ("bool", "stopped, or gave the pen away, before its last unit was over"),
}
"""Of `Frames.spans`: a row a turn."""

TOKENS = {
    "id": ("str", "the episode"),
    "span": ("int32", "number of the turn"),
    "token": ("int32", "number in the turn"),
    "author": ("category", "who drew it"),
    "token_id": ("int64", "in its author's vocabulary"),
    "start": ("int32", "first character that it completes"),
    "end": ("int32", "first character after it"),
    "text": ("str", "the characters that it completes; none for the end, and for the first part of a split character"),
    "logprob": ("float64", "natural logarithm of its factor; missing in a prefix"),
    "prefix": ("bool", "part of a frozen beginning: nobody acted"),
}
"""Of `Frames.tokens`: a row a token; people and scripts have none."""

METRICS = {
    "step": ("int32", "training steps done; 0 is before training"),
    "split": ("category", "train (rollouts of the step) or held-out"),
    "condition": ("category", "team, or solo:NAME"),
    "measure": ("category", "accuracy, jargon_rate, tokens_per_episode, loss, ..."),
    "value": ("float64", "its value"),
}
"""Of `Frames.metrics`: a row a figure of a training run."""
