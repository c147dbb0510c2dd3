package live

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/redisclient"
)

// The bounds of what goes between gateways.
const (
	outgoing    = 8192            // events that wait for Redis; more are lost, and everybody is told to look again
	batch       = 256             // events that go to Redis in one round trip
	sendLimit   = 5 * time.Second // of one round trip
	sendPause   = 250 * time.Millisecond
	silence     = 3 * time.Second // after which Redis is asked whether it is there; twice that: it is not
	lookEvery   = 5 * time.Second // how often everybody looks again while Redis is away
	roundsEvery = time.Minute     // in that time everybody looks once, should an event be lost unseen
)

// Relay is a Bus whose events reach the listeners of other gateways as well, through Redis. Who
// listens here doesn't wait for Redis. While it is away, and after it was, listeners look at the store.
//
// Between gateways an event goes without the submission: who is told asks the store.
type Relay struct {
	*Bus
	client  *redis.Client
	channel string
	self    string
	log     *slog.Logger
	out     chan message
	heard   func(submission.Event)
	lost    atomic.Bool // others don't know of all that was announced here
	away    atomic.Bool
	stop    context.CancelFunc
	owned   sync.WaitGroup
}

// message is an event between gateways. Without a token, it says that events were lost.
type message struct {
	From    string           `json:"from"`
	Token   string           `json:"token,omitempty"`
	Account string           `json:"account,omitempty"`
	State   submission.State `json:"state,omitempty"`
}

// NewRelay connects a bus to the Redis at address, such as redis://host:6379/0; gateways that use the
// same database hear each other, from Start on.
func NewRelay(bus *Bus, address string, log *slog.Logger) (*Relay, error) {
	options, err := redisclient.Options(address) // a message that was lost is told by the next
	if err != nil {
		return nil, fmt.Errorf("redis_url: %w", err)
	}
	options.PoolSize = 2
	r := &Relay{
		Bus: bus, client: redis.NewClient(options), channel: "sandgate:" + strconv.Itoa(options.DB) + ":events",
		self: rand.Text(), log: log, out: make(chan message, outgoing),
	}
	r.away.Store(true)
	return r, nil
}

// Start connects. heard, if it is not nil, is told what other gateways announce, before listeners are; it must
// not block. Start does not wait for Redis.
func (r *Relay) Start(heard func(submission.Event)) {
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	r.heard = heard
	r.owned.Go(func() { r.send(ctx) })
	r.owned.Go(func() { r.receive(ctx) })
	r.owned.Go(func() { r.rounds(ctx) })
}

// Stop ends the relay; the bus stays.
func (r *Relay) Stop() {
	if r.stop != nil {
		r.stop()
	}
	r.owned.Wait()
	_ = r.client.Close()
}

// Away tells whether other gateways can't be heard now.
func (r *Relay) Away() bool { return r.away.Load() }

// Publish hands event to those who listen here, and on to the other gateways.
func (r *Relay) Publish(event submission.Event) {
	r.Bus.Publish(event)
	select {
	case r.out <- message{From: r.self, Token: event.Token, Account: event.Account, State: event.State}:
	default:
		r.lost.Store(true)
	}
}

func (r *Relay) send(ctx context.Context) {
	for {
		var again <-chan time.Time
		if r.lost.Load() {
			again = time.After(sendPause)
		}
		var next []message
		select {
		case m := <-r.out:
			next = append(next, m)
		case <-again:
		case <-ctx.Done():
			return
		}
		if err := r.sendBatch(ctx, next); err != nil && ctx.Err() == nil {
			r.lost.Store(true)
			r.log.Debug("other gateways were not told of events", "error", err)
			pause(ctx, sendPause)
		}
	}
}

// sendBatch sends next with what waits besides, and says so if something was lost before.
func (r *Relay) sendBatch(ctx context.Context, next []message) error {
	for len(next) < batch {
		select {
		case m := <-r.out:
			next = append(next, m)
			continue
		default:
		}
		break
	}
	if r.lost.Swap(false) {
		next = append(next, message{From: r.self})
	}
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	pipe := r.client.Pipeline()
	for _, m := range next {
		text, _ := json.Marshal(m) // of strings and a number
		pipe.Publish(ctx, r.channel, text)
	}
	_, err := pipe.Exec(ctx)
	return err
}

func (r *Relay) receive(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.listen(ctx)
		if !r.away.Swap(true) && ctx.Err() == nil {
			r.log.Warn("other gateways can't be heard now: Redis does not answer", "error", err)
		}
		pause(ctx, sendPause)
	}
}

// listen hears other gateways until Redis does not answer. What was said before it began is lost.
func (r *Relay) listen(ctx context.Context) error {
	heard := r.client.Subscribe(ctx, r.channel)
	defer func() { _ = heard.Close() }()
	// Receiving looks at no context: while others have something to say it would go on for ever.
	defer context.AfterFunc(ctx, func() { _ = heard.Close() })()
	asked := false
	for {
		item, err := heard.ReceiveTimeout(ctx, silence)
		switch {
		case isTimeout(err) && !asked && ctx.Err() == nil:
			asked = true
			if err := heard.Ping(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		asked = false
		switch item := item.(type) {
		case *redis.Subscription:
			if r.away.Swap(false) {
				r.log.Info("other gateways are heard through Redis")
			}
			r.missed()
		case *redis.Message:
			r.take(item.Payload)
		}
	}
}

func (r *Relay) take(text string) {
	var m message
	switch err := json.Unmarshal([]byte(text), &m); {
	case err != nil || m.From == r.self:
	case m.Token == "":
		r.missed()
	default:
		event := submission.Event{Token: m.Token, Account: m.Account, State: m.State}
		if event.State < submission.Queued || event.State > submission.Finished {
			event.State = submission.Unknown // a gateway of another version may know others: the store tells
		}
		if r.heard != nil {
			r.heard(event)
		}
		r.Bus.Publish(event)
	}
}

// rounds has listeners look at the store: all of them every few seconds while others can't be heard,
// else some each time, so that an event that was lost unseen keeps nobody waiting.
func (r *Relay) rounds(ctx context.Context) {
	tick := time.NewTicker(roundsEvery / shards)
	defer tick.Stop()
	var looked time.Time
	for i := 0; ; i++ {
		select {
		case now := <-tick.C:
			r.lookAgain(i)
			if r.away.Load() && now.Sub(looked) >= lookEvery {
				looked = now
				for i := range shards {
					r.lookAgain(i)
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
}
