-- The index by start is in the order of searches already: for SQLite what is missing is the smallest. PostgreSQL needs another.
DROP INDEX tracked_run_by_start;
CREATE INDEX tracked_run_by_start ON tracked_run (experiment, started DESC, id);
