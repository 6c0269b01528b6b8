-- What was measured over which window, what stayed out of bounds, and what was done about it.
CREATE TABLE reading (
    key          INTEGER PRIMARY KEY,
    endpoint     TEXT    NOT NULL REFERENCES endpoint (name),
    monitor      TEXT    NOT NULL CHECK (monitor IN ('data', 'performance', 'drift', 'bias', 'usage')),
    metric       TEXT    NOT NULL CHECK (metric <> ''),
    window_start INTEGER NOT NULL,
    window_end   INTEGER NOT NULL CHECK (window_end >= window_start),
    -- NULL: not measured. Never zero, never a pass.
    value        REAL,
    low          REAL,
    high         REAL,
    count        INTEGER NOT NULL CHECK (count >= 0),
    -- NULL: no rule is about it.
    verdict      TEXT    CHECK (verdict IN ('passed', 'failed', 'undecided')),
    as_of        INTEGER NOT NULL,
    estimated    INTEGER NOT NULL CHECK (estimated IN (0, 1)),
    model        TEXT,
    number       INTEGER,
    detail       TEXT    NOT NULL CHECK (json_valid(detail)),
    CHECK (value IS NOT NULL OR coalesce(verdict, 'undecided') = 'undecided'),
    UNIQUE (endpoint, monitor, metric, window_start, window_end, as_of, estimated)
) STRICT;

CREATE INDEX reading_by_endpoint ON reading (endpoint, key);
CREATE INDEX reading_by_window ON reading (endpoint, metric, window_end);

CREATE TABLE alert (
    key          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    endpoint     TEXT    NOT NULL REFERENCES endpoint (name),
    alert_key    TEXT    NOT NULL CHECK (alert_key <> ''),
    monitor      TEXT    NOT NULL CHECK (monitor IN ('data', 'performance', 'drift', 'bias', 'usage')),
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'firing', 'acknowledged', 'muted', 'resolved')),
    -- Windows in a row: out of bounds while it is pending, in bounds afterwards. Counting is no change of state.
    windows      INTEGER NOT NULL CHECK (windows >= 0),
    muted_until  INTEGER,
    opened       INTEGER NOT NULL,
    fired        INTEGER,
    acknowledged INTEGER,
    resolved     INTEGER,
    detail       TEXT    NOT NULL CHECK (json_valid(detail)),
    audit_seq    INTEGER NOT NULL REFERENCES audit (seq),
    CHECK ((state = 'resolved') = (resolved IS NOT NULL)),
    CHECK ((state = 'muted') = (muted_until IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX one_open_alert_per_key ON alert (alert_key) WHERE state <> 'resolved';
CREATE INDEX alert_by_endpoint ON alert (endpoint, key);
CREATE INDEX alert_that_is_open ON alert (key) WHERE state <> 'resolved';

CREATE TRIGGER an_alert_begins_with_its_entry BEFORE INSERT ON alert
WHEN NEW.state NOT IN ('pending', 'firing') OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'alert:' || NEW.id AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'an alert begins pending or firing, with its audit entry');
END;

-- A mute is written with its end, in milliseconds: `muted 1764000000000`.
CREATE TRIGGER an_alert_moves_with_its_entry BEFORE UPDATE OF state, muted_until, audit_seq ON alert
WHEN NEW.audit_seq <= OLD.audit_seq OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'alert:' || NEW.id
      AND before = OLD.state || coalesce(' ' || OLD.muted_until, '')
      AND after = NEW.state || coalesce(' ' || NEW.muted_until, '')
)
BEGIN
    SELECT RAISE(ABORT, 'an alert changes its state only with its audit entry');
END;

CREATE TRIGGER a_resolved_alert_stays_so BEFORE UPDATE OF state ON alert
WHEN OLD.state = 'resolved'
BEGIN
    SELECT RAISE(ABORT, 'it is over; the next breach opens a new alert');
END;

CREATE TRIGGER an_alert_keeps_its_identity BEFORE UPDATE OF id, endpoint, alert_key, monitor, opened ON alert
BEGIN
    SELECT RAISE(ABORT, 'an alert keeps its endpoint and key');
END;

CREATE TRIGGER an_alert_is_never_deleted BEFORE DELETE ON alert
BEGIN
    SELECT RAISE(ABORT, 'an alert is never deleted: resolve it');
END;

-- A bound that a rule was judged by, and since when. The row without an end holds now.
CREATE TABLE threshold (
    key       INTEGER PRIMARY KEY,
    project   TEXT    NOT NULL REFERENCES project (name),
    rule      TEXT    NOT NULL CHECK (rule <> ''),
    low       REAL,
    high      REAL,
    since     INTEGER NOT NULL,
    until     INTEGER CHECK (until >= since),
    reason   TEXT    NOT NULL CHECK (json_valid(reason)),
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE UNIQUE INDEX one_threshold_holds ON threshold (project, rule) WHERE until IS NULL;
CREATE INDEX threshold_by_project ON threshold (project, key);
CREATE INDEX threshold_by_rule ON threshold (project, rule, key);

CREATE TABLE retrain_decision (
    key         INTEGER PRIMARY KEY,
    project     TEXT    NOT NULL REFERENCES project (name),
    cause       TEXT    NOT NULL CHECK (json_valid(cause)),
    outcome     TEXT    NOT NULL CHECK (outcome IN ('started', 'skipped', 'refused')),
    run         TEXT    REFERENCES run (id),
    -- What kept it from starting.
    blocker     TEXT    CHECK (json_valid(blocker)),
    reason     TEXT    NOT NULL CHECK (reason <> ''),
    at          INTEGER NOT NULL,
    audit_seq   INTEGER NOT NULL REFERENCES audit (seq),
    CHECK (outcome <> 'started' OR run IS NOT NULL),
    CHECK ((outcome = 'skipped') = (blocker IS NOT NULL))
) STRICT;

CREATE INDEX retrain_decision_by_project ON retrain_decision (project, key);
