"""Where the time of runs went: a row a run, the critical path, how fast it could have gone."""
