package dispatch

import (
	"errors"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// waited makes a submission whose client waits for its result, and hands it over ahead of the store.
func waited(t *testing.T, b *bundle, token string) (*submission.Submission, func(bool)) {
	t.Helper()
	source := "true"
	sub := &submission.Submission{Account: "me", Owner: b.Owner(), Wait: true, Submission: api.Submission{
		Token: token, SourceCode: &source, LanguageID: 46, WallTimeLimit: 10, NumberOfRuns: 1, Result: api.Result{Status: api.InQueue}, CreatedAt: b.clock,
	}}
	if err := b.Reserve("me", 1); err != nil {
		t.Fatal(err)
	}
	return sub, b.Ahead(sub)
}

// forwardOne does what a forwarder does once.
func forwardOne(t *testing.T, b *bundle) {
	t.Helper()
	batch, _ := b.take()
	if len(batch) != 1 {
		t.Fatalf("%d are to be forwarded", len(batch))
	}
	b.forward(t.Context(), batch)
}

const accepted = `{"token": "engine-a", "status": {"id": 3}, "stdout": null, "time": "0.001", "memory": 1000, "stderr": null, "compile_output": null, "message": null, "exit_code": 0, "created_at": "2026-01-01T00:00:00.000Z", "finished_at": "2026-01-01T00:00:00.000Z"}`

func TestAheadOfTheStore(t *testing.T) {
	b := prepare(t)
	sub, stored := waited(t, b, "a")
	forwardOne(t, b)
	b.storeTokens(t.Context())
	if b.pending["a"] != "engine-a" {
		t.Fatal("an engine token was to be stored before its submission")
	}
	b.clock = b.clock.Add(time.Hour) // everything is due
	answered := make(chan error)
	go func() { answered <- b.Dispatcher.Callback(t.Context(), "a", []byte(accepted)) }()
	select {
	case err := <-answered:
		t.Fatalf("a result was taken in before its submission was stored: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := b.Reconcile(t.Context()); err != nil || b.Stats().Unfinished != 1 {
		t.Fatalf("what is being stored was asked after: %v, %+v", err, b.Stats())
	}
	if err := b.store.Insert(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	stored(true)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if len(b.ended) != 1 || b.Stats() != (Stats{Window: b.Stats().Window}) {
		t.Fatalf("%d have ended; %+v", len(b.ended), b.Stats())
	}
	if again, err := b.store.Load(t.Context(), "a"); err != nil || again["a"].State != submission.Finished {
		t.Fatalf("the store has %+v, %v", again["a"], err)
	}
}

func TestAheadOfAStoreThatFails(t *testing.T) {
	b := prepare(t)
	_, stored := waited(t, b, "a")
	forwardOne(t, b)
	answered := make(chan error)
	go func() { answered <- b.Dispatcher.Callback(t.Context(), "a", []byte(accepted)) }()
	time.Sleep(10 * time.Millisecond)
	stored(false)
	if err := <-answered; !errors.Is(err, submission.ErrNotFound) {
		t.Fatalf("the result of what could not be stored was answered with %v", err)
	}
	if b.Stats() != (Stats{Window: b.Stats().Window}) || len(b.ended) != 0 || len(b.queue.lines) != 0 {
		t.Fatalf("%d have ended; %+v, %d lines", len(b.ended), b.Stats(), len(b.queue.lines))
	}
	// The next is stored first, until that works again: the pool should not run what nobody will get.
	sub, stored := waited(t, b, "b")
	if stored != nil {
		t.Fatal("the pool gets programs while they can't be stored")
	}
	if err := b.store.Insert(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	b.Dispatch(sub)
	if _, stored := waited(t, b, "c"); stored == nil {
		t.Fatal("the store works again, and programs wait for it")
	}
}

func TestAheadAndRefused(t *testing.T) {
	b := prepare(t)
	b.create = func([]submission.Handover) ([]submission.Receipt, error) {
		return []submission.Receipt{{Refused: "no"}}, nil
	}
	sub, stored := waited(t, b, "a")
	go func() {
		time.Sleep(10 * time.Millisecond)
		if err := b.store.Insert(t.Context(), sub); err != nil {
			t.Error(err)
		}
		stored(true)
	}()
	forwardOne(t, b)
	if len(b.ended) != 1 || b.ended[0].Status != api.InternalError {
		t.Fatalf("%+v", b.ended)
	}
}

// Another gateway may have the callback before the one that sent a program ahead has stored it.
func TestCallbackBeforeTheStore(t *testing.T) {
	b := prepare(t)
	go func() {
		time.Sleep(30 * time.Millisecond)
		b.insert(t, "a")
	}()
	if err := b.Dispatcher.Callback(t.Context(), "a", []byte(accepted)); err != nil || len(b.ended) != 1 {
		t.Fatalf("%v, %d have ended", err, len(b.ended))
	}
}
