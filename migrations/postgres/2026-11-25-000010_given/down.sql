DROP TABLE given;
