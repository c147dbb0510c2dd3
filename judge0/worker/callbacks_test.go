package worker

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
)

// A receiver that does not answer within CALLBACKS_TIMEOUT, or answers other than 2xx, is tried again,
// CALLBACKS_MAX_TRIES times in all and never more; one whose answer does not end is left, and where one leads on
// nobody goes.
func TestCallbacksTimeOutAndEnd(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, tc := range map[string]struct {
		bad     http.HandlerFunc
		times   int32
		want    int32
		timeout time.Duration
	}{
		"answers the second": {hang, 1, 2, 200 * time.Millisecond},
		"never answers":      {hang, 100, 3, 200 * time.Millisecond},
		"always fails":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 100, 3, time.Minute},
		"leads on":           {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) }, 100, 3, time.Minute},
		"begins an answer": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}, 100, 1, 200 * time.Millisecond},
		"answers without an end": {func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, 100, 1, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then the end of the connection is noticed
				if calls.Add(1) <= tc.times {
					tc.bad(w, r)
				}
			}))
			t.Cleanup(receiver.Close)
			c := NewCallbacks(CallbackOptions{Tries: 3, Timeout: tc.timeout, Backoff: func(int) time.Duration { return 0 }, Logger: slog.New(slog.DiscardHandler)})
			c.Start()
			s := &api.Submission{Token: "t", CallbackURL: &receiver.URL, Result: api.Result{Status: api.Accepted}}
			c.Started(s)(s)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := c.Stop(ctx); err != nil { // it waits for all tries
				t.Error(err)
			}
			time.Sleep(50 * time.Millisecond) // for a call too many
			if got := calls.Load(); got != tc.want {
				t.Errorf("%d calls, want %d", got, tc.want)
			}
		})
	}
}
