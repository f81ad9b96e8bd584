"""Plays whole lives of runs in virtual time: the real code of `shared/runs` and `shared/notices`, all else a model."""
