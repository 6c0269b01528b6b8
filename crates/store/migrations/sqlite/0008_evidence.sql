-- What the monitors of an endpoint believe so far: one document, moved on with the readings of the same window.
CREATE TABLE evidence (
    endpoint TEXT    PRIMARY KEY REFERENCES endpoint (name),
    model    TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    -- The end of the last window that it has seen.
    through  INTEGER NOT NULL,
    document TEXT    NOT NULL CHECK (json_valid(document))
) STRICT;
