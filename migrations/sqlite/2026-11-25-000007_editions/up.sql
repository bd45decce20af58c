-- The texts of tables that persons decide (habilitation matrix, ranking profiles), from when they were in force: what was shown on an
-- earlier day is worked out again under the tables of that day.
CREATE TABLE edition (
    kind TEXT NOT NULL,
    from_us BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (kind, from_us)
);
