package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// fifo makes a pool of the script that ends what it has in the order in which it came.
type fifo struct {
	*bundle
	took time.Duration // of the clock, for each
	has  []string
	most int
}

func newFIFO(b *bundle) *fifo {
	f := &fifo{bundle: b}
	b.create = func(batch []submission.Handover) ([]submission.Receipt, error) {
		for _, h := range batch {
			f.has = append(f.has, h.Token)
		}
		f.most = max(f.most, len(f.has))
		return take(batch), nil
	}
	return f
}

// work ends one after the other until done says so, and forwards in between.
func (f *fifo) work(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		f.step(t)
		if len(f.has) == 0 {
			t.Fatal("nothing is forwarded")
		}
		first := f.has[0]
		f.has = f.has[1:]
		f.pass(f.took)
		if err := f.Dispatcher.Callback(t.Context(), first, []byte(`{"status":{"id":3},"exit_code":0}`)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALightAccountIsNotHeldUp(t *testing.T) {
	t.Parallel()
	b := prepare(t, func(o *Options) {
		o.QueueLimit, o.PoolWindow, o.WindowLeast, o.AccountInFlight = 20_000, 1000, 0, 0
	})
	f := newFIFO(b)
	f.took = 10 * time.Millisecond
	var heavy []string
	for i := range 10_000 {
		heavy = append(heavy, fmt.Sprintf("h%05d", i))
	}
	b.dispatchFor(t, "heavy", heavy...)
	f.work(t, func() bool { return len(b.ended) == 100 }) // the window finds its size
	before := len(b.ended)
	b.dispatchFor(t, "light", "light")
	f.work(t, func() bool {
		return slices.ContainsFunc(b.ended, func(s *submission.Submission) bool { return s.Token == "light" })
	})
	between := len(b.ended) - before - 1
	t.Logf("%d of %d submissions of the other account ended before the one of the light account, %d in the pool at most", between, len(heavy), f.most)
	// The pool ends 100 a second, and is to have what it ends in half a second to a second.
	if between > 100 {
		t.Errorf("%d submissions of the other account ended first", between)
	}
	for i, s := range b.ended[:before] {
		if s.Token != heavy[i] {
			t.Fatalf("number %d to end was %s", i, s.Token)
		}
	}
}

func TestAccountsTakeTurns(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	for account, n := range map[string]int{"a": 30, "b": 5, "c": 1} {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("%s%02d", account, i))
		}
		b.dispatchFor(t, account, list...)
	}
	b.step(t)
	sent := slices.Concat(b.calls...)
	of := func(account string, tokens []string) (list []string) {
		for _, token := range tokens {
			if strings.HasPrefix(token, account) {
				list = append(list, token)
			}
		}
		return list
	}
	if len(sent) != 36 || len(of("b", sent[:14])) != 5 || len(of("c", sent[:3])) != 1 {
		t.Errorf("sent as %v", sent)
	}
	for _, account := range []string{"a", "b"} {
		if list := of(account, sent); !slices.IsSorted(list) {
			t.Errorf("out of order: %v", list)
		}
	}
}

func TestThePoolIsNotSentMoreThanItsWindow(t *testing.T) {
	t.Parallel()
	b := prepare(t, func(o *Options) { o.PoolWindow, o.WindowLeast, o.AccountInFlight = 30, 30, 10 })
	f := newFIFO(b)
	for _, account := range []string{"a", "b", "c", "d", "e"} {
		var list []string
		for i := range 40 {
			list = append(list, fmt.Sprintf("%s%02d", account, i))
		}
		b.dispatchFor(t, account, list...)
	}
	b.step(t)
	if s := b.Stats(); s.InPool != 30 || s.Waiting != 170 {
		t.Errorf("%+v", s)
	}
	f.work(t, func() bool {
		of := map[string]int{}
		for _, token := range f.has {
			if of[token[:1]]++; of[token[:1]] > 10 {
				t.Fatalf("the pool has %v", f.has)
			}
		}
		return len(b.ended) == 200
	})
	if s := b.Stats(); f.most != 30 || s != (Stats{Window: 30}) || len(b.queue.lines) != 0 {
		t.Errorf("%d at most; %+v, %d lines", f.most, s, len(b.queue.lines))
	}
}

func TestTheWindowFitsThePool(t *testing.T) {
	t.Parallel()
	b := prepare(t, func(o *Options) { o.QueueLimit, o.PoolWindow, o.WindowLeast = 20_000, 80, 8 })
	f := newFIFO(b)
	var list []string
	for i := range 500 {
		list = append(list, fmt.Sprintf("t%04d", i))
	}
	b.dispatch(t, list...)
	f.took = time.Millisecond
	f.work(t, func() bool { return len(b.ended) == 200 })
	if s := b.Stats(); s.Window != 80 {
		t.Errorf("a fast pool is sent %d ahead", s.Window)
	}
	f.took = 5 * time.Second
	f.work(t, func() bool { return len(b.ended) == 300 })
	if s := b.Stats(); s.Window != 8 {
		t.Errorf("a slow pool is sent %d ahead", s.Window)
	}
}

func TestOneAccountDoesNotFillTheQueue(t *testing.T) {
	t.Parallel()
	b := prepare(t, func(o *Options) { o.QueueLimit = 1000 })
	taken := 0
	for b.Reserve("heavy", 1) == nil {
		taken++
	}
	if taken != 900 {
		t.Errorf("one account got %d of 1000 places", taken)
	}
	var full *submission.Error
	for i := range 10 {
		account := fmt.Sprint(i)
		for range 10 {
			if err := b.Reserve(account, 1); err != nil {
				t.Fatalf("a light account is refused: %v", err)
			}
		}
	}
	if err := b.Reserve("last", 1); !errors.As(err, &full) || full.Code != submission.QueueFull {
		t.Errorf("beyond the limit: %v", err)
	}
	b.Release("heavy", 900)
	for i := range 10 {
		b.Release(fmt.Sprint(i), 10)
	}
	if s := b.Stats(); s.Waiting != 0 || len(b.queue.lines) != 0 {
		t.Errorf("%+v, %d lines", s, len(b.queue.lines))
	}
}

func TestWhatThePoolLostFromItsQueueIsSentAgain(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.dispatch(t, "a")
	b.step(t)
	b.answers["engine-a"] = &api.Answer{Token: "engine-a", Result: api.Result{Status: api.InQueue}}
	for range 6 {
		b.pass(11 * time.Second)
		b.reconcile(t)
		b.step(t)
	}
	if len(b.calls) != 1 {
		t.Fatalf("%d calls while the pool was busy", len(b.calls))
	}
	b.idle = true // stock Judge0 after it lost its Redis
	b.pass(11 * time.Second)
	b.reconcile(t)
	b.step(t)
	if len(b.calls) != 2 {
		t.Errorf("%d calls", len(b.calls))
	}
}

// BenchmarkQueue measures one submission's way through the queue while 10,000 of other accounts wait.
func BenchmarkQueue(b *testing.B) {
	for _, accounts := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			q := queue{lines: map[string]*line{}, window: 1 << 30, each: 1 << 30}
			entries := make([]*entry, 10_000)
			for i := range entries {
				entries[i] = &entry{seq: int64(i), index: -1, line: q.line(fmt.Sprint(i % accounts))}
				q.push(entries[i])
			}
			next := int64(len(entries))
			for b.Loop() {
				q.peek()
				e := q.pop()
				q.leave(e)
				e.seq, next = next, next+1
				e.line = q.line(e.line.account)
				q.push(e)
			}
		})
	}
}
