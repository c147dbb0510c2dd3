package storetest

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/limit"
)

func key(id, account string, after time.Duration) auth.Key {
	return auth.Key{ID: id, Hash: sha256.Sum256([]byte(id)), Prefix: "sg_" + id, Name: "n-" + id, Account: account,
		Scopes: auth.Scopes{auth.Read, auth.Submit}, CreatedAt: noon.Add(after)}
}

func addKeys(t *testing.T, s Store, keys ...auth.Key) {
	t.Helper()
	for _, k := range keys {
		if err := s.AddKey(ctx, k, false); err != nil {
			t.Fatal(err)
		}
	}
}

var directory = map[string]func(*testing.T, Store){
	"keys": func(t *testing.T, s Store) {
		a, b, c := key("a", "me", time.Hour), key("b", "me", 0), key("c", "other", 0)
		a.ExpiresAt = ptr(noon)
		addKeys(t, s, a, b, c)
		again := a
		again.ID, again.Name = "d", "n-d"
		addKeys(t, s, again) // the same hash: nothing happens
		if n, err := s.CountKeys(ctx); err != nil || n != 3 {
			t.Errorf("%d keys, %v", n, err)
		}
		got, err := s.KeyByHash(ctx, a.Hash)
		if err != nil || got == nil {
			t.Fatal(got, err)
		}
		same(t, "one that has expired", *got, a)
		if got, err := s.KeyByHash(ctx, auth.Hash{1}); got != nil || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
		keys, err := s.Keys(ctx, "me")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the oldest first", keys, []auth.Key{b, a})

		if err := s.TouchKeys(ctx, map[string]time.Time{"b": noon.Add(time.Minute), "none": noon}); err != nil {
			t.Fatal(err)
		}
		if err := s.TouchKeys(ctx, map[string]time.Time{"b": noon}); err != nil { // another gateway is late
			t.Fatal(err)
		}
		b.LastUsedAt = ptr(noon.Add(time.Minute))
		b.Name, b.Scopes, b.ExpiresAt, b.RevokedAt = "new", auth.Scopes{auth.Delete}, ptr(noon.Add(time.Hour)), ptr(noon)
		change := b
		change.Prefix, change.Hash, change.CreatedAt, change.LastUsedAt = "other", auth.Hash{1}, noon.Add(time.Hour), nil // can't change
		if err := s.ChangeKey(ctx, change); err != nil {
			t.Fatal(err)
		}
		if got, err = s.KeyByHash(ctx, b.Hash); err != nil || got == nil {
			t.Fatal(got, err)
		}
		same(t, "changed and revoked", *got, b)
		change.Account = "other"
		if err := s.ChangeKey(ctx, change); !errors.Is(err, auth.ErrNoKey) {
			t.Errorf("another account's key: %v", err)
		}
		change.ID, change.Account = "none", "me"
		if err := s.ChangeKey(ctx, change); !errors.Is(err, auth.ErrNoKey) {
			t.Errorf("no key: %v", err)
		}
	},

	"a key replaces those of its name": func(t *testing.T, s Store) {
		a, b, c, d := key("a", "me", 0), key("b", "me", 0), key("c", "other", 0), key("d", "me", 0)
		a.Name, c.Name, d.Name = "web", "web", "web"
		addKeys(t, s, a, b, c)
		if err := s.AddKey(ctx, d, true); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			key   auth.Key
			there bool
		}{{a, false}, {b, true}, {c, true}, {d, true}} {
			if got, err := s.KeyByHash(ctx, c.key.Hash); err != nil || (got != nil) != c.there {
				t.Errorf("%s: %v, %v", c.key.ID, got, err)
			}
		}
	},

	"accounts": func(t *testing.T, s Store) {
		if got, err := s.Account(ctx, "me"); got != nil || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
		want := auth.Record{ID: "me", Name: "M", Issuer: "https://issuer", Subject: "sub", CreatedAt: noon, Retention: time.Hour,
			Limits: auth.Limits{Rate: 0.5, Burst: -1, DailySubmissions: 3, DailyCPU: 4.5}, Policy: `{"a":1}`}
		for _, name := range []string{"M", "N"} {
			r := want
			r.Name = name
			got, err := s.EnsureAccount(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "ensured", *got, want)
		}
		want.Name, want.Disabled, want.Retention, want.Limits, want.Policy = "O", true, 0, auth.Limits{}, ""
		change := want
		change.Issuer, change.Subject, change.CreatedAt = "x", "y", noon.Add(time.Hour) // can't change
		if err := s.ChangeAccount(ctx, change); err != nil {
			t.Fatal(err)
		}
		got, err := s.Account(ctx, "me")
		if err != nil || got == nil {
			t.Fatal(got, err)
		}
		same(t, "changed", *got, want)
		if err := s.ChangeAccount(ctx, auth.Record{ID: "none"}); !errors.Is(err, auth.ErrNoAccount) {
			t.Errorf("no account: %v", err)
		}
		for _, id := range []string{"c", "a", "b"} {
			if _, err := s.EnsureAccount(ctx, auth.Record{ID: id, CreatedAt: noon}); err != nil {
				t.Fatal(err)
			}
		}
		var ids []string
		for after := ""; ; {
			page, err := s.Accounts(ctx, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				ids, after = append(ids, r.ID), r.ID
			}
			if len(page) < 3 {
				break
			}
		}
		same(t, "listed", ids, []string{"a", "b", "c", "me"})
	},

	"the audit log": func(t *testing.T, s Store) {
		var all []auth.Entry
		for i := range 5 {
			e := auth.Entry{ID: numbered("e", i), At: noon, Account: "me", KeyID: "k", Action: "key.create", Target: "t", Address: "192.0.2.1", Request: "r"}
			all = append([]auth.Entry{e}, all...)
			if err := s.Append(ctx, e); err != nil {
				t.Fatal(err)
			}
		}
		page, err := s.Audit(ctx, "", 3)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the newest", page, all[:3])
		if page, err = s.Audit(ctx, page[2].ID, 3); err != nil {
			t.Fatal(err)
		}
		same(t, "the rest", page, all[3:])
	},
}

var usage = map[string]func(*testing.T, Store){
	"usage": func(t *testing.T, s Store) {
		today := noon.Truncate(24 * time.Hour)
		yesterday := today.AddDate(0, 0, -1)
		for range 3 {
			if err := s.AddUsage(ctx, []limit.Usage{
				{Account: "me", Day: today, Submissions: 2, Finished: 1, CPU: 1500 * time.Microsecond},
				{Account: "me", Day: yesterday, Submissions: 1},
				{Account: "other", Day: today, Submissions: 7},
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddUsage(ctx, nil); err != nil {
			t.Error(err)
		}
		before := limit.Usage{Account: "me", Day: yesterday, Submissions: 3}
		now := limit.Usage{Account: "me", Day: today, Submissions: 6, Finished: 3, CPU: 4500 * time.Microsecond}
		for _, c := range []struct {
			first, last time.Time
			want        []limit.Usage
		}{
			{yesterday, today, []limit.Usage{before, now}},
			{today, today.AddDate(0, 0, 1), []limit.Usage{now}},
			{yesterday.AddDate(0, 0, -9), yesterday, []limit.Usage{before}},
		} {
			got, err := s.Usage(ctx, "me", c.first, c.last)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "used", got, c.want)
		}
		if got, err := s.Usage(ctx, "none", yesterday, today); err != nil || len(got) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	},
}
