package submission

import (
	"time"

	"github.com/sandgate/sandgate/judge0/api"
)

// State says who has a submission. It only ever grows, other than from Forwarded or Processing back
// to Queued in memory, when the pool turns out to have lost it.
type State int

// Unknown stands in an Event for a state that was missed: the Store knows it.
const Unknown State = -1

// The states of a submission.
const (
	Queued     State = iota // stored; the pool does not have it
	Forwarded               // the pool has it, or may have it
	Processing              // a worker of the pool runs it
	Finished                // its result is stored
)

// Submission is a program to run on behalf of an account. The embedded Token is the client's; the
// engine's own stays inside. A Submission that was handed on is not changed any more: a new state
// makes a copy.
type Submission struct {
	api.Submission
	Account     string
	State       State
	EngineToken string // empty until the pool has named it
	Owner       string // the gateway that carries it to the pool
	Wait        bool   // its client waits for the result; not stored
	Repeated    bool   // an idempotency key gave it once more; not stored
	RequestID   string // of the request that brought it; not stored
	Batch       bool   // it came with others; not stored
}

// Size is roughly how much memory s holds, in bytes.
func (s *Submission) Size() int {
	size := 1024
	for _, text := range []*string{s.SourceCode, s.Stdin, s.ExpectedOutput, s.AdditionalFiles} {
		if text != nil {
			size += len(*text)
		}
	}
	return size
}

// Begun gives a copy of s that a worker runs, as the engine's answer tells; now stands where the
// answer has no time.
func (s *Submission) Begun(answer api.Answer, now time.Time) *Submission {
	now = moment(now)
	c := *s
	c.State, c.Status = Processing, api.Processing
	if answer.Token != "" {
		c.EngineToken = answer.Token
	}
	if c.StartedAt = answer.StartedAt; c.StartedAt == nil {
		c.StartedAt = &now
	}
	c.UpdatedAt = &now
	return &c
}

// Ended gives a copy of s with the result that the engine's answer tells; now stands where the
// answer has no time.
func (s *Submission) Ended(answer api.Answer, now time.Time) *Submission {
	now = moment(now)
	c := *s
	c.State, c.Result = Finished, answer.Result
	if answer.Token != "" {
		c.EngineToken = answer.Token
	}
	if answer.StartedAt != nil {
		c.StartedAt = answer.StartedAt
	}
	c.FinishedAt = answer.FinishedAt
	if c.FinishedAt == nil {
		c.FinishedAt = &now
	}
	if answer.ExecutionHost != nil {
		c.ExecutionHost = answer.ExecutionHost
	}
	c.UpdatedAt = &now
	return &c
}

// moment is a time as stores and answers show it: in UTC, to the millisecond.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Failed gives a copy of s that ended as Internal Error with message.
func (s *Submission) Failed(message string, now time.Time) *Submission {
	return s.Ended(api.Answer{Result: api.Result{Status: api.InternalError, Message: &message}}, now)
}
