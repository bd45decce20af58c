-- Whether a caller stands behind anything in a record is asked once, not of every document that is hidden from him.
ALTER TABLE document_author ADD COLUMN record BIGINT NOT NULL DEFAULT 0;
UPDATE document_author SET record = COALESCE((SELECT document.record FROM document WHERE document.number = document_author.document), 0);
CREATE INDEX document_author_of_record ON document_author (record, structure);
