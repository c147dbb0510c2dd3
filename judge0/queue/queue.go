// Package queue says what goes from the engine's servers to its workers, and back. The queues
// themselves are beside it, one package for each way of doing it. A queue may forget: the store
// holds the truth, and whatever has no result is queued again from there.
package queue

import (
	"errors"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
)

var (
	// ErrFull is given while as many submissions wait as may wait.
	ErrFull = errors.New("queue is full")
	// ErrTooManySubscribers is given while as many requests wait for results as may wait.
	ErrTooManySubscribers = errors.New("too many requests wait for a result")
)

// Item is a submission that waits for a worker. Submission is what the store holds under Token, to
// spare reading it, or nil; it must not be changed.
type Item struct {
	Token      string
	Submission *api.Submission
	Since      time.Time

	// ID names this delivery in the queue that made it.
	ID string
	// Again tells that a worker may have been lost while it ran this submission.
	Again bool
	// Revoked is closed when another worker has taken the submission over; nil: none ever does.
	Revoked <-chan struct{}
}

// carryLimit is how many bytes of texts an Item may carry along. Beyond it, holding a submission in
// memory while it waits costs more than reading it later.
const carryLimit = 256 << 10

// ItemOf makes the item of a stored submission.
func ItemOf(s *api.Submission, since time.Time) Item {
	item := Item{Token: s.Token, Since: since}
	size := 0
	for _, text := range []*string{s.SourceCode, s.Stdin, s.ExpectedOutput, s.AdditionalFiles} {
		if text != nil {
			size += len(*text)
		}
	}
	if size <= carryLimit {
		item.Submission = s
	}
	return item
}
