-- A contract that would loosen what versions are judged by, until a validator decides.

CREATE TABLE policy_proposal (
    key       INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    project   TEXT NOT NULL REFERENCES project (name),
    base      TEXT NOT NULL CHECK (length(base) = 64),
    digest    TEXT NOT NULL CHECK (length(digest) = 64),
    text      TEXT NOT NULL,
    changes   TEXT NOT NULL CHECK (json_valid(changes)),
    state     TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'rejected', 'superseded')),
    by        TEXT NOT NULL CHECK (by <> ''),
    created   INTEGER NOT NULL,
    decided_by TEXT,
    decided   INTEGER,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    CHECK ((state = 'open') = (decided IS NULL))
) STRICT;

CREATE INDEX policy_proposal_by_project ON policy_proposal (project, key);


CREATE TRIGGER a_proposal_begins_with_its_entry BEFORE INSERT ON policy_proposal
WHEN NEW.state <> 'open' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'policy_proposal:' || NEW.id AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a proposal begins with its audit entry');
END;

CREATE TRIGGER a_proposal_moves_with_its_entry BEFORE UPDATE OF state, audit_seq ON policy_proposal
WHEN NEW.audit_seq <= OLD.audit_seq OR OLD.state <> 'open' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'policy_proposal:' || NEW.id AND before = OLD.state AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a proposal is decided once, with its audit entry');
END;

CREATE TRIGGER a_proposal_is_never_edited BEFORE UPDATE OF id, project, base, digest, text, changes, by, created ON policy_proposal
BEGIN
    SELECT RAISE(ABORT, 'a proposal is never edited: propose again');
END;

CREATE TRIGGER a_proposal_is_never_deleted BEFORE DELETE ON policy_proposal
BEGIN
    SELECT RAISE(ABORT, 'a proposal is never deleted');
END;

-- A deployment that went past its approval, and what the review afterwards said.

CREATE TABLE break_glass (
    key       INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    endpoint  TEXT NOT NULL REFERENCES endpoint (name),
    model     TEXT NOT NULL,
    number    INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('open', 'justified', 'unjustified')),
    by        TEXT NOT NULL CHECK (by <> ''),
    reason    TEXT NOT NULL CHECK (reason <> ''),
    at        INTEGER NOT NULL,
    due       INTEGER NOT NULL CHECK (due > at),
    reviewed_by TEXT,
    reviewed  INTEGER,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    CHECK ((state = 'open') = (reviewed IS NULL)),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

CREATE INDEX break_glass_by_version ON break_glass (model, number, key);
CREATE INDEX break_glass_that_waits ON break_glass (due) WHERE state = 'open';

CREATE TRIGGER a_break_glass_begins_with_its_entry BEFORE INSERT ON break_glass
WHEN NEW.state <> 'open' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'break_glass:' || NEW.id AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a break-glass begins with its audit entry');
END;

CREATE TRIGGER a_break_glass_moves_with_its_entry BEFORE UPDATE OF state, audit_seq ON break_glass
WHEN NEW.audit_seq <= OLD.audit_seq OR OLD.state <> 'open' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'break_glass:' || NEW.id AND before = OLD.state AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a break-glass is reviewed once, with its audit entry');
END;

CREATE TRIGGER a_break_glass_is_never_edited BEFORE UPDATE OF id, endpoint, model, number, by, reason, at, due ON break_glass
BEGIN
    SELECT RAISE(ABORT, 'a break-glass is never edited');
END;

CREATE TRIGGER a_break_glass_is_never_deleted BEFORE DELETE ON break_glass
BEGIN
    SELECT RAISE(ABORT, 'a break-glass is never deleted');
END;
