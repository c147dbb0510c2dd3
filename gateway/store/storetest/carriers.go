package storetest

import (
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// carriers are about the gateways that carry submissions to the pool.
var carriers = map[string]func(*testing.T, Store){
	"states": func(t *testing.T, s Store) {
		a := full("a", "me")
		insert(t, s, a, full("b", "me"))
		state := func(token string) submission.State {
			got, err := s.Get(ctx, "me", token, submission.Whole)
			if err != nil {
				t.Fatal(err)
			}
			return got.State
		}
		if err := s.Forwarded(ctx, map[string]string{"a": "engine-a"}); err != nil || state("a") != submission.Forwarded || state("b") != submission.Queued {
			t.Errorf("states %v %v, %v", state("a"), state("b"), err)
		}
		begun := a.Begun(api.Answer{Token: "engine-a"}, noon)
		if changed, err := s.Begin(ctx, begun); !changed || err != nil || state("a") != submission.Processing {
			t.Errorf("%v, %v, state %v", changed, err, state("a"))
		}
		if changed, err := s.Begin(ctx, begun); changed || err != nil {
			t.Errorf("begun twice: %v", err)
		}
		if err := s.Forwarded(ctx, map[string]string{"a": "engine-b"}); err != nil || state("a") != submission.Processing {
			t.Errorf("state %v, %v", state("a"), err)
		}
		pending := unfinished(t, s, "g1", submission.Pending{}, 10)
		if len(pending) != 2 || pending[0].Token != "a" || pending[0].State != submission.Processing || pending[0].EngineToken != "engine-b" ||
			pending[1].Token != "b" || pending[1].State != submission.Queued || pending[1].EngineToken != "" || pending[0].Seq >= pending[1].Seq {
			t.Errorf("got %+v", pending)
		}
		finish(t, s, ended(a))
		if first, err := s.Finish(ctx, ended(a).Failed("late", noon)); first || err != nil {
			t.Errorf("ended twice: %v", err)
		}
		if err := s.Forwarded(ctx, map[string]string{"a": "late"}); err != nil || state("a") != submission.Finished {
			t.Errorf("state %v, %v", state("a"), err)
		}
		if changed, err := s.Begin(ctx, begun); changed || err != nil {
			t.Errorf("begun after its end: %v", err)
		}
		got, err := s.Get(ctx, "me", "a", submission.Whole)
		if err != nil || got.EngineToken != "engine" || got.Status != api.Accepted {
			t.Errorf("what came late changed it: %+v, %v", got, err)
		}
		if err := s.Forwarded(ctx, nil); err != nil {
			t.Errorf("nothing forwarded: %v", err)
		}
		if changed, err := s.Begin(ctx, full("none", "me").Begun(api.Answer{}, noon)); changed || err != nil {
			t.Errorf("begun though it is not there: %v", err)
		}
	},

	"unfinished, by owner and page": func(t *testing.T, s Store) {
		for i := range 7 {
			sub := full(numbered("t", i), "me")
			if i == 3 {
				sub.Owner = "g2"
			}
			insert(t, s, sub)
		}
		finish(t, s, ended(full("t01", "me")))
		var got []string
		for after := (submission.Pending{}); ; {
			page := unfinished(t, s, "g1", after, 2)
			for _, p := range page {
				got, after = append(got, p.Token), p
			}
			if len(page) < 2 {
				break
			}
		}
		same(t, "of g1", got, []string{"t00", "t02", "t04", "t05", "t06"})
		if of2 := unfinished(t, s, "g2", submission.Pending{}, 10); len(of2) != 1 || of2[0].Token != "t03" {
			t.Errorf("of g2: %+v", of2)
		}
	},

	"the work of a gateway that is gone is adopted": func(t *testing.T, s Store) {
		now := noon
		alive := func(gateway string, until time.Time) {
			if err := s.Alive(ctx, gateway, until); err != nil {
				t.Fatal(err)
			}
		}
		adopt := func(gateway string, limit int) []string {
			t.Helper()
			pending, err := s.Adopt(ctx, gateway, now, limit)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for i, p := range pending {
				got = append(got, p.Token)
				if i > 0 && pending[i-1].Seq >= p.Seq {
					t.Errorf("not in order: %+v", pending)
				}
			}
			return got
		}
		for i, owner := range []string{"g1", "g2", "unknown", "", "g1", "g1"} {
			sub := full(numbered("t", i), "me")
			sub.Owner = owner
			insert(t, s, sub)
		}
		finish(t, s, ended(full("t04", "me")))
		alive("g1", now.Add(time.Minute))
		alive("g2", now.Add(time.Minute))
		same(t, "of those that nobody carries", adopt("g2", 10), []string{"t02", "t03"})
		same(t, "nothing more", adopt("g2", 10), []string{})
		now = now.Add(30 * time.Second)
		alive("g2", now.Add(time.Minute))
		now = now.Add(30 * time.Second)
		same(t, "one of g1's, whose time has come", adopt("g2", 1), []string{"t00"})
		same(t, "g1's other", adopt("g2", 10), []string{"t05"})
		if of1 := unfinished(t, s, "g1", submission.Pending{}, 10); len(of1) != 0 {
			t.Errorf("g1 still has %+v", of1)
		}
		if of2 := unfinished(t, s, "g2", submission.Pending{}, 10); len(of2) != 5 {
			t.Errorf("g2 has %+v", of2)
		}
		if sub, err := s.Get(ctx, "me", "t00", submission.Outcome); err != nil || sub.Owner != "g2" {
			t.Errorf("%+v, %v", sub, err)
		}
		alive("g3", now.Add(time.Minute))
		if err := s.Leave(ctx, "g2"); err != nil {
			t.Fatal(err)
		}
		if got := adopt("g3", 10); len(got) != 5 {
			t.Errorf("g3 adopted %v", got)
		}
		if err := s.Leave(ctx, "g2"); err != nil {
			t.Errorf("left twice: %v", err)
		}
	},
}

func unfinished(t *testing.T, s Store, owner string, after submission.Pending, limit int) []submission.Pending {
	t.Helper()
	pending, err := s.Unfinished(ctx, owner, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	return pending
}
