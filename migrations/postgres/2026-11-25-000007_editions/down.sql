DROP TABLE edition;
