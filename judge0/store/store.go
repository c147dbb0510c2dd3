// Package store holds what the engine's stores have in common: the forms in which submissions go
// in and out, and the errors. The stores themselves are beside it, one package for each database,
// and keep the promises that package storetest checks:
//
//   - what a method has answered is on the disk;
//   - a submission goes from In Queue to Processing to a final status, each step once, unless its
//     worker dies or hands it back, and MaxLost deaths end it;
//   - two submissions with the same idempotency key are one.
//
// The server and the worker each name the methods that they need.
package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
)

var (
	// ErrNotFound is given for a token that names no submission.
	ErrNotFound = errors.New("there is no such submission")
	// ErrUnfinished is given for the deletion of a submission that is queued or running.
	ErrUnfinished = errors.New("the submission has not finished")
	// ErrPageTooLarge is given for a page with more than MaxPage.
	ErrPageTooLarge = fmt.Errorf("the page would be larger than %d MiB: ask for fewer submissions at a time, or for fewer fields", MaxPage>>20)
)

// MaxPage is how many bytes the texts of a page may have: it is made in memory. One alone may have more,
// so that each can be seen.
const MaxPage = 32 << 20

// Room keeps a page within MaxPage.
type Room struct{ submissions, bytes int }

// Add counts one more on the page, and fails where it finds no room.
func (r *Room) Add(s *api.Submission) error {
	for _, text := range []*string{s.SourceCode, s.Stdin, s.ExpectedOutput, s.AdditionalFiles, s.Stdout, s.Stderr, s.CompileOutput, s.Message, s.CallbackURL} {
		if text != nil {
			r.bytes += len(*text)
		}
	}
	if r.submissions++; r.submissions > 1 && r.bytes > MaxPage {
		return ErrPageTooLarge
	}
	return nil
}

// MaxLost is how many times a submission may be running when its program dies: one that kills its
// worker must not do so for ever. It then ends as Internal Error with LostMessage.
const (
	MaxLost     = 3
	LostMessage = "the worker died 3 times while it ran this submission"
)

// Lease is a worker's claim on one submission. ID is unlike that of any other claim, so that a step
// whose answer got lost can be tried again. Host is the execution_host.
type Lease struct{ ID, Host string }

// Unfinished is a submission without a result. Status is In Queue or Processing.
type Unfinished struct {
	Token     string
	Status    int
	UpdatedAt time.Time
}

// Worker is what a worker process tells of itself. Failed counts runs that ended as Internal Error.
type Worker struct {
	ID, Host               string
	Isolation              string // what holds its programs, in words
	Slots, Working, Failed int
	Languages              []api.Language
	SeenAt                 time.Time // by the store's clock
}

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
