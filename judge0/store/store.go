// Package store holds what the engine's stores have in common: the forms in which submissions go
// in and out, and the errors. The stores themselves are beside it, one package for each database,
// and keep the promises that package storetest checks:
//
//   - what a method has answered is on the disk;
//   - a submission goes from In Queue to Processing to a final status, each step once;
//   - two submissions with the same idempotency key are one.
//
// The server and the worker each name the methods that they need.
package store

import (
	"errors"

	"github.com/sandgate/sandgate/judge0/api"
)

var (
	// ErrNotFound is given for a token that names no submission.
	ErrNotFound = errors.New("there is no such submission")
	// ErrUnfinished is given for the deletion of a submission that is queued or running.
	ErrUnfinished = errors.New("the submission has not finished")
)

// New is a submission to be stored. IdempotencyKey may be empty.
type New struct {
	Submission     *api.Submission
	IdempotencyKey string
}

// Page is a page of submissions, newest first. Total counts those of all pages.
type Page struct {
	Submissions []*api.Submission
	Total       int
}

// Statistics count the submissions that are stored.
type Statistics struct {
	Total      int
	Today      int
	Last30Days map[int]int // by day (UTC) as 20060102; days without any are left out
	Languages  map[int]int // by language id
	Statuses   map[int]int // by status id
	Size       int64       // of the database, bytes
}
