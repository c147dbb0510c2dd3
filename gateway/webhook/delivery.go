package webhook

import (
	"context"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// DeliveryState says how far the call of a client's callback_url is.
type DeliveryState string

// The states of a delivery.
const (
	Pending   DeliveryState = "pending"
	Delivered DeliveryState = "delivered"
	GivenUp   DeliveryState = "given up"
)

// Delivery is the call that a submission's result owes its client. It comes to be in the same write
// as the result (Finish of a store, for a submission with a callback_url), so that none is lost.
type Delivery struct {
	Token      string // of the submission
	Account    string
	URL        string
	State      DeliveryState
	Attempts   int
	DueAt      time.Time // when it is tried next, while Pending
	LastStatus int       // the receiver's; 0: none
	LastError  string
	UpdatedAt  time.Time
}

// Due is a delivery to make, with what is to be delivered.
type Due struct {
	Delivery
	Submission *submission.Submission
}

// Store keeps deliveries.
type Store interface {
	// TakeDue gives up to limit pending deliveries that are due, the longest due first, and moves each to
	// until by compare-and-set: nobody else takes it before. Their submissions come without programs.
	TakeDue(ctx context.Context, now, until time.Time, limit int) ([]Due, error)
	// Note stores how an attempt went: State, Attempts, DueAt, LastStatus, LastError, UpdatedAt.
	Note(ctx context.Context, delivery Delivery) error
	// Redeliver makes a delivery that has ended pending again, with no attempts, due now, and gives it; one
	// that is pending stays as it is. ErrNotFound where the account has no such delivery.
	Redeliver(ctx context.Context, account, token string, now time.Time) (Delivery, error)
	// Deliveries lists those of an account, newest submission first; state "" for all. The cursor is as
	// that of a history.
	Deliveries(ctx context.Context, account string, state DeliveryState, cursor string, limit int) (page []Delivery, next string, err error)
	// Backlog counts pending deliveries, and gives when the one was due that is due longest; zero: none
	// is due.
	Backlog(ctx context.Context, now time.Time) (pending int, oldest time.Time, err error)
}
