DROP TABLE set_document;
DROP TABLE blob_rest;
