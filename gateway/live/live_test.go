package live

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

func TestEventsReachThoseWhoListen(t *testing.T) {
	t.Parallel()
	b := NewBus()
	one, two, other := b.Subscribe("a"), b.Subscribe("a"), b.Subscribe("b")
	b.Publish(submission.Event{Token: "a", State: submission.Finished})
	for _, l := range []submission.Subscription{one, two} {
		if e := <-l.Events(); e.State != submission.Finished {
			t.Errorf("got %+v", e)
		}
	}
	other.Close()
	if _, open := <-other.Events(); open {
		t.Error("an event of another token came")
	}
	one.Close()
	one.Close()
	two.Close()
	if b.Listeners() != 0 {
		t.Errorf("%d listeners are left", b.Listeners())
	}
}

func TestSlowListenersAreDropped(t *testing.T) {
	t.Parallel()
	b := NewBus()
	slow := b.Subscribe("a")
	for range buffer + 1 {
		b.Publish(submission.Event{Token: "a"})
	}
	n := 0
	for range slow.Events() {
		n++
	}
	if n != buffer || b.Dropped() != 1 || b.Listeners() != 0 {
		t.Errorf("%d events, %d dropped, %d listeners", n, b.Dropped(), b.Listeners())
	}
	slow.Close()
}

func TestBusUnderLoad(t *testing.T) {
	t.Parallel()
	b := NewBus()
	var wg sync.WaitGroup
	for i := range 200 {
		token := string(rune('a' + i%20))
		wg.Go(func() {
			l := b.Subscribe(token)
			b.Publish(submission.Event{Token: token})
			<-l.Events()
			l.Close()
		})
	}
	wg.Wait()
	if b.Listeners() != 0 {
		t.Errorf("%d listeners are left", b.Listeners())
	}
}

func queued() *submission.Submission {
	return &submission.Submission{Submission: api.Submission{Token: "a", Result: api.Result{Status: api.InQueue}}}
}

func TestKeepAliveAndDroppedListener(t *testing.T) {
	t.Parallel()
	b := NewBus()
	tick := make(chan time.Time)
	done := queued().Failed("boom", time.Now())
	s := NewStreams(1, func(*submission.Submission) any { return "job" }, func(context.Context, *submission.Submission) (*submission.Submission, error) {
		return done, nil
	})
	s.Tick = func(time.Duration) (<-chan time.Time, func()) { return tick, func() {} }
	listener := b.Subscribe("a")
	recorder := httptest.NewRecorder()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(recorder, httptest.NewRequest("GET", "/", nil), queued(), listener)
	}()
	tick <- time.Time{}
	listener.Close() // as the bus does to a slow one
	<-ended
	body := recorder.Body.String()
	if !strings.Contains(body, ": alive\n\n") || !strings.HasSuffix(body, "id: 3\nevent: result\ndata: \"job\"\n\n") {
		t.Errorf("got %q", body)
	}
}

func TestStopAndClientGone(t *testing.T) {
	t.Parallel()
	s := NewStreams(1, nil, nil)
	leave, err := s.Enter()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Enter(); err == nil {
		t.Error("there was room for two")
	}
	leave()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l := NewBus().Subscribe("a")
	s.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx), queued(), l)
	s.Stop()
	s.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), queued(), l)
}
