package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

func once(key string, when time.Time, tokens ...string) submission.Once {
	return submission.Once{Account: "me", Key: key, Request: [32]byte{1, 2, 3}, Tokens: tokens, At: when}
}

// history reads all pages.
func history(t *testing.T, s Store, account string, filter submission.Filter) (all []string, pages int) {
	t.Helper()
	all = []string{}
	for {
		page, next, err := s.History(ctx, account, filter)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tokens(page)...)
		if pages++; next == "" {
			return all, pages
		}
		if len(page) != filter.Limit {
			t.Errorf("a page of %d is followed by another", len(page))
		}
		filter.Cursor = next
	}
}

var records = map[string]func(*testing.T, Store){
	"an idempotency key": func(t *testing.T, s Store) {
		first := once("k", noon, "a", "b")
		if before, err := s.InsertOnce(ctx, first, noon.Add(-time.Hour), full("a", "me"), full("b", "me")); before != nil || err != nil {
			t.Fatal(before, err)
		}
		before, err := s.InsertOnce(ctx, once("k", noon.Add(time.Minute), "c"), noon.Add(-time.Hour), full("c", "me"))
		if err != nil || before == nil {
			t.Fatal(before, err)
		}
		same(t, "what it stands for", *before, first)
		if read, err := s.Once(ctx, "me", "k", noon.Add(-time.Hour)); err != nil || read == nil {
			t.Error(read, err)
		} else {
			same(t, "what it is read to stand for", *read, first)
		}
		for _, none := range []struct {
			account, key string
			since        time.Time
		}{{"other", "k", noon}, {"me", "l", noon}, {"me", "k", noon.Add(time.Second)}} {
			if read, err := s.Once(ctx, none.account, none.key, none.since); read != nil || err != nil {
				t.Errorf("%v stands for %v, %v", none, read, err)
			}
		}
		if _, err := s.Get(ctx, "me", "c", submission.Outcome); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("stored all the same: %v", err)
		}
		other := once("k", noon, "d")
		other.Account = "other"
		if before, err := s.InsertOnce(ctx, other, noon.Add(-time.Hour), full("d", "other")); before != nil || err != nil {
			t.Errorf("another account's key: %v, %v", before, err)
		}
		// What is older is replaced.
		second := once("k", noon.Add(time.Hour), "e")
		if before, err := s.InsertOnce(ctx, second, noon.Add(time.Second), full("e", "me")); before != nil || err != nil {
			t.Fatal(before, err)
		}
		if before, err = s.InsertOnce(ctx, once("k", noon, "f"), noon.Add(time.Second), full("f", "me")); err != nil || before == nil {
			t.Fatal(before, err)
		}
		same(t, "what it stands for now", *before, second)
		// What was made and deleted is not made again.
		finish(t, s, ended(full("e", "me")))
		if _, deleted, err := s.Delete(ctx, "me", "e"); !deleted || err != nil {
			t.Fatal(deleted, err)
		}
		if before, err = s.InsertOnce(ctx, once("k", noon, "g"), noon.Add(time.Second), full("g", "me")); err != nil || before == nil || before.Tokens[0] != "e" {
			t.Errorf("%v, %v", before, err)
		}
	},

	"history": func(t *testing.T, s Store) {
		// Several have the same time: no page may lose or repeat one.
		for i := range 10 {
			sub := at(numbered("t", i), "me", time.Duration(i/3)*time.Minute)
			if i%2 == 1 {
				sub.LanguageID = 60
			}
			insert(t, s, sub)
			if i < 4 {
				finish(t, s, ended(sub))
			}
		}
		insert(t, s, full("x", "other"))
		for _, c := range []struct {
			name   string
			filter submission.Filter
			want   []string
		}{
			{"all", submission.Filter{}, []string{"t09", "t08", "t07", "t06", "t05", "t04", "t03", "t02", "t01", "t00"}},
			{"a language", submission.Filter{Languages: []int{60}}, []string{"t09", "t07", "t05", "t03", "t01"}},
			{"two languages", submission.Filter{Languages: []int{60, 71}, Statuses: []int{api.Accepted}}, []string{"t03", "t02", "t01", "t00"}},
			{"a status", submission.Filter{Statuses: []int{api.InQueue, 99}, Languages: []int{71}}, []string{"t08", "t06", "t04"}},
			{"since", submission.Filter{Since: noon.Add(2 * time.Minute)}, []string{"t09", "t08", "t07", "t06"}},
			{"until", submission.Filter{Until: noon.Add(time.Minute)}, []string{"t02", "t01", "t00"}},
			{"between", submission.Filter{Since: noon.Add(time.Minute), Until: noon.Add(2 * time.Minute)}, []string{"t05", "t04", "t03"}},
			{"nothing", submission.Filter{Languages: []int{1}}, []string{}},
		} {
			for limit := range 12 {
				if c.filter.Limit = limit; limit == 0 {
					continue
				}
				got, pages := history(t, s, "me", c.filter)
				if want := max(1, (len(c.want)+limit-1)/limit); !slices.Equal(got, c.want) || pages != want {
					t.Errorf("%s in pages of %d: %v in %d pages, not %v in %d", c.name, limit, got, pages, c.want, want)
				}
			}
		}
		page, _, err := s.History(ctx, "me", submission.Filter{Limit: 1, Statuses: []int{api.Accepted}})
		if err != nil || page[0].SourceCode != nil || page[0].Stdout == nil {
			t.Errorf("%+v, %v", page, err)
		}
		for _, cursor := range []string{"x", "!!", "AAAA", "MSAy"} {
			if _, _, err := s.History(ctx, "me", submission.Filter{Limit: 1, Cursor: cursor}); !isCode(err, submission.Malformed) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	},

	"a page stays where it is while more comes in": func(t *testing.T, s Store) {
		insert(t, s, full("a", "me"), full("b", "me"), full("c", "me"))
		page, next, err := s.History(ctx, "me", submission.Filter{Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the first", tokens(page), []string{"c", "b"})
		insert(t, s, full("d", "me"))
		if page, next, err = s.History(ctx, "me", submission.Filter{Limit: 2, Cursor: next}); err != nil || next != "" {
			t.Fatal(next, err)
		}
		same(t, "the second", tokens(page), []string{"a"})
	},

	"shares": func(t *testing.T, s Store) {
		insert(t, s, full("a", "me"), full("b", "other"))
		want := submission.Share{ID: "s1", Account: "me", Token: "a", CreatedAt: noon}
		for _, id := range []string{"s1", "s2"} {
			share := want
			share.ID = id
			got, err := s.AddShare(ctx, share)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "added", got, want)
		}
		got, err := s.Share(ctx, "s1")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "found", got, want)
		for _, token := range []string{"b", "none"} {
			if _, err := s.AddShare(ctx, submission.Share{ID: "s3", Account: "me", Token: token, CreatedAt: noon}); !errors.Is(err, submission.ErrNotFound) {
				t.Errorf("share of %s: %v", token, err)
			}
		}
		for _, id := range []string{"", "s2", "s3"} {
			if _, err := s.Share(ctx, id); !errors.Is(err, submission.ErrNotFound) {
				t.Errorf("share %q: %v", id, err)
			}
		}
		if err := s.RemoveShare(ctx, "other", "a"); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("another account's share: %v", err)
		}
		if err := s.RemoveShare(ctx, "me", "a"); err != nil {
			t.Error(err)
		}
		if err := s.RemoveShare(ctx, "me", "a"); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		if _, err := s.Share(ctx, "s1"); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("after it was removed: %v", err)
		}
		want.ID = "s4"
		if got, err := s.AddShare(ctx, want); err != nil || got != want {
			t.Errorf("again: %+v, %v", got, err)
		}
	},

	"retention": func(t *testing.T, s Store) {
		day := 24 * time.Hour
		for _, r := range []auth.Record{{ID: "short", CreatedAt: noon, Retention: day}, {ID: "long", CreatedAt: noon, Retention: 100 * day}, {ID: "usual", CreatedAt: noon}} {
			if _, err := s.EnsureAccount(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		for _, account := range []string{"short", "long", "usual", "unknown"} {
			for days := range 4 {
				sub := at(numbered(account, days), account, time.Duration(days)*day)
				insert(t, s, sub)
				if days < 3 {
					finish(t, s, endedAt(sub, sub.CreatedAt.Add(time.Minute)))
				}
			}
		}
		if _, err := s.AddShare(ctx, submission.Share{ID: "s", Account: "short", Token: "short00", CreatedAt: noon}); err != nil {
			t.Fatal(err)
		}
		left := func() (all []string) {
			for _, account := range []string{"short", "long", "usual", "unknown"} {
				got, _ := history(t, s, account, submission.Filter{Limit: 100})
				all = append(all, got...)
			}
			return all
		}
		expire := func(now time.Time, fallback time.Duration, limit, want int) {
			t.Helper()
			if n, err := s.Expire(ctx, now, fallback, limit); err != nil || n != want {
				t.Fatalf("removed %d, not %d: %v", n, want, err)
			}
		}
		now := noon.Add(2*day + time.Hour)
		expire(now, 0, 100, 2) // the two oldest of short
		same(t, "left", left(), []string{"short03", "short02", "long03", "long02", "long01", "long00", "usual03", "usual02", "usual01", "usual00", "unknown03", "unknown02", "unknown01", "unknown00"})
		if _, err := s.Share(ctx, "s"); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("the share: %v", err)
		}
		if page, _, err := s.Deliveries(ctx, "short", "", "", 10); err != nil || len(page) != 1 {
			t.Errorf("deliveries %+v, %v", page, err)
		}
		expire(now, 2*day, 1, 1)
		expire(now, 2*day, 1, 1)
		expire(now, 2*day, 1, 0)
		same(t, "left", left(), []string{"short03", "short02", "long03", "long02", "long01", "long00", "usual03", "usual02", "usual01", "unknown03", "unknown02", "unknown01"})
		expire(noon.Add(1000*day), time.Hour, 100, 8)
		same(t, "those that have not ended", left(), []string{"short03", "long03", "usual03", "unknown03"})
	},

	"idempotency keys are kept for a day": func(t *testing.T, s Store) {
		if _, err := s.InsertOnce(ctx, once("k", noon, "a"), time.Time{}, full("a", "me")); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after time.Duration
			there bool
		}{{23 * time.Hour, true}, {25 * time.Hour, false}} {
			if _, err := s.Expire(ctx, noon.Add(c.after), 0, 10); err != nil {
				t.Fatal(err)
			}
			before, err := s.InsertOnce(ctx, once("k", noon, "b"), time.Time{}, full("b", "me"))
			if err != nil || (before != nil) != c.there {
				t.Errorf("after %v: %v, %v", c.after, before, err)
			}
		}
	},

	"an account is deleted with what is its": func(t *testing.T, s Store) {
		for _, id := range []string{"me", "other"} {
			if _, err := s.EnsureAccount(ctx, auth.Record{ID: id, CreatedAt: noon}); err != nil {
				t.Fatal(err)
			}
			a, b := full("a-"+id, id), full("b-"+id, id)
			insert(t, s, a, b)
			finish(t, s, ended(a))
			key := auth.Key{ID: "k-" + id, Hash: auth.Hash{id[0]}, Account: id, CreatedAt: noon}
			_, err := s.AddShare(ctx, submission.Share{ID: "s-" + id, Account: id, Token: b.Token, CreatedAt: noon})
			if err := errors.Join(err, s.AddKey(ctx, key, false), s.AddUsage(ctx, []limit.Usage{{Account: id, Day: noon.Truncate(24 * time.Hour), Submissions: 1}})); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.DeleteAccount(ctx, "me"); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]int{"me": 0, "other": 1} {
			keys, err1 := s.Keys(ctx, id)
			used, err2 := s.Usage(ctx, id, noon.Add(-24*time.Hour), noon)
			record, err3 := s.Account(ctx, id)
			subs, _ := history(t, s, id, submission.Filter{Limit: 10})
			calls, _, err4 := s.Deliveries(ctx, id, "", "", 10)
			if err := errors.Join(err1, err2, err3, err4); err != nil {
				t.Fatal(err)
			}
			if len(keys) != want || len(used) != want || (record != nil) != (want == 1) || len(subs) != 1+want || len(calls) != want {
				t.Errorf("%s has %v, %v, %v, %v, %v", id, keys, used, record, subs, calls)
			}
			if _, err := s.Share(ctx, "s-"+id); (err == nil) != (want == 1) {
				t.Errorf("the share of %s: %v", id, err)
			}
		}
		if err := s.DeleteAccount(ctx, "me"); !errors.Is(err, auth.ErrNoAccount) {
			t.Errorf("deleted twice: %v", err)
		}
		// What had not ended goes when it has, and nothing of an account that has the id later.
		late := full("c-me", "me")
		late.CreatedAt = noon.Add(time.Hour)
		insert(t, s, late)
		sweep := func(removed int, left ...string) {
			t.Helper()
			if n, err := s.Expire(ctx, noon.Add(2*time.Hour), 0, 10); err != nil || n != removed {
				t.Errorf("removed %d, %v", n, err)
			}
			subs, _ := history(t, s, "me", submission.Filter{Limit: 10})
			same(t, "left", subs, left)
		}
		sweep(0, "c-me", "b-me")
		finish(t, s, ended(full("b-me", "me")))
		finish(t, s, ended(late))
		sweep(1, "c-me")
		sweep(0, "c-me")
	},

	"accounts of which nothing is left are removed": func(t *testing.T, s Store) {
		ids := []string{"me/nobody", "me/submits", "me/used", "me/keyed", "me/repeats", "me/disabled", "me/limited", "me/kept", "me/bound"}
		for _, id := range ids {
			if _, err := s.EnsureAccount(ctx, auth.Record{ID: id, Name: id[3:], CreatedAt: noon, Disabled: id == "me/disabled"}); err != nil {
				t.Fatal(err)
			}
		}
		insert(t, s, full("a", "me/submits"))
		_, err := s.InsertOnce(ctx, submission.Once{Account: "me/repeats", Key: "k", Tokens: []string{"b"}, At: noon}, time.Time{}, full("b", "me/repeats"))
		finish(t, s, ended(full("b", "me/repeats")))
		_, deleted, deleteErr := s.Delete(ctx, "me/repeats", "b") // what its key stands for is all that is left of it
		if err := errors.Join(err, deleteErr,
			s.AddUsage(ctx, []limit.Usage{{Account: "me/used", Day: noon.Truncate(24 * time.Hour), Submissions: 1}}),
			s.AddKey(ctx, auth.Key{ID: "k", Hash: auth.Hash{1}, Account: "me/keyed", CreatedAt: noon}, false),
			s.ChangeAccount(ctx, auth.Record{ID: "me/limited", Limits: auth.Limits{Rate: 0.5}}),
			s.ChangeAccount(ctx, auth.Record{ID: "me/kept", Retention: time.Hour}),
			s.ChangeAccount(ctx, auth.Record{ID: "me/bound", Policy: "{}"}),
		); err != nil || !deleted {
			t.Fatal(deleted, err)
		}
		for _, c := range []struct {
			ids     []string
			removed int
		}{{nil, 0}, {[]string{"me/stranger", "me/used"}, 0}, {ids, 1}, {ids, 0}} {
			if n, err := s.RemoveUnused(ctx, c.ids); err != nil || n != c.removed {
				t.Errorf("of %v %d were removed, %v", c.ids, n, err)
			}
		}
		left, err := s.Accounts(ctx, "", 100)
		if err != nil || len(left) != len(ids)-1 || slices.ContainsFunc(left, func(r auth.Record) bool { return r.ID == "me/nobody" }) {
			t.Errorf("%v are left, %v", left, err)
		}
		if again, err := s.EnsureAccount(ctx, auth.Record{ID: "me/nobody", CreatedAt: noon.Add(time.Hour)}); err != nil || !again.CreatedAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("who comes back gets %v, %v", again, err)
		}
	},

	"the audit log and usage are kept for a while": func(t *testing.T, s Store) {
		const day = 24 * time.Hour
		midnight := noon.Truncate(day)
		for i := range 5 {
			at := noon.Add(time.Duration(i) * day)
			entry := auth.Entry{ID: fmt.Sprint("e", i), At: at, Account: "me", Action: "test"}
			if err := errors.Join(s.Append(ctx, entry), s.AddUsage(ctx, []limit.Usage{{Account: "me", Day: midnight.Add(time.Duration(i) * day), Submissions: 1}})); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			audit, usage     time.Time
			limit, removed   int
			entries, dayLeft int
		}{
			{time.Time{}, time.Time{}, 10, 0, 5, 5},
			{noon, midnight, 10, 0, 5, 5},
			{noon.Add(day), time.Time{}, 10, 1, 4, 5},
			{time.Time{}, midnight.Add(day), 10, 1, 4, 4},
			{noon.Add(3 * day), midnight.Add(3 * day), 1, 1, 3, 4},
			{noon.Add(3 * day), midnight.Add(3*day + time.Hour), 10, 3, 2, 2},
		} {
			n, err := s.Forget(ctx, c.audit, c.usage, c.limit)
			entries, err1 := s.Audit(ctx, "", 10)
			used, err2 := s.Usage(ctx, "me", midnight, midnight.Add(9*day))
			if err := errors.Join(err, err1, err2); err != nil || n != c.removed || len(entries) != c.entries || len(used) != c.dayLeft {
				t.Errorf("%+v: removed %d, left %v and %v, %v", c, n, entries, used, err)
			}
		}
	},
}
