CREATE TABLE entries (
  id INTEGER PRIMARY KEY,
  author TEXT NOT NULL,
  message TEXT NOT NULL,
  written_at INTEGER NOT NULL
);
