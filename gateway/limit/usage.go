package limit

import (
	"context"
	"time"
)

// Usage is what an account used on one day (UTC).
type Usage struct {
	Account     string
	Day         time.Time // midnight, UTC
	Submissions int64     // taken in
	Finished    int64
	CPU         time.Duration // of programs that ended
}

// Store keeps usage.
type Store interface {
	// AddUsage adds to what is stored for the account and day.
	AddUsage(ctx context.Context, used []Usage) error
	// Usage lists the days from first to last that have any, in order.
	Usage(ctx context.Context, account string, first, last time.Time) ([]Usage, error)
}
