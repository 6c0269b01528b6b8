-- Where clients read the files of a version: that of a logged model, or of the version that it was made from.
ALTER TABLE registered_version ADD COLUMN storage_location TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Versions that runs of the platform made since the registry has rows for them, and where clients find their files.
INSERT INTO registered_model (name, project, description, created, updated, last_number)
SELECT model.name, model.project, '', model.created, model.created, 0 FROM model
WHERE NOT EXISTS (SELECT 1 FROM registered_model WHERE registered_model.name = model.name) ORDER BY model.key;

INSERT INTO registered_version (model, number, description, user_id, stage, source, run_id, run_link, logged_model, status,
                                status_message, created, updated)
SELECT registered_model.key, model_version.number, '', '', 'None', '', coalesce(model_version.run, ''), '', NULL, 'ready', '',
       model_version.created, model_version.created
FROM model_version JOIN registered_model ON registered_model.name = model_version.model
WHERE NOT EXISTS (
    SELECT 1 FROM registered_version
    WHERE registered_version.model = registered_model.key AND registered_version.number = model_version.number)
ORDER BY model_version.key;

UPDATE registered_version
SET source = 'mlflow-artifacts:/registered-models/'
    || (SELECT name FROM registered_model WHERE registered_model.key = registered_version.model) || '/' || number;

UPDATE registered_version SET storage_location = source;

UPDATE registered_model
SET last_number = coalesce((SELECT max(number) FROM registered_version WHERE registered_version.model = registered_model.key), 0);

-- What a version of the platform is, for those who search by tags.
INSERT INTO registered_version_tag (version, name, value)
SELECT registered_version.key, 'kilter.state', model_version.state
FROM model_version JOIN registered_model ON registered_model.name = model_version.model
JOIN registered_version ON registered_version.model = registered_model.key AND registered_version.number = model_version.number;

INSERT INTO registered_version_tag (version, name, value)
SELECT registered_version.key, 'kilter.digest', model_version.digest
FROM model_version JOIN registered_model ON registered_model.name = model_version.model
JOIN registered_version ON registered_version.model = registered_model.key AND registered_version.number = model_version.number;

CREATE INDEX registered_version_by_stage ON registered_version (model, stage, number);

-- Clients may have registered versions of a model before it came under its contract: numbers go on behind theirs.
CREATE OR REPLACE FUNCTION version_numbers_have_no_gaps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number IS DISTINCT FROM (SELECT last_number FROM registered_model WHERE name = NEW.model) THEN
        RAISE EXCEPTION 'version numbers have no gaps' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION version_numbers_are_given_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last_number NOT IN (OLD.last_number, OLD.last_number + 1) THEN
        RAISE EXCEPTION 'version numbers are given once, one after the other' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER version_numbers_are_given_once BEFORE UPDATE OF last_number ON registered_model
FOR EACH ROW EXECUTE FUNCTION version_numbers_are_given_once();
