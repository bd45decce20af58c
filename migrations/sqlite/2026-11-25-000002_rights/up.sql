-- What was decided about a record, as the conditions look at it: by whom it may be read, by whom not, until when. `holder` is a
-- person (ps:…), a structure, or empty when it is about everybody; `rid` is the resource that says so.
CREATE TABLE choice (
    record BIGINT NOT NULL,
    holder TEXT NOT NULL,
    kind SMALLINT NOT NULL,
    rid BIGINT NOT NULL,
    until_us BIGINT NOT NULL,
    PRIMARY KEY (record, holder, kind, rid)
) WITHOUT ROWID;

-- The matrix decides on type and class. The mask is one of the labels; the size stands in the DocumentReference.
ALTER TABLE document DROP COLUMN masked;
ALTER TABLE document DROP COLUMN size_bytes;
ALTER TABLE document ADD COLUMN type_code TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN class_code TEXT NOT NULL DEFAULT '';
UPDATE document SET type_code = COALESCE((SELECT MIN(symbol.code) FROM token_value INNER JOIN symbol ON symbol.number = token_value.symbol
    WHERE token_value.record = document.record AND token_value.rid = document.rid AND token_value.param = 2 AND token_value.until_commit = 9223372036854775807), '')
    WHERE number <> 0;
UPDATE document SET class_code = COALESCE((SELECT MIN(symbol.code) FROM token_value INNER JOIN symbol ON symbol.number = token_value.symbol
    WHERE token_value.record = document.record AND token_value.rid = document.rid AND token_value.param = 3 AND token_value.until_commit = 9223372036854775807), '')
    WHERE number <> 0;

-- A person of a structure stands behind what the structure deposited without naming a person.
INSERT INTO document_author (document, structure) SELECT document, 'staff:' || structure FROM document_author;

-- What is not yet visible to the patient becomes so after a month (31 days for what was here before): CSP R.1111-53.
UPDATE document SET visible_from_us = COALESCE((SELECT commit_log.at_us FROM commit_log WHERE commit_log.number = document.from_commit), 0) + 2678400000000
    WHERE labels / 16 % 2 = 1;

-- The same work is asked once.
CREATE UNIQUE INDEX job_once ON job (kind, argument);
