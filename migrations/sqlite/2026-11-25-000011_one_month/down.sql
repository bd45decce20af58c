-- The moments stay: they were missing.
SELECT 1;
