-- The same rows in a site's database and in the files of the programs beside it.
CREATE TABLE rows (id INTEGER PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
INSERT INTO rows (title, text) SELECT printf('Row %d', i), printf('%x, %x and %x', i * 2654435761 % 4294967296, i * 40503 % 65536, i * i * 2246822519 % 4294967296) FROM n;
