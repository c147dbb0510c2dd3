package live

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/testservers"
)

// startRelay starts a gateway's relay, which the test stops.
func startRelay(t *testing.T, address string) *Relay {
	t.Helper()
	r, err := NewRelay(NewBus(), address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r.Start(nil)
	return r
}

// TestRelay has two gateways hear each other, before Redis is killed, while it is away, and after.
func TestRelay(t *testing.T) {
	t.Parallel()
	server := testservers.For(t, testservers.StartRedis)
	address := server.Database()
	one, two := startRelay(t, address), startRelay(t, address)
	t.Cleanup(one.Stop)
	t.Cleanup(two.Stop)
	await := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s did not come", what)
			}
		}
	}
	heard := func() bool { return !one.Away() && !two.Away() }
	await("Redis", heard)
	// next gives the next event that is more than a call to look again.
	next := func(s submission.Subscription) submission.Event {
		t.Helper()
		for {
			select {
			case e := <-s.Events():
				if e.State != submission.Unknown {
					return e
				}
			case <-time.After(30 * time.Second):
				t.Fatal("nothing came")
			}
		}
	}
	sub := &submission.Submission{Account: "a"}
	done := submission.Event{Token: "j", Account: "a", State: submission.Finished, Submission: sub}
	here, there := one.Subscribe("j"), two.Subscribe("j")
	one.Publish(done)
	if e := next(here); e.Submission != sub {
		t.Errorf("who listens here got %+v", e)
	}
	if e := next(there); e.Token != "j" || e.Account != "a" || e.State != submission.Finished || e.Submission != nil {
		t.Errorf("who listens there got %+v", e)
	}

	server.Kill()
	one.Publish(done) // which two does not hear
	if e := next(here); e.Submission != sub {
		t.Errorf("without Redis, who listens here got %+v", e)
	}
	await("the failure", func() bool { return one.Away() && two.Away() })
	there.Close()
	there = two.Subscribe("j")
	for e := range there.Events() { // it is told to look for itself, Redis or not
		if e.State == submission.Unknown {
			break
		}
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	await("Redis", heard)
	there.Close()
	there = two.Subscribe("j")
	one.Publish(done)
	if e := next(there); e.State != submission.Finished {
		t.Errorf("got %+v", e)
	}
	here.Close()
	there.Close()
}

func TestRelayWithoutRedis(t *testing.T) {
	t.Parallel()
	if _, err := NewRelay(NewBus(), "http://nowhere", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an address that is none of Redis was taken")
	}
	r, err := NewRelay(NewBus(), "redis://127.0.0.1:1/0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r.Start(nil)
	defer r.Stop()
	s := r.Subscribe("j")
	defer s.Close()
	for range outgoing + 10 { // publishing never blocks
		r.Bus.Publish(submission.Event{Token: "other"})
		r.Publish(submission.Event{Token: "other"})
	}
	r.Publish(submission.Event{Token: "j", State: submission.Processing})
	for e := range s.Events() {
		if e.State == submission.Processing {
			break
		}
	}
	if !r.Away() {
		t.Error("Redis answers where there is none")
	}
}

// TestRelayStopsWhileOthersTalk: a gateway must end while others announce one event after another.
func TestRelayStopsWhileOthersTalk(t *testing.T) {
	t.Parallel()
	server := testservers.For(t, testservers.StartRedis)
	address := server.Database()
	talking, stopping := startRelay(t, address), startRelay(t, address)
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-enough:
				return
			default:
				talking.Publish(submission.Event{Token: "j", Account: "a", State: submission.Processing})
				time.Sleep(time.Millisecond)
			}
		}
	}()
	heard := stopping.Subscribe("j")
	for e := range heard.Events() {
		if e.State == submission.Processing {
			break
		}
	}
	stopped := make(chan struct{})
	go func() { stopping.Stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(30 * time.Second):
		t.Error("it did not stop while another one talked")
	}
	close(enough)
	<-ended
	talking.Stop()
	<-stopped
}
