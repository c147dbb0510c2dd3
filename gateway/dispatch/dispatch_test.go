package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// script is a submission.Engine whose answers a test chooses. (Engines over HTTP are scripted in the
// tests of package gateway.)
type script struct {
	mu      sync.Mutex
	create  func([]submission.Handover) ([]submission.Receipt, error)
	answers map[string]*api.Answer
	untold  string     // an engine token that no answer may have in it
	calls   [][]string // the tokens of each call
	idle    bool       // the pool has nothing to do
}

func (s *script) Create(_ context.Context, batch []submission.Handover) ([]submission.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tokens []string
	for _, h := range batch {
		tokens = append(tokens, h.Token)
	}
	s.calls = append(s.calls, tokens)
	if s.create != nil {
		return s.create(batch)
	}
	return take(batch), nil
}

func take(batch []submission.Handover) []submission.Receipt {
	var receipts []submission.Receipt
	for _, h := range batch {
		receipts = append(receipts, submission.Receipt{EngineToken: "engine-" + h.Token})
	}
	return receipts
}

func (s *script) Results(_ context.Context, tokens []string) ([]*api.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var answers []*api.Answer
	if slices.Contains(tokens, s.untold) {
		return nil, submission.ErrPoolDown
	}
	for _, token := range tokens {
		answers = append(answers, s.answers[token])
	}
	return answers, nil
}

func (s *script) Pool() (submission.Pool, error) {
	config := api.DefaultConfig()
	config.MaxQueueSize = 0 // no bound
	return submission.Pool{Config: config, Workers: 1, Idle: s.idle}, nil
}

func (s *script) Publish(submission.Event) {}
func (s *script) Dispatched(string, int)   {}
func (s *script) Callback(string)          {}

type bundle struct {
	*script
	*Dispatcher
	store *sqlite.Store
	clock time.Time
	ended []*submission.Submission
}

// prepare makes a Dispatcher that was not started: a test runs its steps by hand.
func prepare(t *testing.T, tune ...func(*Options)) *bundle {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b := &bundle{script: &script{answers: map[string]*api.Answer{}}, store: store, clock: time.Unix(1_000_000, 0)}
	o := Options{
		Store: store, PoolWindow: 100_000, WindowLeast: 100_000, AccountInFlight: 100_000, Engine: b.script, Catalogue: b.script, Bus: b.script, Observer: b.script, Key: []byte("k"), CallbackBase: "http://gateway/",
		Finished: func(s *submission.Submission) { b.ended = append(b.ended, s) },
		Log:      slog.New(slog.DiscardHandler), Now: func() time.Time { return b.clock },
	}
	for _, f := range tune {
		f(&o)
	}
	b.Dispatcher = New(o)
	return b
}

func (b *bundle) insert(t *testing.T, tokens ...string) []*submission.Submission {
	t.Helper()
	return b.insertFor(t, "me", tokens...)
}

func (b *bundle) insertFor(t *testing.T, account string, tokens ...string) []*submission.Submission {
	t.Helper()
	var subs []*submission.Submission
	for _, token := range tokens {
		source := "source of " + token
		subs = append(subs, &submission.Submission{Account: account, Owner: b.Owner(), Submission: api.Submission{
			Token: token, SourceCode: &source, LanguageID: 71, WallTimeLimit: 10, NumberOfRuns: 1, Result: api.Result{Status: api.InQueue}, CreatedAt: b.clock,
		}})
	}
	if err := b.store.Insert(t.Context(), subs...); err != nil {
		t.Fatal(err)
	}
	return subs
}

// dispatch stores submissions and hands them over.
func (b *bundle) dispatch(t *testing.T, tokens ...string) {
	t.Helper()
	b.dispatchFor(t, "me", tokens...)
}

func (b *bundle) dispatchFor(t *testing.T, account string, tokens ...string) {
	t.Helper()
	if err := b.Reserve(account, len(tokens)); err != nil {
		t.Fatal(err)
	}
	b.Dispatch(b.insertFor(t, account, tokens...)...)
}

// step does what a forwarder does, until there is nothing to do now.
func (b *bundle) step(t *testing.T) {
	t.Helper()
	for range 1000 {
		batch, _ := b.take()
		if batch == nil {
			return
		}
		b.forward(t.Context(), batch)
	}
	t.Fatal("the forwarder goes on for ever")
}

func (b *bundle) pass(d time.Duration) { b.clock = b.clock.Add(d) }

func (b *bundle) reconcile(t *testing.T) {
	t.Helper()
	if err := b.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func tokens(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("t%03d", i))
	}
	return list
}

func TestWhatComesBackKeepsItsPlace(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	down := true
	b.create = func(batch []submission.Handover) ([]submission.Receipt, error) {
		if down {
			return nil, fmt.Errorf("%w: refused", submission.ErrPoolDown)
		}
		return take(batch), nil
	}
	all := tokens(45)
	b.dispatch(t, all[:25]...)
	b.step(t)
	if batch, pause := b.take(); batch != nil || pause <= 0 {
		t.Fatalf("a pool that is down is called again at once: %v, %v", batch, pause)
	}
	b.dispatch(t, all[25:]...)
	down = false
	b.pass(time.Minute)
	b.calls = nil
	b.step(t)
	if got := slices.Concat(b.calls...); !slices.Equal(got, all) || len(b.calls) != 3 || len(b.calls[0]) != 20 {
		t.Errorf("%d calls: %v", len(b.calls), b.calls)
	}
	if s := b.Stats(); s.Waiting != 0 || s.Unfinished != 45 || s.PoolAway {
		t.Errorf("got %+v", s)
	}
}

func TestOnlyOneForwarderTriesAPoolThatIsAway(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.dispatch(t, "a", "b")
	b.failures = 1
	batch, _ := b.take()
	b.dispatch(t, "c")
	if other, pause := b.take(); batch == nil || other != nil || pause != 0 {
		t.Errorf("got %v, %v, %v", batch, other, pause)
	}
}

func TestAFullPoolGetsFewerAtATime(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	room := 3
	b.create = func(batch []submission.Handover) ([]submission.Receipt, error) {
		if len(batch) > room {
			return nil, submission.ErrPoolFull
		}
		return take(batch), nil
	}
	b.dispatch(t, tokens(40)...)
	for range 100 {
		b.step(t)
		b.pass(time.Minute)
	}
	if s := b.Stats(); s.Waiting != 0 {
		t.Errorf("%d still wait", s.Waiting)
	}
}

func TestARefusedBatchGoesOneByOne(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.create = func(batch []submission.Handover) ([]submission.Receipt, error) {
		for _, h := range batch {
			if h.Token == "bad" {
				return nil, fmt.Errorf("%w: too large", submission.ErrPoolRefused)
			}
		}
		return take(batch), nil
	}
	b.dispatch(t, "a", "bad", "c")
	b.step(t)
	if len(b.ended) != 1 || b.ended[0].Token != "bad" || b.ended[0].Status != api.InternalError || !strings.Contains(*b.ended[0].Message, "too large") {
		t.Errorf("ended: %+v", b.ended)
	}
	if s := b.Stats(); s.Waiting != 0 || s.Unfinished != 2 {
		t.Errorf("got %+v", s)
	}
}

func TestProgramsBeyondTheMemoryBoundComeFromTheStore(t *testing.T) {
	t.Parallel()
	b := prepare(t, func(o *Options) { o.MemoryBytes = 1 })
	b.create = func(batch []submission.Handover) ([]submission.Receipt, error) {
		for _, h := range batch {
			if *h.SourceCode != "source of "+h.Token {
				t.Errorf("%s went out with %q", h.Token, *h.SourceCode)
			}
		}
		return take(batch), nil
	}
	b.dispatch(t, "a", "b")
	if b.held != 0 {
		t.Errorf("%d bytes are held", b.held)
	}
	b.step(t)
	if err := b.Dispatcher.Callback(t.Context(), "a", []byte(`{"status":{"id":3},"exit_code":0}`)); err != nil || len(b.ended) != 1 || *b.ended[0].SourceCode != "source of a" {
		t.Errorf("ended: %+v, %v", b.ended, err)
	}
}

func TestAStuckSubmissionIsRunAgainAndEndsAtLast(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.dispatch(t, "a")
	for round := 1; len(b.ended) == 0; round++ {
		b.step(t)
		b.answers["engine-a"] = &api.Answer{Token: "engine-a", Result: api.Result{Status: api.Processing}}
		b.pass(time.Minute)
		b.reconcile(t) // sees that it runs
		b.pass(time.Minute)
		b.reconcile(t) // still within its limits
		if len(b.calls) != round {
			t.Fatalf("%d calls in round %d", len(b.calls), round)
		}
		b.pass(10 * time.Minute)
		b.reconcile(t)
		if round > stuckMost {
			t.Fatal("it never ends")
		}
	}
	if len(b.calls) != stuckMost || b.ended[0].Status != api.InternalError {
		t.Errorf("%d calls, ended as %d", len(b.calls), b.ended[0].Status)
	}
}

func TestOneThatBreaksTheEngineHoldsNobodyUpAndEnds(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	healthy := true
	b.create = func(batch []submission.Handover) ([]submission.Receipt, error) {
		if !healthy || slices.ContainsFunc(batch, func(h submission.Handover) bool { return h.Token == "t003" }) {
			return nil, submission.ErrPoolUnsure
		}
		for _, h := range batch {
			b.answers["engine-"+h.Token] = &api.Answer{Result: api.Result{Status: api.InQueue}}
		}
		return take(batch), nil
	}
	round := func() {
		b.pass(11 * time.Second)
		b.reconcile(t)
		for range 30 { // as often as forwarders that pause after a failure
			b.step(t)
			b.pass(time.Second)
		}
	}
	b.dispatch(t, tokens(20)...)
	b.step(t)
	round()
	for token, e := range b.entries {
		if (e.engineToken == "") != (token == "t003") {
			t.Errorf("%s has the engine's token %q", token, e.engineToken)
		}
	}
	healthy = false
	for range 2 * brokenMost {
		round()
	}
	if len(b.ended) != 0 {
		t.Fatalf("%d ended while the engine took nothing at all", len(b.ended))
	}
	healthy = true
	for i := range brokenMost + 1 {
		b.dispatch(t, fmt.Sprintf("later-%d", i))
		round()
	}
	if len(b.ended) != 1 || b.ended[0].Token != "t003" || b.ended[0].Status != api.InternalError {
		t.Errorf("ended: %v", b.ended)
	}
}

func TestOneThatCantBeToldDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	const n = 60
	b.dispatch(t, tokens(n)...)
	b.step(t)
	for _, token := range tokens(n) {
		b.answers["engine-"+token] = &api.Answer{Result: api.Result{Status: api.Accepted}, Complete: true}
	}
	b.untold = "engine-" + tokens(n)[7]
	b.pass(11 * time.Second)
	if err := b.Reconcile(t.Context()); !errors.Is(err, submission.ErrPoolDown) {
		t.Errorf("got %v", err)
	}
	b.pass(time.Second)
	b.reconcile(t)
	if len(b.ended) != n-1 {
		t.Errorf("%d of %d ended", len(b.ended), n-1)
	}
}

func TestASubmissionThatOnlyTheStoreKnowsIsFound(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Stop()
	b.insert(t, "a")
	for sweep := range 2 {
		if err := b.takeUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The first time it may be on its way from the store to Dispatch.
		if got := b.Stats().Unfinished; got != sweep {
			t.Errorf("sweep %d: %d unfinished", sweep, got)
		}
	}
}

func TestAStartThatIsToldAfterABrokenCallStopsTheRepeat(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.create = func([]submission.Handover) ([]submission.Receipt, error) { return nil, submission.ErrPoolUnsure }
	b.dispatch(t, "a")
	b.step(t)
	b.pass(time.Minute)
	b.reconcile(t) // it is to go out again
	if err := b.Dispatcher.Callback(t.Context(), "a", []byte(`{"token":"engine-a","status":{"id":2}}`)); err != nil {
		t.Fatal(err)
	}
	b.step(t)
	if len(b.calls) != 1 {
		t.Errorf("it went out %d times", len(b.calls))
	}
	if err := b.Dispatcher.Callback(t.Context(), "none", []byte(`{"status":{"id":3}}`)); !errors.Is(err, submission.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if s := b.Stats(); s.Waiting != 0 || s.Unfinished != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestEngineTokensAreStoredOffThePath(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.dispatch(t, "a", "b")
	b.step(t)
	if err := b.Dispatcher.Callback(t.Context(), "b", []byte(`{"status":{"id":3},"exit_code":0}`)); err != nil {
		t.Fatal(err)
	}
	if len(b.pending) != 1 {
		t.Errorf("%v is to be stored; what has ended needs no record", b.pending)
	}
	b.storeTokens(t.Context())
	if found, err := b.store.Load(t.Context(), "a"); err != nil || found["a"].EngineToken != "engine-a" || found["a"].State != submission.Forwarded {
		t.Errorf("got %+v, %v", found["a"], err)
	}
}
