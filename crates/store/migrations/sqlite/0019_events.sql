-- What of the audit log is sent to whom outside. The log itself is the outbox: an entry is in the transaction of its change, and what was
-- looked at is moved on in the transaction that makes the deliveries.
CREATE TABLE outbox (
    name TEXT    PRIMARY KEY CHECK (name <> ''),
    -- The last entry that was looked at.
    seq  INTEGER NOT NULL CHECK (seq >= 0)
) STRICT;

CREATE TABLE delivery (
    key      INTEGER PRIMARY KEY,
    -- `webhook:NAME` or `mail:NAME`.
    target   TEXT    NOT NULL CHECK (target <> ''),
    seq      INTEGER NOT NULL REFERENCES audit (seq),
    state    TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    -- When it is tried next, or when it ended.
    at       INTEGER NOT NULL,
    -- What the target answered last.
    detail   TEXT    NOT NULL,
    UNIQUE (target, seq)
) STRICT;
CREATE INDEX delivery_due ON delivery (state, at);
CREATE INDEX delivery_of_entry ON delivery (seq);
