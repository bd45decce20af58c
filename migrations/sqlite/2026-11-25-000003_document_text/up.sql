-- The words of a document, for search: folded, one space before each; and the text layer of its PDF files as it was read (zstd JSON),
-- for who opens it. It lives and ends with the document's bytes.
CREATE TABLE document_text (
    record BIGINT NOT NULL,
    document BIGINT NOT NULL,
    words TEXT NOT NULL,
    layers BLOB NOT NULL,
    PRIMARY KEY (record, document)
);

-- The words of the documents that are here are read in the background.
INSERT INTO job (number, kind, state, due_us, argument)
    SELECT (SELECT COALESCE(MAX(number), 0) FROM job) + document.number, 'document-text', 'waiting', 0, '{"document":' || document.number || ',"attempt":0}'
    FROM document WHERE document.record <> 0 AND NOT document.deleted;

-- A record holds few enough documents that their words are looked through; a table of terms was never filled.
DROP TABLE term;
