DROP TABLE blob_rest;
