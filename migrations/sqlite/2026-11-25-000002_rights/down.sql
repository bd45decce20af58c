DROP INDEX job_once;
DELETE FROM document_author WHERE structure LIKE 'staff:%';
ALTER TABLE document DROP COLUMN class_code;
ALTER TABLE document DROP COLUMN type_code;
ALTER TABLE document ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN masked BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE document SET masked = TRUE WHERE labels / 8 % 2 = 1;
DROP TABLE choice;
