DROP INDEX document_author_of_record;
ALTER TABLE document_author DROP COLUMN record;
