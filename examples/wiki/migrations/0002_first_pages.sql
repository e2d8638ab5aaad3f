-- The pages that a new wiki begins with. Made by seed.ts from pages/*.md.
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (1, 1, NULL, 'Deterministic runtime', 'Every member must get the same bytes from the same request. So a script runs as a pure function:

```
run(image, state, request, time, seed, fuel) → answer, new state, fuel used
```

## What a script sees

The API of a Worker: `fetch(request, env)`, a database `env.DB` with SQL, `env.KV`, `env.FILES`, the usual web platform. Stock [Hono](https://hono.dev) applications and drizzle run unchanged; this wiki is one.

## What it does not see

- **A clock of its own.** `Date.now()` is the time of the agreed block.
- **Dice of its own.** Random numbers come from a seed that nobody outside the group can guess.
- **The outside.** There is no `fetch` to elsewhere: two members would get two answers.
- **Yesterday.** Memory is restored before each request; what should last belongs into the database.

## How work is bounded

Every instruction costs *fuel*, counted in the machine code itself. A loop without end, a regular expression that explodes, a page that asks for a gigabyte: each ends alone, at the same instruction on every member, and the next request finds everything as it was.

## Secrets

The members of a group can read what a script reads. A key in a script is no secret; data that must stay private has to be encrypted in the browser before it is sent.', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (1, 'deterministic-runtime', 'Deterministic runtime', 1, 'Every member must get the same bytes from the same request. So a script runs as a pure function:

```
run(image, state, request, time, seed, fuel) → answer, new state, fuel used
```

## What a script sees

The API of a Worker: `fetch(request, env)`, a database `env.DB` with SQL, `env.KV`, `env.FILES`, the usual web platform. Stock [Hono](https://hono.dev) applications and drizzle run unchanged; this wiki is one.

## What it does not see

- **A clock of its own.** `Date.now()` is the time of the agreed block.
- **Dice of its own.** Random numbers come from a seed that nobody outside the group can guess.
- **The outside.** There is no `fetch` to elsewhere: two members would get two answers.
- **Yesterday.** Memory is restored before each request; what should last belongs into the database.

## How work is bounded

Every instruction costs *fuel*, counted in the machine code itself. A loop without end, a regular expression that explodes, a page that asks for a gigabyte: each ends alone, at the same instruction on every member, and the next request finds everything as it was.

## Secrets

The members of a group can read what a script reads. A key in a script is no secret; data that must stay private has to be encrypted in the browser before it is sent.', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (2, 2, NULL, 'Interpeer wiki', 'Welcome. This wiki runs on the machines of people who do not know each other. There is no server: a [[Peer-group]] of four members keeps it, runs every edit in the same [[Deterministic runtime]], and lets it count only when they agree by signed hashes.

Everybody may edit every page. What you change is in the history, and so is what was there before.

## Begin here

- [[How a write is agreed]]: what happens between your click and the next page.
- [[Reading and receipts]]: why an answer from one machine can be checked by anybody.
- [[Publish a site]]: from an empty folder to a link in a few minutes.
- [[Run a seeder]]: lend a little of your machine.
- [[What can go wrong]]: crashes, silence and lies, and what each of them costs.
- [[Words we use]]: the terms, beside those of the field.

## Try it

Edit this page, or [write a new one](/new). Then open the same page at another member of the group: it is there too. The [recent changes](/recent) show who did what.', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (2, 'home', 'Interpeer wiki', 2, 'Welcome. This wiki runs on the machines of people who do not know each other. There is no server: a [[Peer-group]] of four members keeps it, runs every edit in the same [[Deterministic runtime]], and lets it count only when they agree by signed hashes.

Everybody may edit every page. What you change is in the history, and so is what was there before.

## Begin here

- [[How a write is agreed]]: what happens between your click and the next page.
- [[Reading and receipts]]: why an answer from one machine can be checked by anybody.
- [[Publish a site]]: from an empty folder to a link in a few minutes.
- [[Run a seeder]]: lend a little of your machine.
- [[What can go wrong]]: crashes, silence and lies, and what each of them costs.
- [[Words we use]]: the terms, beside those of the field.

## Try it

Edit this page, or [write a new one](/new). Then open the same page at another member of the group: it is there too. The [recent changes](/recent) show who did what.', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (3, 3, NULL, 'How a write is agreed', 'A write is any request that is not GET, HEAD or OPTIONS: your edit of this page, for example.

## The way of one request

1. Your browser sends the form to one member of the [[Peer-group]]. It takes the request, adds sixteen random bytes of salt, and shares it with the others.
2. The *leader* of the moment puts waiting requests in order, runs them, and proposes a **block**: their hashes, the hash of every answer, and the hash of the state that follows.
3. Every other member runs the same requests on the same state. Same code, same clock, same dice: the [[Deterministic runtime]] leaves nothing to chance that is not agreed.
4. A member whose hashes are the same votes. Three votes of four make a first certificate; everyone who sees it votes a second time, and three of those make the block final.
5. Only now does the member that took your request answer you. The answer carries the certificate and the path from your request to it.

## Why two rounds

After the first round a member *knows* that most agree; after the second it knows that most *know*. A leader that stops between the two leaves nothing undecided: whoever saw the first certificate is locked on that block, and the next leader proposes it again.

## How long it takes

Three messages across the group and one execution at each member. On one machine that is some milliseconds; across a continent, some tenths of a second. Requests that arrive together travel in one block.', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (3, 'how-a-write-is-agreed', 'How a write is agreed', 3, 'A write is any request that is not GET, HEAD or OPTIONS: your edit of this page, for example.

## The way of one request

1. Your browser sends the form to one member of the [[Peer-group]]. It takes the request, adds sixteen random bytes of salt, and shares it with the others.
2. The *leader* of the moment puts waiting requests in order, runs them, and proposes a **block**: their hashes, the hash of every answer, and the hash of the state that follows.
3. Every other member runs the same requests on the same state. Same code, same clock, same dice: the [[Deterministic runtime]] leaves nothing to chance that is not agreed.
4. A member whose hashes are the same votes. Three votes of four make a first certificate; everyone who sees it votes a second time, and three of those make the block final.
5. Only now does the member that took your request answer you. The answer carries the certificate and the path from your request to it.

## Why two rounds

After the first round a member *knows* that most agree; after the second it knows that most *know*. A leader that stops between the two leaves nothing undecided: whoever saw the first certificate is locked on that block, and the next leader proposes it again.

## How long it takes

Three messages across the group and one execution at each member. On one machine that is some milliseconds; across a continent, some tenths of a second. Requests that arrive together travel in one block.', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (4, 4, NULL, 'Peer-group', 'A *peer-group* is the small set of [[Run a seeder|seeders]] that hosts one site at a time. Nobody in it is in charge, and nobody chose to be in it.

## How many, and how many must agree

Heads are counted. A group of N decides with a quorum of q = ⌊2N/3⌋ + 1.

| members | quorum | goes on without | a forgery needs |
|---|---|---|---|
| 3 (all must agree) | 3 | nobody | 3 |
| **4** | 3 | 1 | 3 |
| 7 | 5 | 2 | 5 |
| 10 | 7 | 3 | 7 |

Four is the default: a home machine that restarts must not stop a site''s writes.

## Why strangers can be trusted together

One stranger can lie. That three of four lie *in the same way*, when a public draw put them together, is rare; and it shows, because a lie is a signed statement that any honest member can hold beside another one. See [[What can go wrong]].

## What a member keeps

- the agreed state of the site: its files and databases, named by their hashes;
- the last certificates, each with the votes of the quorum;
- its own votes, on disk *before* they are sent, so that a crash never makes it say two things.', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (4, 'peer-group', 'Peer-group', 4, 'A *peer-group* is the small set of [[Run a seeder|seeders]] that hosts one site at a time. Nobody in it is in charge, and nobody chose to be in it.

## How many, and how many must agree

Heads are counted. A group of N decides with a quorum of q = ⌊2N/3⌋ + 1.

| members | quorum | goes on without | a forgery needs |
|---|---|---|---|
| 3 (all must agree) | 3 | nobody | 3 |
| **4** | 3 | 1 | 3 |
| 7 | 5 | 2 | 5 |
| 10 | 7 | 3 | 7 |

Four is the default: a home machine that restarts must not stop a site''s writes.

## Why strangers can be trusted together

One stranger can lie. That three of four lie *in the same way*, when a public draw put them together, is rare; and it shows, because a lie is a signed statement that any honest member can hold beside another one. See [[What can go wrong]].

## What a member keeps

- the agreed state of the site: its files and databases, named by their hashes;
- the last certificates, each with the votes of the quorum;
- its own votes, on disk *before* they are sent, so that a crash never makes it say two things.', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (5, 5, NULL, 'Publish a site', 'You need Node and a network. `npm start` in a clone of the project gives you a whole one on your own machine.

## From nothing to a link

```
npx interpeer init my-site
cd my-site
npx interpeer dev
npx interpeer publish --network ../.interpeer/local/network.json
```

`dev` runs four real replicas in one process and reloads when you save. `publish` bundles the script, signs it with your key, uploads it to the group that hash order gave you, and waits until they agreed to run it.

## Changing it

Publish again. The new code travels as one more ordered request, database migrations included: either every member switches at the same height, or none does. If the new code was a mistake, `interpeer publish --rollback` goes back to the code before.

## Your key

The key that published a site is the only one that can change its code. It stands in one file on your machine. Keep a copy somewhere safe: nobody can replace it. What *visitors* write needs no key at all.

## A site of files

A folder of HTML needs no script:

```jsonc
{
  "name": "my-site",
  "assets": { "directory": "public" }
}
```', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (5, 'publish-a-site', 'Publish a site', 5, 'You need Node and a network. `npm start` in a clone of the project gives you a whole one on your own machine.

## From nothing to a link

```
npx interpeer init my-site
cd my-site
npx interpeer dev
npx interpeer publish --network ../.interpeer/local/network.json
```

`dev` runs four real replicas in one process and reloads when you save. `publish` bundles the script, signs it with your key, uploads it to the group that hash order gave you, and waits until they agreed to run it.

## Changing it

Publish again. The new code travels as one more ordered request, database migrations included: either every member switches at the same height, or none does. If the new code was a mistake, `interpeer publish --rollback` goes back to the code before.

## Your key

The key that published a site is the only one that can change its code. It stands in one file on your machine. Keep a copy somewhere safe: nobody can replace it. What *visitors* write needs no key at all.

## A site of files

A folder of HTML needs no script:

```jsonc
{
  "name": "my-site",
  "assets": { "directory": "public" }
}
```', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (6, 6, NULL, 'Reading and receipts', 'Reading asks only one member, so it is as quick as any web server. What makes it checkable is what comes with the page.

## The receipt

Each answer carries a **receipt**: a signed statement “to *this* request, on *this* agreed state, I answered with *this* hash”. Beside it is the group''s certificate of that state, with its time.

- The certificate shows that a quorum agreed on the state.
- The receipt binds the machine that served you to its answer.
- Anybody who has the state can run the request again. A different result is proof of a lie, signed by the liar.

## Check it

```
npx interpeer verify http://127.0.0.1:8787/wiki/ --network .interpeer/local/network.json
```

`verify` asks for the page, checks every signature and hash, compares with another member, and says what it checked. With `--save` it keeps the answer in a file; flip any byte of it, and `verify --from` refuses it.

## What a plain browser gets

A plain browser checks nothing. It is not protected from a member that lies to it; the gateway stops sending visitors to one that was proven to lie. See [[What can go wrong]].', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (6, 'reading-and-receipts', 'Reading and receipts', 6, 'Reading asks only one member, so it is as quick as any web server. What makes it checkable is what comes with the page.

## The receipt

Each answer carries a **receipt**: a signed statement “to *this* request, on *this* agreed state, I answered with *this* hash”. Beside it is the group''s certificate of that state, with its time.

- The certificate shows that a quorum agreed on the state.
- The receipt binds the machine that served you to its answer.
- Anybody who has the state can run the request again. A different result is proof of a lie, signed by the liar.

## Check it

```
npx interpeer verify http://127.0.0.1:8787/wiki/ --network .interpeer/local/network.json
```

`verify` asks for the page, checks every signature and hash, compares with another member, and says what it checked. With `--save` it keeps the answer in a file; flip any byte of it, and `verify --from` refuses it.

## What a plain browser gets

A plain browser checks nothing. It is not protected from a member that lies to it; the gateway stops sending visitors to one that was proven to lie. See [[What can go wrong]].', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (7, 7, NULL, 'Run a seeder', 'A seeder is a program without a window that lends a bit of a machine, at home or in a data centre, to sites.

```
npx interpeer seed --dir ./my-seeder --network network.json
```

## What it does

- It holds a key; the key *is* its identity. The key file never leaves the directory.
- It joins the [[Peer-group|groups]] that the network puts it in.
- It keeps the state of their sites, runs their requests, votes, and answers visitors over HTTP.
- It tells the gateway every few seconds that it lives.

## What it needs

A little memory, a disk that keeps what it was told to keep, and a clock that is right to a few seconds. If it crashes or loses power, start it again: what it had promised is on disk, and what it missed it fetches from the others.

## How it is

`interpeer status` shows every site''s height, leader and members. A seeder that cannot write to its disk says `degraded` and stops voting: silence is harmless, a forgotten vote is not.', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (7, 'run-a-seeder', 'Run a seeder', 7, 'A seeder is a program without a window that lends a bit of a machine, at home or in a data centre, to sites.

```
npx interpeer seed --dir ./my-seeder --network network.json
```

## What it does

- It holds a key; the key *is* its identity. The key file never leaves the directory.
- It joins the [[Peer-group|groups]] that the network puts it in.
- It keeps the state of their sites, runs their requests, votes, and answers visitors over HTTP.
- It tells the gateway every few seconds that it lives.

## What it needs

A little memory, a disk that keeps what it was told to keep, and a clock that is right to a few seconds. If it crashes or loses power, start it again: what it had promised is on disk, and what it missed it fetches from the others.

## How it is

`interpeer status` shows every site''s height, leader and members. A seeder that cannot write to its disk says `degraded` and stops voting: silence is harmless, a forgotten vote is not.', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (8, 8, NULL, 'What can go wrong', '## A member stops

Silence is normal. The others go on as long as a quorum is there: three of four. A silent *leader* costs one time-out, then the next member leads. When the member comes back it reads its own votes from disk, asks the others what it missed, and checks it by running it again.

Silence is counted. It is never called a lie.

## A member computes something else

It cannot get a certificate: the others do not vote for what they did not compute. Its own signed result stands against the group''s, and that pair is **evidence**.

## A member says two things

Two different votes for one place, two different proposals: each is signed. Side by side they prove the lie to anybody, without asking who is telling the story.

## A member lies to a visitor

Its receipt is signed too. Whoever asks a second member, or runs the request again, holds the proof. `verify` refuses the answers of a proven liar, and the gateway sends nobody to it any more.

## The group does not agree at all

If results differ so that no quorum forms, nothing is certified. The last agreed state is still served, writes get *503 try again later*, and the status says why. Nothing that was acknowledged is lost.

## Too many liars at once

If a quorum lies together, it can forge. That is the one thing this design does not prevent; it makes it improbable, short, and visible: two conflicting certificates always name at least one culprit.', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (8, 'what-can-go-wrong', 'What can go wrong', 8, '## A member stops

Silence is normal. The others go on as long as a quorum is there: three of four. A silent *leader* costs one time-out, then the next member leads. When the member comes back it reads its own votes from disk, asks the others what it missed, and checks it by running it again.

Silence is counted. It is never called a lie.

## A member computes something else

It cannot get a certificate: the others do not vote for what they did not compute. Its own signed result stands against the group''s, and that pair is **evidence**.

## A member says two things

Two different votes for one place, two different proposals: each is signed. Side by side they prove the lie to anybody, without asking who is telling the story.

## A member lies to a visitor

Its receipt is signed too. Whoever asks a second member, or runs the request again, holds the proof. `verify` refuses the answers of a proven liar, and the gateway sends nobody to it any more.

## The group does not agree at all

If results differ so that no quorum forms, nothing is certified. The last agreed state is still served, writes get *503 try again later*, and the status says why. Nothing that was acknowledged is lost.

## Too many liars at once

If a quorum lies together, it can forge. That is the one thing this design does not prevent; it makes it improbable, short, and visible: two conflicting certificates always name at least one culprit.', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (9, 9, NULL, 'Words we use', '| word | meaning | the field says |
|---|---|---|
| uploader | who publishes a site | author, owner |
| seeder | a program that hosts sites for others | node, replica |
| visitor | who reads or writes with a browser | client |
| [[Peer-group]] | the seeders that host one site now | replica group, committee |
| job | one site''s hosting, with an id | instance |
| block | some ordered requests and what came of them | log entry |
| height | how many blocks a site has | sequence number |
| view | whose turn it is to lead | view, round |
| certificate | the votes of a quorum for a block | commit certificate |
| receipt | one member''s signed answer to a read | signed response |
| fuel | what a script''s work is counted in | gas |
| gateway | the address book that sends browsers on | redirector |
| network file | the signed list of who hosts what | directory |

See [[How a write is agreed]] for how they fit together.', 'Interpeer', 'First text', CAST(unixepoch('now') AS INTEGER) * 1000);
--> statement-breakpoint
INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (9, 'words-we-use', 'Words we use', 9, '| word | meaning | the field says |
|---|---|---|
| uploader | who publishes a site | author, owner |
| seeder | a program that hosts sites for others | node, replica |
| visitor | who reads or writes with a browser | client |
| [[Peer-group]] | the seeders that host one site now | replica group, committee |
| job | one site''s hosting, with an id | instance |
| block | some ordered requests and what came of them | log entry |
| height | how many blocks a site has | sequence number |
| view | whose turn it is to lead | view, round |
| certificate | the votes of a quorum for a block | commit certificate |
| receipt | one member''s signed answer to a read | signed response |
| fuel | what a script''s work is counted in | gas |
| gateway | the address book that sends browsers on | redirector |
| network file | the signed list of who hosts what | directory |

See [[How a write is agreed]] for how they fit together.', CAST(unixepoch('now') AS INTEGER) * 1000);
