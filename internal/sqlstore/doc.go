// Package sqlstore is what the two stores have in common: every query of the
// record, written once in the SQL that SQLite and PostgreSQL share, the
// migrations, paging and the translation of database errors.
//
// It owns the meaning of [activitycore.Store]: what one transaction covers, which
// row decides, what is unique. It must not open a database (internal/sqlite and
// internal/postgres do, and hand over an [Engine]), read a clock, or show SQL to
// a caller. See docs/adr/0003-one-set-of-queries.md.
//
// Locking order, so that transactions do not wait for each other in a circle:
// catalogue, ledger, runs, tasks, actions; rows of one table by key.
package sqlstore
