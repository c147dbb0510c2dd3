package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
)

var deliveries = map[string]func(*testing.T, Store){
	"a result comes with the call that is owed": func(t *testing.T, s Store) {
		a, b, c := full("a", "me"), full("b", "me"), full("c", "me")
		b.CallbackURL = nil
		insert(t, s, a, b, c)
		if due, err := s.TakeDue(ctx, noon.Add(time.Hour), noon.Add(2*time.Hour), 10); err != nil || len(due) != 0 {
			t.Fatalf("before the results: %+v, %v", due, err)
		}
		finish(t, s, endedAt(c, noon.Add(time.Second)), endedAt(a, noon.Add(time.Minute)), ended(b))
		now, until := noon.Add(time.Hour), noon.Add(2*time.Hour)
		if due, err := s.TakeDue(ctx, noon, until, 10); err != nil || len(due) != 0 {
			t.Fatalf("before it is due: %+v, %v", due, err)
		}
		due, err := s.TakeDue(ctx, now, until, 1)
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		first := webhook.Delivery{Token: "c", Account: "me", URL: "http://x", State: webhook.Pending, DueAt: until, UpdatedAt: noon.Add(time.Second)}
		same(t, "the first", due[0].Delivery, first)
		if sub := due[0].Submission; sub == nil || sub.Token != "c" || *sub.Stdout != "\xfe" || sub.SourceCode != nil || sub.State != submission.Finished {
			t.Errorf("its submission: %+v", sub)
		}
		if due, err = s.TakeDue(ctx, now, until, 10); err != nil || len(due) != 1 || due[0].Token != "a" {
			t.Fatalf("the second: %+v, %v", due, err)
		}
		if due, err = s.TakeDue(ctx, now, until, 10); err != nil || len(due) != 0 {
			t.Fatalf("taken twice: %+v, %v", due, err)
		}

		failed := first
		failed.Attempts, failed.LastStatus, failed.LastError, failed.DueAt, failed.UpdatedAt = 1, 503, "the receiver answered 503", until.Add(time.Hour), until
		done := webhook.Delivery{Token: "a", Account: "me", URL: "http://x", State: webhook.Delivered, Attempts: 1, LastStatus: 200, DueAt: until, UpdatedAt: until}
		if err := errors.Join(s.Note(ctx, failed), s.Note(ctx, done)); err != nil {
			t.Fatal(err)
		}
		if due, err := s.TakeDue(ctx, until, until.Add(time.Hour), 10); err != nil || len(due) != 0 {
			t.Errorf("before it is due again: %+v, %v", due, err)
		}
		for _, c := range []struct {
			state webhook.DeliveryState
			want  []webhook.Delivery
		}{{"", []webhook.Delivery{failed, done}}, {webhook.Pending, []webhook.Delivery{failed}}, {webhook.Delivered, []webhook.Delivery{done}}, {webhook.GivenUp, nil}} {
			page, next, err := s.Deliveries(ctx, "me", c.state, "", 10)
			if err != nil || next != "" || len(page) != len(c.want) {
				t.Fatal(page, next, err)
			}
			for i := range page {
				same(t, "listed as "+string(c.state), page[i], c.want[i])
			}
		}
		if due, err = s.TakeDue(ctx, until.Add(time.Hour), until.Add(2*time.Hour), 10); err != nil || len(due) != 1 || due[0].Attempts != 1 {
			t.Errorf("when it is due again: %+v, %v", due, err)
		}
	},

	"deliveries in pages": func(t *testing.T, s Store) {
		for i := range 5 {
			sub := full(numbered("t", i), "me")
			insert(t, s, sub)
			finish(t, s, ended(sub))
		}
		other := full("x", "other")
		insert(t, s, other)
		finish(t, s, ended(other))
		got, cursor := []string{}, ""
		for {
			page, next, err := s.Deliveries(ctx, "me", webhook.Pending, cursor, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page {
				got = append(got, d.Token)
			}
			if cursor = next; next == "" {
				break
			}
		}
		same(t, "all", got, []string{"t04", "t03", "t02", "t01", "t00"})
		if _, _, err := s.Deliveries(ctx, "me", "", "?", 2); !isCode(err, submission.Malformed) {
			t.Errorf("a bad cursor: %v", err)
		}
	},

	"a delivery is made again": func(t *testing.T, s Store) {
		a, b := full("a", "me"), full("b", "me")
		b.CallbackURL = nil
		insert(t, s, a, b)
		finish(t, s, ended(a), ended(b))
		gone := webhook.Delivery{Token: "a", Account: "me", URL: "http://x", State: webhook.GivenUp, Attempts: 5, LastStatus: 500, LastError: "e", DueAt: noon, UpdatedAt: noon}
		if err := s.Note(ctx, gone); err != nil {
			t.Fatal(err)
		}
		now := noon.Add(time.Hour)
		want := gone
		want.State, want.Attempts, want.DueAt, want.UpdatedAt = webhook.Pending, 0, now, now
		for _, when := range []time.Time{now, now.Add(time.Hour)} {
			got, err := s.Redeliver(ctx, "me", "a", when)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "again", got, want)
		}
		for _, c := range [][2]string{{"other", "a"}, {"me", "b"}, {"me", "none"}} {
			if _, err := s.Redeliver(ctx, c[0], c[1], now); !errors.Is(err, submission.ErrNotFound) {
				t.Errorf("%v: %v", c, err)
			}
		}
		if due, err := s.TakeDue(ctx, now, now.Add(time.Minute), 10); err != nil || len(due) != 1 {
			t.Errorf("%+v, %v", due, err)
		}
	},
}
