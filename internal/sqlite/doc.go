// Package sqlite is the store on a SQLite file: for development and for small
// installations of one process.
//
// It owns the file, its connections and durability. It must not hold queries:
// those are in internal/sqlstore, the same for both stores.
//
// One connection writes, several read (WAL). Writers that come at the same time
// share one transaction and so one fsync, each in a savepoint of its own.
package sqlite
