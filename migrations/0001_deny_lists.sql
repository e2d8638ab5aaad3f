CREATE TABLE `deny_lists` (
	`issuer` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`text` text NOT NULL
);
