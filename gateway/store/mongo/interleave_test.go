package mongo

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
)

// TestBetweenEachOthersCommands runs the whole of what one gateway does between any two commands of what
// another does, to see that the two agree. (Those who come at once in the suite find few of these moments.)
func TestBetweenEachOthersCommands(t *testing.T) {
	t.Parallel()
	at, later := time.UnixMilli(1000).UTC(), time.UnixMilli(5000).UTC()
	tokens := []string{"a", "b", "c"}
	store := func(t *testing.T, s *Store, end bool) {
		url := "http://x"
		for _, token := range tokens {
			sub := program(token, 1)
			sub.Owner, sub.CallbackURL, sub.UpdatedAt = "gone", &url, &at
			if err := s.Insert(ctx, sub); err != nil {
				t.Fatal(err)
			}
			if end {
				if _, err := s.Finish(ctx, sub); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// act says what each gateway got; agree looks at both.
	for name, c := range map[string]struct {
		prepare func(t *testing.T, s *Store)
		act     func(s *Store, id string) ([]string, error)
		agree   func(t *testing.T, s *Store, first, second []string)
	}{
		"adoption": {
			func(t *testing.T, s *Store) {
				for _, token := range tokens {
					sub := program(token, 1)
					sub.Owner = "gone"
					if err := s.Insert(ctx, sub); err != nil {
						t.Fatal(err)
					}
				}
				for _, id := range []string{"g1", "g2"} {
					if err := s.Alive(ctx, id, later); err != nil {
						t.Fatal(err)
					}
				}
			},
			func(s *Store, id string) (got []string, err error) {
				pending, err := s.Adopt(ctx, id, at, 10)
				for _, p := range pending {
					got = append(got, p.Token)
				}
				return got, err
			},
			eachOnce(tokens),
		},
		"deliveries": {
			func(t *testing.T, s *Store) { store(t, s, true) },
			func(s *Store, _ string) (got []string, err error) {
				due, err := s.TakeDue(ctx, later, later.Add(time.Minute), 10)
				for _, d := range due {
					got = append(got, d.Token)
				}
				return got, err
			},
			eachOnce(tokens),
		},
		"an idempotency key": {
			func(*testing.T, *Store) {},
			insertOnce(at),
			onceEach(1),
		},
		"an idempotency key that is used again": {
			func(t *testing.T, s *Store) {
				if _, err := insertOnce(at)(s, "old"); err != nil {
					t.Fatal(err)
				}
			},
			insertOnce(later),
			onceEach(2),
		},
		"a share": {
			func(t *testing.T, s *Store) { store(t, s, false) },
			func(s *Store, id string) ([]string, error) {
				share, err := s.AddShare(ctx, submission.Share{ID: id, Account: "me", Token: "a", CreatedAt: at})
				return []string{share.ID}, err
			},
			theSame,
		},
		"a setting": {
			func(*testing.T, *Store) {},
			func(s *Store, id string) ([]string, error) {
				value, err := s.Setting(ctx, "k", func() ([]byte, error) { return []byte(id), nil })
				return []string{string(value)}, err
			},
			theSame,
		},
		"an account": {
			func(*testing.T, *Store) {},
			func(s *Store, id string) ([]string, error) {
				record, err := s.EnsureAccount(ctx, auth.Record{ID: "me", Name: id, CreatedAt: at})
				if err != nil {
					return nil, err
				}
				return []string{record.Name}, nil
			},
			theSame,
		},
		"a delivery made again": {
			func(t *testing.T, s *Store) {
				store(t, s, true)
				if err := s.Note(ctx, webhook.Delivery{Token: "a", State: webhook.GivenUp, DueAt: at, UpdatedAt: at}); err != nil {
					t.Fatal(err)
				}
			},
			func(s *Store, id string) ([]string, error) {
				now := later
				if id == "g2" {
					now = later.Add(time.Hour)
				}
				d, err := s.Redeliver(ctx, "me", "a", now)
				return []string{d.DueAt.String()}, err
			},
			theSame,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for moment, more := int32(1), true; more; moment++ {
				where := address(t)
				var armed atomic.Bool
				var commands atomic.Int32
				var between func()
				first, err := Open(ctx, where, Options{Observe: func(string, time.Duration) {
					if armed.Load() && commands.Add(1) == moment {
						between()
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				second, err := Open(ctx, where)
				if err != nil {
					t.Fatal(err)
				}
				first.patience, second.patience = 0, 0
				c.prepare(t, first)
				var got1, got2 []string
				between = func() {
					if got2, err = c.act(second, "g2"); err != nil {
						t.Error(err)
					}
				}
				armed.Store(true)
				got1, err1 := c.act(first, "g1")
				armed.Store(false)
				if err1 != nil {
					t.Error(err1)
				}
				if more = commands.Load() >= moment; more {
					t.Run(fmt.Sprint("after command ", moment), func(t *testing.T) { c.agree(t, first, got1, got2) })
				}
				if mongodb != "" {
					_ = first.submissions.Database().Drop(ctx)
				}
				_, _ = first.Close(), second.Close()
			}
		})
	}
}

// insertOnce gives the token that the key stands for, and "carried" if it was made now.
func insertOnce(at time.Time) func(*Store, string) ([]string, error) {
	return func(s *Store, id string) ([]string, error) {
		sub := program(id, 1)
		sub.Owner = id
		before, err := s.InsertOnce(ctx, submission.Once{Account: "me", Key: "k", Tokens: []string{id}, At: at}, at, sub)
		if before != nil {
			return before.Tokens, err
		}
		return []string{id, "carried"}, err
	}
}

// onceEach wants one token for both, and that it is carried by nobody but the owner of what is stored.
func onceEach(stored int) func(*testing.T, *Store, []string, []string) {
	return func(t *testing.T, s *Store, first, second []string) {
		subs, total, err := s.List(ctx, "me", 0, 10, submission.Outcome)
		if err != nil || total != stored || first[0] != second[0] {
			t.Fatalf("got %v and %v; %d are stored, %v", first, second, total, err)
		}
		owner := ""
		for _, sub := range subs {
			if sub.Token == first[0] {
				owner = sub.Owner
			}
		}
		if owner == "" || len(first) == 2 && owner != "g1" || len(second) == 2 && owner != "g2" {
			t.Errorf("got %v and %v, of %q", first, second, owner)
		}
	}
}

func eachOnce(tokens []string) func(*testing.T, *Store, []string, []string) {
	return func(t *testing.T, _ *Store, first, second []string) {
		both := slices.Sorted(slices.Values(append(slices.Clone(first), second...)))
		if !slices.Equal(both, tokens) {
			t.Errorf("one got %v, the other %v", first, second)
		}
	}
}

func theSame(t *testing.T, _ *Store, first, second []string) {
	if !slices.Equal(first, second) {
		t.Errorf("one got %v, the other %v", first, second)
	}
}
