-- The pieces of a large document after the first: its bytes are written and read piece by piece.
CREATE TABLE blob_rest (
    record BIGINT NOT NULL,
    document BIGINT NOT NULL,
    part INTEGER NOT NULL,
    codec SMALLINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (record, document, part)
);
