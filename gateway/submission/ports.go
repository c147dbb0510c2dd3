package submission

import (
	"context"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
)

// Store keeps submissions. What an account does not own does not exist for it: ErrNotFound.
type Store interface {
	// Insert stores all of subs or none, durably.
	Insert(ctx context.Context, subs ...*Submission) error
	Get(ctx context.Context, account, token string, what Part) (*Submission, error)
	// GetMany leaves out what is not there.
	GetMany(ctx context.Context, account string, tokens []string, what Part) (map[string]*Submission, error)
	// List gives one page, newest first, and the number of all.
	List(ctx context.Context, account string, offset, limit int, what Part) ([]*Submission, int, error)
	// Delete removes a submission that has ended and gives it; one that has not ended is given
	// unchanged, with deleted false.
	Delete(ctx context.Context, account, token string) (s *Submission, deleted bool, err error)
}

// Part says how much of a submission is read.
type Part bool

// Outcome leaves out the texts that the client sent, which may be large; Whole has them.
const (
	Outcome Part = false
	Whole   Part = true
)

// Pending is a stored submission that has not ended, as Unfinished lists it.
type Pending struct {
	Seq         int64 // grows in the order of intake
	Token       string
	Account     string
	State       State
	EngineToken string
}

// Pool is what the engines of the pool offer and allow.
type Pool struct {
	Languages api.Languages
	Config    api.Config
	Workers   int  // when it was last asked; 0: not known
	Idle      bool // nothing waited and nothing ran, when it was last asked
}

// Catalogue knows the pool's languages and settings. It answers from memory; an error means that
// the pool was never reached.
type Catalogue interface {
	Pool() (Pool, error)
}

// Handover is a submission on its way to the pool, with the address that the engine calls.
type Handover struct {
	*Submission
	CallbackURL string // empty: the engine calls nobody
}

// Receipt is the pool's answer to a Handover: its token, or why it refused the submission for good.
type Receipt struct {
	EngineToken string
	Refused     string
}

// Engine is the pool of Judge0 servers. Its errors wrap one of the ErrPool errors.
type Engine interface {
	// Create hands submissions over in one call; the receipts are in the order of batch.
	Create(ctx context.Context, batch []Handover) ([]Receipt, error)
	// Results asks how submissions went; nil stands for a token that the pool does not know.
	Results(ctx context.Context, engineTokens []string) ([]*api.Answer, error)
}

// Dispatcher carries stored submissions to the pool.
type Dispatcher interface {
	// Reserve makes room for n submissions of an account among those that wait, or gives an Error
	// QueueFull.
	Reserve(account string, n int) error
	// Release gives back room that was reserved for what was not stored after all.
	Release(account string, n int)
	// Dispatch takes over stored submissions for which room was reserved. It does not block.
	Dispatch(subs ...*Submission)
	// Ahead takes over a submission, for which room was reserved, before it is stored; the caller tells how
	// that went. nil: it is to be stored first, and handed to Dispatch.
	Ahead(sub *Submission) (stored func(ok bool))
	// Owner names the gateway that carries what is handed to Dispatch: it is stored with them.
	Owner() string
}

// Quotas keep accounts within what they may use in a day.
type Quotas interface {
	// Admit counts n submissions of an account, or gives an Error QuotaReached. The caller gives back
	// what is not taken in after all.
	Admit(ctx context.Context, account string, n int) (giveBack func(), err error)
}

// Event tells that a submission came to a new state. Submission is nil where another gateway said so,
// and where the State is Unknown: the reader asks the Store.
type Event struct {
	Token      string
	Account    string
	State      State
	Submission *Submission
}

// Bus carries events to those who listen for a token. Publishing never blocks.
type Bus interface {
	Publish(Event)
	Subscribe(token string) Subscription
}

// Subscription is one listener. Events is closed by Close, and by the bus where the listener was
// too slow: it then has to ask the Store.
type Subscription interface {
	Events() <-chan Event
	Close()
}

// Once is what an account's idempotency key stands for: a request, and the submissions that it made.
type Once struct {
	Account string
	Key     string   // the client's, of 255 characters at most
	Request [32]byte // SHA-256 of what was asked for: another request under the same key is an error
	Tokens  []string
	At      time.Time
}

// Records keeps what accounts ask of their submissions beyond the single one.
type Records interface {
	// InsertOnce stores all of subs under once, or none if the account has used the key since the
	// given time: it then gives what the key stands for. What is older is replaced.
	InsertOnce(ctx context.Context, once Once, since time.Time, subs ...*Submission) (before *Once, err error)
	// Once gives what an account's key stands for since the given time, with submissions that are stored; nil: nothing.
	Once(ctx context.Context, account, key string, since time.Time) (*Once, error)
	// History gives a page of outcomes, newest first, and the cursor of the next page; "": no more. A
	// cursor that can't be read is an Error Malformed.
	History(ctx context.Context, account string, filter Filter) (page []*Submission, next string, err error)
	// AddShare stores a share, or gives the one that the submission has. ErrNotFound: no such submission.
	AddShare(ctx context.Context, share Share) (Share, error)
	// Share gives a share by id; ErrNotFound where it or its submission is gone.
	Share(ctx context.Context, id string) (Share, error)
	// RemoveShare takes the share of a submission back; ErrNotFound where there is none.
	RemoveShare(ctx context.Context, account, token string) error
	// Expire removes up to limit submissions that ended longer ago than their account keeps them; accounts
	// that say nothing keep them for fallback, 0: for ever. Shares and deliveries go along, and
	// idempotency keys older than a day.
	Expire(ctx context.Context, now time.Time, fallback time.Duration, limit int) (removed int, err error)
}

// Filter says which part of an account's history is wanted. Zero values don't narrow it.
type Filter struct {
	Languages []int
	Statuses  []int
	Since     time.Time // created at or after
	Until     time.Time // created before
	Cursor    string    // from the page before
	Limit     int
}

// Share is a link to one submission that anybody who has it may read.
type Share struct {
	ID        string // not to be guessed
	Account   string
	Token     string
	CreatedAt time.Time
}
