package dispatch

import (
	"slices"
	"testing"

	"github.com/sandgate/sandgate/gateway/submission"
)

// Whoever is at Redis may announce that a submission has ended which has not. This gateway forgets it then, but the
// store does not: the next sweeps find it, and it ends as any other.
func TestAForgedEndLosesNoSubmission(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.stop = func() {} // as started: what a sweep finds is taken up by the next one
	b.dispatch(t, "sent")
	b.step(t)
	b.storeTokens(t.Context())
	b.dispatch(t, "on its way")
	batch, _ := b.take()
	b.dispatch(t, "waiting")
	all := []string{"sent", "on its way", "waiting"}
	for _, token := range append(all, "never heard of") {
		b.Heard(submission.Event{Token: token, Account: "me", State: submission.Finished})
	}
	b.forward(t.Context(), batch)
	if s := b.Stats(); s.Unfinished != 0 || s.Waiting != 0 || s.InPool != 0 || len(b.ended) != 0 {
		t.Errorf("got %+v, %d ended", s, len(b.ended))
	}
	stored, err := b.store.Load(t.Context(), all...)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range all {
		if s := stored[token]; s == nil || s.State == submission.Finished {
			t.Errorf("%s: the store has %+v", token, s)
		}
	}
	for range 2 {
		if err := b.takeUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.step(t)
	if last := b.calls[len(b.calls)-1]; !slices.Contains(last, "waiting") || slices.Contains(slices.Concat(b.calls[1:]...), "sent") {
		t.Errorf("the pool got %v", b.calls)
	}
	for _, token := range all {
		if err := b.Dispatcher.Callback(t.Context(), token, []byte(`{"status":{"id":3},"exit_code":0}`)); err != nil {
			t.Fatal(err)
		}
		b.Heard(submission.Event{Token: token, Account: "me", State: submission.Finished}) // nor does it matter afterwards
	}
	if s := b.Stats(); len(b.ended) != len(all) || s.Unfinished != 0 || s.Waiting != 0 || s.InPool != 0 {
		t.Errorf("%d ended, %+v", len(b.ended), s)
	}
}
