package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// Kind is a way in which a client is connected.
type Kind string

// The kinds of connections.
const (
	Stream Kind = "sse"
	Socket Kind = "socket"
)

// Credentials are what a request said of who makes it, in a form that its maker can read again. Equal
// ones mean the same.
type Credentials string

// Observer counts what happens to live connections.
type Observer interface {
	Refused(what string)          // full, account-full, unauthenticated, job-not-found, jobs-full
	Dropped(why string)           // slow, revoked, flood
	Delivered(took time.Duration) // from the announcement until it was written
}

// checkLimit is how long one look at credentials may take.
const checkLimit = 10 * time.Second

// Limits are the bounds of Connections and who watches over them; all are needed.
type Limits struct {
	Most          int // connections at once
	MostOfAccount int // connections of one account at once
	CheckEvery    time.Duration
	// Check tells whether credentials are still good. An Error Unauthenticated, Forbidden or TooMany
	// means that they are not; other errors mean that it can't be said now.
	Check    func(context.Context, Credentials) error
	Observer Observer
}

// Connections are all live connections of a gateway.
type Connections struct {
	Limits

	mu       sync.Mutex
	stopped  bool
	open     map[*Connection]struct{}
	accounts map[string]int
	kinds    map[Kind]int
}

// Connection is a place among Connections.
type Connection struct {
	of          *Connections
	kind        Kind
	account     string
	credentials Credentials
	end         func(revoked bool)
}

// NewConnections makes Connections; Watch looks after them.
func NewConnections(limits Limits) *Connections {
	return &Connections{Limits: limits, open: map[*Connection]struct{}{}, accounts: map[string]int{}, kinds: map[Kind]int{}}
}

// What clients are told who find no room.
var (
	errFull        = &submission.Error{Code: submission.Unavailable, Message: "too many live connections are open", RetryAfter: 5 * time.Second}
	errAccountFull = &submission.Error{Code: submission.Unavailable, Message: "this account has too many live connections open", RetryAfter: 5 * time.Second}
	errStopped     = &submission.Error{Code: submission.Unavailable, Message: "the gateway is shutting down", RetryAfter: 5 * time.Second}
)

// enter takes a place, to be given back with leave.
func (c *Connections) enter(kind Kind, account string, credentials Credentials) (*Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
		return nil, errStopped
	case c.accounts[account] >= c.MostOfAccount:
		c.Observer.Refused("account-full")
		return nil, errAccountFull
	case len(c.open) >= c.Most:
		c.Observer.Refused("full")
		return nil, errFull
	}
	place := &Connection{of: c, kind: kind, account: account, credentials: credentials}
	c.open[place] = struct{}{}
	c.accounts[account]++
	c.kinds[kind]++
	return place, nil
}

// endWith says how the connection is ended from here. It gives false where that is to be done at once.
func (p *Connection) endWith(end func(revoked bool)) bool {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.end = end
	return !p.of.stopped
}

func (p *Connection) leave() {
	c := p.of
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.open[p]; !ok {
		return
	}
	delete(c.open, p)
	c.kinds[p.kind]--
	if c.accounts[p.account]--; c.accounts[p.account] == 0 {
		delete(c.accounts, p.account)
	}
}

// Open tells how many connections of a kind there are.
func (c *Connections) Open(kind Kind) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kinds[kind]
}

// Watch ends connections whose credentials are good no more, until ctx ends.
func (c *Connections) Watch(ctx context.Context) {
	tick := time.NewTicker(c.CheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.check(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// check looks at each of the credentials once, however many connections share them.
func (c *Connections) check(ctx context.Context) {
	c.mu.Lock()
	groups := map[Credentials][]func(bool){}
	for place := range c.open {
		if place.end != nil {
			groups[place.credentials] = append(groups[place.credentials], place.end)
		}
	}
	c.mu.Unlock()
	for credentials, ends := range groups {
		if ctx.Err() != nil {
			return
		}
		limited, cancel := context.WithTimeout(ctx, checkLimit)
		err := c.Check(limited, credentials)
		cancel()
		if !refuses(err) {
			continue
		}
		for _, end := range ends {
			c.Observer.Dropped("revoked")
			end(true)
		}
	}
}

// refuses tells whether an error says that credentials are not good. TooMany does, too: it is what
// failed attempts get once there are too many of them.
func refuses(err error) bool {
	var fault *submission.Error
	return errors.As(err, &fault) && (fault.Code == submission.Unauthenticated || fault.Code == submission.Forbidden || fault.Code == submission.TooMany)
}

// Stop ends all connections and lets no more in.
func (c *Connections) Stop() {
	c.mu.Lock()
	c.stopped = true
	var ends []func(bool)
	for place := range c.open {
		if place.end != nil {
			ends = append(ends, place.end)
		}
	}
	c.mu.Unlock()
	for _, end := range ends {
		end(false)
	}
}
