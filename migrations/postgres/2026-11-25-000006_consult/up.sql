-- When a person last said to have understood that access is traced under his name.
CREATE TABLE notice_read (
    person TEXT PRIMARY KEY NOT NULL,
    at_us BIGINT NOT NULL
);
