package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sandgate/sandgate/gateway/submission"
)

var submissions = map[string]func(*testing.T, Store){
	"what is stored comes back": func(t *testing.T, s Store) {
		want := full("a", "me")
		insert(t, s, want)
		got, err := s.Get(ctx, "me", "a", submission.Outcome)
		if err != nil || got.SourceCode != nil || got.Stdin != nil || got.ExpectedOutput != nil || got.AdditionalFiles != nil || got.Token != "a" {
			t.Fatalf("without its program: %+v, %v", got, err)
		}
		if got, err = s.Get(ctx, "me", "a", submission.Whole); err != nil {
			t.Fatal(err)
		}
		same(t, "a new one", got, want)
		want = ended(want)
		finish(t, s, want)
		if got, err = s.Get(ctx, "me", "a", submission.Whole); err != nil {
			t.Fatal(err)
		}
		same(t, "one that has ended", got, want)
	},

	"one with nothing comes back": func(t *testing.T, s Store) {
		want := &submission.Submission{Account: "me"}
		want.Token, want.CreatedAt = "a", noon
		insert(t, s, want)
		got, err := s.Get(ctx, "me", "a", submission.Whole)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "an empty one", got, want)
	},

	"insert is all or nothing": func(t *testing.T, s Store) {
		insert(t, s, full("a", "me"))
		if err := s.Insert(ctx, full("b", "me"), full("c", "me"), full("a", "me"), full("d", "me")); err == nil {
			t.Fatal("the same token was stored twice")
		}
		subs, total, err := s.List(ctx, "me", 0, 10, submission.Whole)
		if err != nil || total != 1 {
			t.Errorf("stored %v, %v", tokens(subs), err)
		}
	},

	"a batch is stored in its order": func(t *testing.T, s Store) {
		var batch []*submission.Submission
		for i := range 30 {
			batch = append(batch, full(numbered("t", i), "me"))
		}
		insert(t, s, batch...)
		subs, total, err := s.List(ctx, "me", 0, 3, submission.Outcome)
		if err != nil || total != 30 {
			t.Fatal(total, err)
		}
		same(t, "the newest", tokens(subs), []string{"t29", "t28", "t27"})
	},

	"large texts": func(t *testing.T, s Store) {
		sub := full("a", "me")
		sub.SourceCode = ptr(strings.Repeat("x", 3<<20))
		insert(t, s, sub)
		if got, err := s.Get(ctx, "me", "a", submission.Whole); err != nil || len(*got.SourceCode) != 3<<20 {
			t.Fatal(err)
		}
	},

	"what is not yours is not there": func(t *testing.T, s Store) {
		for i := range 5 {
			insert(t, s, full(fmt.Sprint("mine", i), "me"), full(fmt.Sprint("other", i), "other"))
		}
		if _, err := s.Get(ctx, "me", "other1", submission.Whole); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		found, err := s.GetMany(ctx, "me", []string{"mine1", "other1", "none", "mine3"}, submission.Whole)
		if err != nil || len(found) != 2 || found["mine1"] == nil || found["mine3"] == nil {
			t.Errorf("got %v, %v", found, err)
		}
		page, total, err := s.List(ctx, "me", 1, 2, submission.Whole)
		if err != nil || total != 5 {
			t.Errorf("%d, %v", total, err)
		}
		same(t, "a page", tokens(page), []string{"mine3", "mine2"})
		if _, _, err := s.Delete(ctx, "me", "other1"); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if loaded, err := s.Load(ctx, "mine1", "other1", "none"); err != nil || len(loaded) != 2 {
			t.Errorf("got %v, %v", loaded, err)
		}
	},

	"deletion": func(t *testing.T, s Store) {
		a, b := full("a", "me"), full("b", "me")
		insert(t, s, a, b)
		if sub, deleted, err := s.Delete(ctx, "me", "a"); deleted || err != nil || sub.Token != "a" {
			t.Errorf("deleted before its end: %v", err)
		}
		finish(t, s, ended(a))
		share, err := s.AddShare(ctx, submission.Share{ID: "share", Account: "me", Token: "a", CreatedAt: noon})
		if err != nil {
			t.Fatal(err)
		}
		if sub, deleted, err := s.Delete(ctx, "me", "a"); !deleted || err != nil || *sub.SourceCode != *a.SourceCode || sub.State != submission.Finished {
			t.Errorf("not deleted: %v", err)
		}
		if _, _, err := s.Delete(ctx, "me", "a"); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if first, err := s.Finish(ctx, ended(a)); first || err != nil {
			t.Errorf("ended after it was deleted: %v", err)
		}
		if _, err := s.Share(ctx, share.ID); !errors.Is(err, submission.ErrNotFound) {
			t.Errorf("its share is still there: %v", err)
		}
		if page, _, err := s.Deliveries(ctx, "me", "", "", 10); err != nil || len(page) != 0 {
			t.Errorf("its delivery is still there: %v, %v", page, err)
		}
	},

	"settings": func(t *testing.T, s Store) {
		made := 0
		create := func() ([]byte, error) { made++; return []byte("secret"), nil }
		for range 2 {
			if value, err := s.Setting(ctx, "k", create); err != nil || string(value) != "secret" {
				t.Errorf("got %q, %v", value, err)
			}
		}
		if made != 1 {
			t.Errorf("made %d times", made)
		}
		if value, err := s.Setting(ctx, "empty", func() ([]byte, error) { return []byte{}, nil }); err != nil || len(value) != 0 {
			t.Errorf("got %q, %v", value, err)
		}
		for _, want := range []string{"other", "third"} {
			if err := s.SetSetting(ctx, "k", []byte(want)); err != nil {
				t.Fatal(err)
			}
			if value, err := s.Setting(ctx, "k", create); err != nil || string(value) != want {
				t.Errorf("got %q, %v", value, err)
			}
		}
		fault := errors.New("no randomness")
		if _, err := s.Setting(ctx, "none", func() ([]byte, error) { return nil, fault }); !errors.Is(err, fault) {
			t.Errorf("got %v", err)
		}
		if err := s.Ping(ctx); err != nil {
			t.Errorf("ping: %v", err)
		}
	},
}
