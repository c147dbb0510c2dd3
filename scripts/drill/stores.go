package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver
)

// checkStores compares what clients saw with what the stores of a site hold, after it was closed. It
// gives how many submissions the engine was given more than once.
func checkStores(l *ledger, s *site) (again int, err error) {
	for _, d := range s.doors {
		if err := checkGateway(l, d); err != nil {
			return 0, fmt.Errorf("%s: %w", d.store, err)
		}
	}
	return countAgain(s)
}

func openFile(file string) (*sql.DB, error) { return sql.Open("sqlite", "file:"+file+"?mode=ro") }

func checkGateway(l *ledger, d door) error {
	db, err := openFile(d.store)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.Query(`SELECT token, account, state, status, CAST(stdout AS TEXT), CAST(source_code AS TEXT) FROM submissions`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	stored := map[string]string{} // token by what is printed
	for rows.Next() {
		var token, account, source string
		var stdout sql.NullString
		var state, status int
		if err := rows.Scan(&token, &account, &state, &status, &stdout, &source); err != nil {
			return err
		}
		text := strings.TrimPrefix(source, "echo ")
		j := l.jobs[text]
		if j == nil {
			l.violated("the store holds %s, %q, which nobody sent", token, source)
			continue
		}
		if other, twice := stored[text]; twice {
			l.violated("%s was sent once, and the store holds it as %s and %s", text, other, token)
		}
		stored[text] = token
		if account != j.client.account {
			l.violated("%s is of account %s in the store, and was sent by %s", token, account, j.client.account)
		}
		if state != 3 || status != 3 || stdout.String != text+"\n" {
			l.violated("%s (%s) is in the store with state %d, status %d and output %q", token, text, state, status, stdout.String)
		}
		if j.token != "" && j.token != token {
			l.violated("%s is %s for its client, and %s in the store", text, j.token, token)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, c := range d.clients {
		for _, j := range l.jobs {
			if j.client == c && j.token != "" && stored[j.text] == "" {
				l.violated("%s (%s) was accepted, and is not in the store", j.token, j.text)
			}
		}
	}
	return nil
}

// countAgain tells how many programs the engine holds more than once. That may be: what a gateway can't
// know is forwarded again. The first result is the one that counts.
func countAgain(s *site) (int, error) {
	var n int
	const sum = `SELECT COALESCE(SUM(many - 1), 0) FROM (SELECT COUNT(*) AS many FROM %s GROUP BY source_code) AS programs`
	if strings.HasPrefix(s.engineDB, "postgres") {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, s.engineDB)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close(ctx) }()
		return n, conn.QueryRow(ctx, fmt.Sprintf(sum, "submissions")).Scan(&n)
	}
	db, err := openFile(s.engineDB)
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRow(fmt.Sprintf(sum, "programs")).Scan(&n)
	return n, err
}
