-- The first schema. Keys begin with the record number; every commit has a number; a row says from which commit until which it holds.

-- environment, instance and secret of this database
CREATE TABLE setting (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);

-- one row per commit: its number and its time (µs, UTC)
CREATE TABLE commit_log (
    number BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (number)
);

-- one row per patient record; 0 = shared resources. `data_key` has its place for encryption at rest
CREATE TABLE record (
    number BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    pseudonym TEXT NOT NULL,
    data_key BYTEA,
    PRIMARY KEY (number)
);
CREATE UNIQUE INDEX record_pseudonym ON record (pseudonym);

-- a record merged into another; a merge rewrites no row and can be undone
CREATE TABLE record_alias (
    number BIGINT NOT NULL,
    target BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    PRIMARY KEY (number)
);

-- (type, id) → where it lives; `document` <> 0 and `rid` = 0: a fact inside that document's block
CREATE TABLE directory (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    record BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    document BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- business identifiers, found without knowing the record
CREATE TABLE identifier (
    value TEXT NOT NULL,
    system TEXT NOT NULL,
    kind TEXT NOT NULL,
    rid BIGINT NOT NULL,
    record BIGINT NOT NULL,
    PRIMARY KEY (value, system, kind, rid)
);

-- every version of every resource, without its body
CREATE TABLE version (
    record BIGINT NOT NULL,
    kind TEXT NOT NULL,
    rid BIGINT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    document BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    until_commit BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL,
    at_us BIGINT NOT NULL,
    date_us BIGINT NOT NULL,
    PRIMARY KEY (record, kind, rid, number)
);

-- JSON bytes of a version (zstd), where lastUpdated is stamped, and the reference spans cut on the way out
CREATE TABLE body (
    record BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    number BIGINT NOT NULL,
    stamp INTEGER NOT NULL,
    cuts BYTEA,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (record, rid, number)
);

-- interned (system, code) pairs
CREATE TABLE symbol (
    number BIGINT NOT NULL,
    code TEXT NOT NULL,
    system TEXT NOT NULL,
    PRIMARY KEY (number)
);
CREATE UNIQUE INDEX symbol_code ON symbol (code, system);

-- index rows of token parameters
CREATE TABLE token_value (
    record BIGINT NOT NULL,
    param SMALLINT NOT NULL,
    symbol BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    until_commit BIGINT NOT NULL,
    PRIMARY KEY (record, param, symbol, rid, from_commit)
);

-- index rows of date parameters: [low, high] in µs UTC
CREATE TABLE date_value (
    record BIGINT NOT NULL,
    param SMALLINT NOT NULL,
    low_us BIGINT NOT NULL,
    high_us BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    until_commit BIGINT NOT NULL,
    PRIMARY KEY (record, param, low_us, rid, from_commit)
);

-- index rows of string and uri parameters, folded
CREATE TABLE string_value (
    record BIGINT NOT NULL,
    param SMALLINT NOT NULL,
    value TEXT NOT NULL,
    rid BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    until_commit BIGINT NOT NULL,
    PRIMARY KEY (record, param, value, rid, from_commit)
);

-- index rows of reference parameters
CREATE TABLE reference_value (
    record BIGINT NOT NULL,
    param SMALLINT NOT NULL,
    target TEXT NOT NULL,
    rid BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    until_commit BIGINT NOT NULL,
    PRIMARY KEY (record, param, target, rid, from_commit)
);

-- one row per document: everything the visibility condition needs. Row 0 stands for resources of no document
CREATE TABLE document (
    number BIGINT NOT NULL,
    record BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    chain BIGINT NOT NULL,
    unique_value TEXT NOT NULL,
    unique_system TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    size_bytes BIGINT NOT NULL,
    mime TEXT NOT NULL,
    labels INTEGER NOT NULL,
    masked BOOLEAN NOT NULL,
    superseded BOOLEAN NOT NULL,
    archived BOOLEAN NOT NULL,
    deleted BOOLEAN NOT NULL,
    visible_from_us BIGINT NOT NULL,
    from_commit BIGINT NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX document_unique ON document (unique_value, unique_system);
CREATE INDEX document_chain ON document (chain);
CREATE INDEX document_record ON document (record, number);

-- structures that stand behind a document: its authors' and its depositor's
CREATE TABLE document_author (
    document BIGINT NOT NULL,
    structure TEXT NOT NULL,
    PRIMARY KEY (document, structure)
);

-- the bytes of a document exactly as they came (zstd when that is smaller)
CREATE TABLE blob (
    record BIGINT NOT NULL,
    document BIGINT NOT NULL,
    codec SMALLINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (record, document)
);

-- the facts derived from one document, as one compressed block
CREATE TABLE fact_block (
    record BIGINT NOT NULL,
    document BIGINT NOT NULL,
    mapping TEXT NOT NULL,
    facts INTEGER NOT NULL,
    from_commit BIGINT NOT NULL,
    until_commit BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (record, document, from_commit)
);

-- answers of requests that are safe to send again, by submission identifier
CREATE TABLE receipt (
    key TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    answer BYTEA NOT NULL,
    PRIMARY KEY (key)
);
CREATE INDEX receipt_age ON receipt (at_us);

-- who did what, in order; chained by hash
CREATE TABLE audit_event (
    number BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    record BIGINT NOT NULL,
    commit_number BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX audit_record ON audit_event (record, number);

-- background work: decided again for every item
CREATE TABLE job (
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    due_us BIGINT NOT NULL,
    argument TEXT NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX job_due ON job (due_us) WHERE state = 'waiting';

-- full-text terms of a document (folded stems); not filled yet
CREATE TABLE term (
    record BIGINT NOT NULL,
    stem TEXT NOT NULL,
    document BIGINT NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (record, stem, document)
);

INSERT INTO record (number, from_commit, pseudonym) VALUES (0, 0, 'shared');
INSERT INTO document (number, record, rid, chain, unique_value, unique_system, sha256, size_bytes, mime, labels, masked, superseded, archived, deleted, visible_from_us, from_commit)
    VALUES (0, 0, 0, 0, '', '', ''::bytea, 0, '', 0, FALSE, FALSE, FALSE, FALSE, 0, 0);
