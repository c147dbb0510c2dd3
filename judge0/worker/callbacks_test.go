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

// A receiver that does not answer within CALLBACKS_TIMEOUT is tried again, CALLBACKS_MAX_TRIES times in all.
func TestCallbacksTimeOutAndEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ hangs, want int32 }{"answers the second": {1, 2}, "never answers": {100, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then the end of the connection is noticed
				if calls.Add(1) <= tc.hangs {
					<-r.Context().Done()
				}
			}))
			t.Cleanup(receiver.Close)
			c := NewCallbacks(CallbackOptions{Tries: 3, Timeout: 200 * time.Millisecond, Backoff: func(int) time.Duration { return 0 }, Logger: slog.New(slog.DiscardHandler)})
			c.Start()
			s := &api.Submission{Token: "t", CallbackURL: &receiver.URL, Result: api.Result{Status: api.Accepted}}
			c.Started(s)(s)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := c.Stop(ctx); err != nil { // it waits for all tries
				t.Error(err)
			}
			if got := calls.Load(); got != tc.want {
				t.Errorf("%d calls, want %d", got, tc.want)
			}
		})
	}
}
