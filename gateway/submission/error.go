package submission

import (
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
)

// Code tells what kind of fault an Error is; the HTTP layer maps it to a status.
type Code int

// The codes of the domain's errors.
const (
	Internal        Code = iota
	Malformed            // the request can't be read, or asks for what does not exist
	Invalid              // attributes break the rules; Error.Fields says which
	Unauthenticated      // no key, or one that is not valid
	Forbidden            // the key lacks the scope
	NotFound             // no such thing, or another account's
	Conflict             // it can't be done in the state that things are in
	TooLarge             // the body exceeds its bound
	TooMany              // too many requests or failed attempts; RetryAfter says when there may be more
	QueueFull            // too many submissions wait for the pool
	Unavailable          // something that is needed can't be reached
	QuotaReached         // the account has used up what it may use in a day
)

// Error is a fault that may be shown to a client: Message says it in plain words, Err holds the
// cause for operators only.
type Error struct {
	Code       Code
	Message    string
	Fields     api.Errors    // for Invalid: messages by attribute
	RetryAfter time.Duration // for TooMany, QueueFull and Unavailable: when to try again; 0: unknown
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	if e.Message == "" && e.Fields != nil {
		return e.Fields.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// ErrNotFound is given for a submission that is not there, or not this account's.
var ErrNotFound = Errorf(NotFound, "there is no such submission")

// The answers of a pool other than success. Adapters wrap them with their cause.
var (
	// ErrPoolDown: the pool can't be reached, and surely took nothing.
	ErrPoolDown = errors.New("the engine can't be reached")
	// ErrPoolNotReady: the pool answers, and says that it can't run programs now.
	ErrPoolNotReady = errors.New("the engine can't run programs")
	// ErrPoolFull: the pool's queue has no room; it took nothing.
	ErrPoolFull = errors.New("the engine's queue is full")
	// ErrPoolUnsure: the call broke off or failed inside the pool, which may have taken it all.
	ErrPoolUnsure = errors.New("the engine may or may not have taken the submissions")
	// ErrPoolRefused: the pool refused the call as a whole, for what it holds.
	ErrPoolRefused = errors.New("the engine refused the call")
)
