"""Random tables (tests.strangers): the torch engine and the turn loop write what the reference loop writes."""

from __future__ import annotations

import pytest

from arena.torch_engine.tandem import Tandem
from arena.turns import TurnLoop
from benchmarks.equality import difference, near_tie
from tests.strangers import table
from tests.voices import shared


@pytest.mark.parametrize("seed", range(24))
def test_random_tables_play_alike(seed):
    agents, limit, jobs, wanted = table(seed)
    played = {}
    for rows in (1 + seed % 3, 8):
        played[f"{rows} rows"] = list(Tandem(agents, seed=seed, limit=limit, rows=rows).episodes(jobs))
    if seed % 3 == 0:
        with shared(agents, 3) as models:
            played["the turn loop"] = list(TurnLoop(models, seed=seed, limit=limit, at_once=7).episodes(jobs))
    by_id = {job.id: job for job in jobs}
    for name, episodes in played.items():
        assert sorted(e.id for e in episodes) == sorted(wanted)
        for episode in episodes:
            place = difference(wanted[episode.id], episode)
            job = by_id[episode.id]
            alike = place is None or near_tie(agents, job, episode, place, seed=seed, limit=limit)
            assert alike, f"{name}: {place}"
