package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// many is how many do the same at once, and several how many share what there is to do.
const (
	many    = 40
	several = 8
)

// together runs f n times at once.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	wg.Wait()
}

// races are about what a store promises to those who write at the same time.
var races = map[string]func(*testing.T, Store){
	"one of many ends a submission": func(t *testing.T, s Store) {
		sub := full("a", "me")
		insert(t, s, sub)
		var firsts, begun atomic.Int32
		together(many, func(i int) {
			if i%4 == 0 {
				if changed, err := s.Begin(ctx, sub.Begun(api.Answer{}, noon)); err != nil {
					t.Error(err)
				} else if changed {
					begun.Add(1)
				}
			}
			result := ended(sub)
			result.Stdout = ptr(fmt.Sprint(i))
			first, err := s.Finish(ctx, result)
			if err != nil {
				t.Error(err)
			}
			if !first {
				return
			}
			firsts.Add(1)
			if got, err := s.Get(ctx, "me", "a", submission.Outcome); err != nil || *got.Stdout != fmt.Sprint(i) {
				t.Errorf("%d was told that it ended it, but %+v, %v", i, got, err)
			}
		})
		if firsts.Load() != 1 || begun.Load() > 1 {
			t.Errorf("%d were told that they ended it, %d that they began it", firsts.Load(), begun.Load())
		}
	},

	"a delivery goes to one of many": func(t *testing.T, s Store) {
		var all []*submission.Submission
		for i := range many {
			all = append(all, full(numbered("t", i), "me"))
		}
		insert(t, s, all...)
		for _, sub := range all {
			finish(t, s, ended(sub))
		}
		var mu sync.Mutex
		taken := map[string]int{}
		together(several, func(int) {
			for {
				due, err := s.TakeDue(ctx, noon.Add(time.Hour), noon.Add(2*time.Hour), 3)
				if err != nil {
					t.Error(err)
				}
				if len(due) == 0 {
					return
				}
				mu.Lock()
				for _, d := range due {
					taken[d.Token]++
				}
				mu.Unlock()
			}
		})
		for token, n := range taken {
			if n != 1 {
				t.Errorf("%s was taken %d times", token, n)
			}
		}
		if len(taken) != many {
			t.Errorf("%d were taken", len(taken))
		}
	},

	"work is adopted by one of many": func(t *testing.T, s Store) {
		var all []*submission.Submission
		for i := range many {
			all = append(all, full(numbered("t", i), "me"))
		}
		insert(t, s, all...)
		var mu sync.Mutex
		adopted := map[string]int{}
		together(several, func(i int) {
			gateway := fmt.Sprint("new", i)
			if err := s.Alive(ctx, gateway, noon.Add(time.Hour)); err != nil {
				t.Error(err)
			}
			for {
				pending, err := s.Adopt(ctx, gateway, noon, 7)
				if err != nil {
					t.Error(err)
				}
				if len(pending) == 0 {
					return
				}
				mu.Lock()
				for _, p := range pending {
					adopted[p.Token]++
				}
				mu.Unlock()
			}
		})
		for token, n := range adopted {
			if n != 1 {
				t.Errorf("%s was adopted %d times", token, n)
			}
		}
		if len(adopted) != many {
			t.Errorf("%d were adopted", len(adopted))
		}
	},

	"usage of many adds up": func(t *testing.T, s Store) {
		day := noon.Truncate(24 * time.Hour)
		together(many, func(int) {
			if err := s.AddUsage(ctx, []limit.Usage{{Account: "me", Day: day, Submissions: 1, Finished: 2, CPU: time.Millisecond}}); err != nil {
				t.Error(err)
			}
		})
		used, err := s.Usage(ctx, "me", day, day)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "used", used, []limit.Usage{{Account: "me", Day: day, Submissions: many, Finished: 2 * many, CPU: many * time.Millisecond}})
	},

	"many share one submission": func(t *testing.T, s Store) {
		insert(t, s, full("a", "me"))
		var mu sync.Mutex
		shares := map[string]int{}
		together(many, func(i int) {
			share, err := s.AddShare(ctx, submission.Share{ID: fmt.Sprint(i), Account: "me", Token: "a", CreatedAt: noon})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			shares[share.ID]++
		})
		if len(shares) != 1 {
			t.Errorf("shares %v", shares)
		}
	},

	"an idempotency key makes one of many": func(t *testing.T, s Store) {
		var mu sync.Mutex
		made := []string{}
		stands := map[string]int{}
		together(many, func(i int) {
			token := numbered("t", i)
			sub := full(token, "me")
			before, err := s.InsertOnce(ctx, once("k", noon, token), noon, sub)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if before == nil {
				made = append(made, sub.Token)
				stands[sub.Token]++
			} else {
				stands[before.Tokens[0]]++
			}
		})
		if len(made) != 1 || stands[made[0]] != many {
			t.Errorf("made %v; it stands for %v", made, stands)
		}
		if _, total, err := s.List(ctx, "me", 0, 1, submission.Outcome); err != nil || total != 1 {
			t.Errorf("%d are stored, %v", total, err)
		}
	},

	"many insert at once": func(t *testing.T, s Store) {
		insert(t, s, full("there", "me"))
		var stored atomic.Int32
		together(many, func(i int) {
			subs := []*submission.Submission{full(numbered("a", i), "me"), full(numbered("b", i), "me")}
			if i%4 == 0 {
				subs = append(subs, full("there", "me")) // one's fault is no other's
			}
			if err := s.Insert(ctx, subs...); (err != nil) != (i%4 == 0) {
				t.Errorf("%d: %v", i, err)
			} else if err == nil {
				stored.Add(2)
			}
		})
		if _, total, err := s.List(ctx, "me", 0, 1, submission.Outcome); err != nil || total != 1+int(stored.Load()) {
			t.Errorf("%d are stored, not %d, %v", total, 1+stored.Load(), err)
		}
		if pending := unfinished(t, s, "g1", submission.Pending{}, 1000); len(pending) != 1+int(stored.Load()) {
			t.Errorf("%d are unfinished", len(pending))
		}
	},

	"many make one account and one setting": func(t *testing.T, s Store) {
		var mu sync.Mutex
		names, values := map[string]int{}, map[string]int{}
		together(many, func(i int) {
			mine := fmt.Sprint(i)
			record, err := s.EnsureAccount(ctx, auth.Record{ID: "me", Name: mine, CreatedAt: noon})
			if err != nil {
				t.Error(err)
				return
			}
			value, err := s.Setting(ctx, "k", func() ([]byte, error) { return []byte(mine), nil })
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			names[record.Name]++
			values[string(value)]++
		})
		if len(names) != 1 || len(values) != 1 {
			t.Errorf("accounts %v, settings %v", names, values)
		}
	},
}
