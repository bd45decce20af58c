DROP TABLE given;
-- When a person last confirmed that the key information of a record was shown.
CREATE TABLE visit (
    record BIGINT NOT NULL,
    person TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (record, person)
);
