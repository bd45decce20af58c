DELETE FROM job WHERE kind = 'document-text';
DROP TABLE document_text;
CREATE TABLE term (
    record BIGINT NOT NULL,
    stem TEXT NOT NULL,
    document BIGINT NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (record, stem, document)
) WITHOUT ROWID;
