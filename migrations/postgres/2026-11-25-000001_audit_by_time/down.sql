CREATE INDEX audit_record ON audit_event (record, number);
DROP INDEX audit_time;
