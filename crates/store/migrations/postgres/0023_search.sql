-- A run that has not begun comes last, as searches sort; PostgreSQL would put it first.
DROP INDEX tracked_run_by_start;
CREATE INDEX tracked_run_by_start ON tracked_run (experiment, started DESC NULLS LAST, id);
