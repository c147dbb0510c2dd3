// Package webhook calls clients back: a PUT of the result to the callback_url of a submission.
//
// It promises that no request goes to a private, loopback or link-local address, checked when the
// connection is made so that a name can't resolve to something else afterwards; that redirects are
// not followed; and that a slow receiver holds up no result. Deliveries wait in memory: those that
// a stopped gateway had not made are lost.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// Options are the bounds of a Sender. Zero values get defaults.
type Options struct {
	AllowPrivate bool // let deliveries go to any address: for tests and closed networks
	Timeout      time.Duration
	Tries        int
	Backoff      time.Duration // before the second try; it doubles
	Queue        int           // deliveries that may wait; more are dropped
	Workers      int
	Log          *slog.Logger
	Observe      func(outcome string) // delivered, retried, failed, dropped
}

// Sender delivers results. Make it with New and end it with Stop.
type Sender struct {
	Options
	client *http.Client
	queue  chan delivery
	stop   context.CancelFunc
	owned  sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

type delivery struct {
	token, url string
	body       []byte
}

// New makes a Sender and starts its workers.
func New(o Options) *Sender {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Tries == 0 {
		o.Tries = 3
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	if o.Queue == 0 {
		o.Queue = 1000
	}
	if o.Workers == 0 {
		o.Workers = 64 // each may be held up by a slow receiver for all its tries
	}
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	dialer := &net.Dialer{Timeout: o.Timeout}
	if !o.AllowPrivate {
		dialer.Control = refusePrivate
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sender{Options: o, queue: make(chan delivery, o.Queue), stop: stop, client: &http.Client{
		Timeout: o.Timeout,
		// No proxy: behind one, the address that is dialled would not be the receiver's.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: o.Timeout,
			MaxIdleConns: 64, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for range o.Workers {
		s.owned.Go(func() {
			for d := range s.queue {
				s.deliver(ctx, d)
			}
		})
	}
	return s
}

// Send has the result of sub delivered, if its client asked for that. It does not block.
func (s *Sender) Send(sub *submission.Submission) {
	if sub.CallbackURL == nil {
		return
	}
	body, err := sub.Render(api.DefaultFields(), true, api.Language{})
	if err != nil {
		s.Log.Error("a webhook could not be written", "token", sub.Token, "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		select {
		case s.queue <- delivery{sub.Token, *sub.CallbackURL, body}:
			return
		default:
		}
	}
	s.Observe("dropped")
	s.Log.Warn("a webhook was dropped: too many wait", "token", sub.Token)
}

// Stop lets deliveries that are under way or wait end until ctx does, then gives them up.
func (s *Sender) Stop(ctx context.Context) {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
	s.mu.Unlock()
	ended := context.AfterFunc(ctx, s.stop)
	s.owned.Wait()
	ended()
	s.stop()
	s.client.CloseIdleConnections()
}

func (s *Sender) deliver(ctx context.Context, d delivery) {
	var err error
	for try, pause := 1, s.Backoff; try <= s.Tries && ctx.Err() == nil; try, pause = try+1, 2*pause {
		if err = s.put(ctx, d); err == nil {
			s.Observe("delivered")
			return
		}
		if errors.Is(err, errPrivate) || errors.Is(err, errAddress) {
			break
		}
		if try < s.Tries {
			s.Observe("retried")
			t := time.NewTimer(pause)
			select {
			case <-t.C:
			case <-ctx.Done():
			}
			t.Stop()
		}
	}
	s.Observe("failed")
	s.Log.Warn("a webhook could not be delivered", "token", d.token, "error", err)
}

func (s *Sender) put(ctx context.Context, d delivery) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, d.url, bytes.NewReader(d.body))
	if err != nil {
		return errAddress
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sandgate")
	response, err := s.client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %d", response.StatusCode)
	}
	return nil
}

var (
	errPrivate = errors.New("the address is not a public one")
	errAddress = errors.New("the address can't be read")
)

// withoutURL takes the address out of an error, which is logged: it may hold a secret.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// refusePrivate is called with the address that is about to be dialled, after the name was resolved.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return errPrivate
	}
	return nil
}

// assigned is what the IANA gives out to IPv6 hosts. Outside of it is what embeds an IPv4 address.
var assigned = netip.MustParsePrefix("2000::/3")

// reserved are ranges that reach no public host, or a private one by another name: by the IANA
// special-purpose registries.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func public(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() || address.Is6() && !assigned.Contains(address) {
		return false
	}
	for _, prefix := range reserved {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}
