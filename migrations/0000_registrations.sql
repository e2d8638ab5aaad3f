CREATE TABLE `liars` (
	`peer` text PRIMARY KEY NOT NULL,
	`job` text NOT NULL,
	`kind` text NOT NULL,
	`evidence` text NOT NULL,
	`proof` text NOT NULL,
	`updated` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `liars_updated` ON `liars` (`updated`);--> statement-breakpoint
CREATE TABLE `network_parts` (
	`version` integer NOT NULL,
	`part` integer NOT NULL,
	`parts` integer NOT NULL,
	`text` text NOT NULL,
	PRIMARY KEY(`version`, `part`)
);
--> statement-breakpoint
CREATE TABLE `registrations` (
	`peer` text PRIMARY KEY NOT NULL,
	`record` text NOT NULL,
	`time` integer NOT NULL,
	`skew_ms` integer NOT NULL,
	`lease_until` integer NOT NULL,
	`updated` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `registrations_updated` ON `registrations` (`updated`);--> statement-breakpoint
CREATE INDEX `registrations_lease_until` ON `registrations` (`lease_until`);