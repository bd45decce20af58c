-- In place of the moment of the last visit: a moment alone could not tell what was hidden then.
DROP TABLE visit;
-- What a person was given of a record, as he last confirmed it: the commit and the moment of that answer, and each document with its state then.
CREATE TABLE given (
    record BIGINT NOT NULL,
    person TEXT NOT NULL,
    commit_number BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    documents BLOB NOT NULL,
    PRIMARY KEY (record, person)
);
