// Package sqlitedb opens an embedded SQLite database for a program that writes from many goroutines
// and must not lose what it has answered.
//
// It promises that a write which returned nil survives a crash of the machine (WAL with
// synchronous=FULL), unless the database was opened as Lazy; that one write's failure undoes that
// write only; and that many writers share the cost of one fsync: a single goroutine runs all the
// writes that wait in one transaction and answers each after the commit. Reads run beside it on
// connections of their own and see what was committed last.
//
// It leaves schemas and queries to its callers. One process may hold a database at a time.
package sqlitedb
