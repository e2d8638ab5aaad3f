-- Full-text search over the newest text of each page, kept by the database itself.
CREATE VIRTUAL TABLE `search` USING fts5(`title`, `body`, content='pages', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3');
--> statement-breakpoint
CREATE TRIGGER `pages_inserted` AFTER INSERT ON `pages` BEGIN
  INSERT INTO `search`(rowid, `title`, `body`) VALUES (new.`id`, new.`title`, new.`body`);
END;
--> statement-breakpoint
CREATE TRIGGER `pages_changed` AFTER UPDATE OF `title`, `body` ON `pages` BEGIN
  INSERT INTO `search`(`search`, rowid, `title`, `body`) VALUES ('delete', old.`id`, old.`title`, old.`body`);
  INSERT INTO `search`(rowid, `title`, `body`) VALUES (new.`id`, new.`title`, new.`body`);
END;
