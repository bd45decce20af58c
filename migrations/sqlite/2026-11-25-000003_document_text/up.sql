-- The words of a document, for search: folded, one space before each; and the text layer of its PDF files as it was read (zstd JSON),
-- for who opens it. It lives and ends with the document's bytes.
CREATE TABLE document_text (
    record BIGINT NOT NULL,
    document BIGINT NOT NULL,
    words TEXT NOT NULL,
    layers BLOB NOT NULL,
    PRIMARY KEY (record, document)
);

-- A record holds few enough documents that their words are looked through; a table of terms was never filled.
DROP TABLE term;
