-- How far the log of an endpoint was moved into partitions. The row is there from the day on which its folder was made:
-- a folder that is missing later was lost, and its numbers go on behind these.
CREATE TABLE recording (
    endpoint       TEXT COLLATE "C"  PRIMARY KEY REFERENCES endpoint (name),
    -- The last segment of which every record stands in a partition.
    sealed_through BIGINT NOT NULL CHECK (sealed_through >= 0),
    -- No record that is not sealed yet has a lower sequence number.
    next_sequence  BIGINT NOT NULL CHECK (next_sequence >= 1)
);

-- The number of the larger partition that holds these rows since. Readers take that one; the file goes some time later.
ALTER TABLE partition ADD COLUMN merged_into BIGINT;

-- The files in which what was served is counted, an hour each: one that is missing is known to be missing.
CREATE TABLE served_file (
    endpoint TEXT COLLATE "C"  NOT NULL REFERENCES endpoint (name),
    -- Below the folder of the endpoint.
    path     TEXT COLLATE "C"  NOT NULL CHECK (path <> ''),
    hour     BIGINT NOT NULL,
    PRIMARY KEY (endpoint, path)
);
