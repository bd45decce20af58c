-- The trail is asked by time; nothing asks it by record.
CREATE INDEX audit_time ON audit_event (at_us);
DROP INDEX audit_record;
