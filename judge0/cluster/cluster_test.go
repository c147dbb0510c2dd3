package cluster

import (
	"context"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/store"
)

type directory []store.Worker

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func (d directory) Workers(context.Context) ([]store.Worker, time.Time, error) { return d, now, nil }

func TestFleet(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	python, c, old := api.Language{ID: 71, Name: "Python (3.11.2)"}, api.Language{ID: 50, Name: "C (GCC 12.2.0)"}, api.Language{ID: 4, Name: "C (gcc 7.2.0)", IsArchived: true}
	both := store.Worker{ID: "both", Isolation: "strong", Slots: 4, Working: 1, Failed: 1, Languages: []api.Language{python, c, old}, SeenAt: now}
	one := store.Worker{ID: "one", Isolation: "weak", Slots: 2, Working: 2, Languages: []api.Language{python, old}, SeenAt: now.Add(-time.Second)}
	gone := store.Worker{ID: "gone", Isolation: "other", Slots: 8, Languages: []api.Language{c}, SeenAt: now.Add(-time.Hour)}
	for name, tc := range map[string]struct {
		workers        directory
		active, all    []int
		slots, working int
		isolation      string
	}{
		"a language that one lacks is not served": {directory{both, one, gone}, []int{71}, []int{4, 50, 71}, 6, 3, "strong; weak"},
		"those that are gone don't count":         {directory{both, both, gone}, []int{50, 71}, []int{4, 50, 71}, 8, 2, "strong"},
		"the last that was there is waited for":   {directory{gone}, []int{50}, []int{50}, 0, 0, "unknown: no worker has told"},
		"none":                                    {nil, nil, nil, 0, 0, "unknown: no worker has told"},
	} {
		f := NewFleet(tc.workers, time.Hour, slog.New(slog.DiscardHandler))
		if err := f.Read(ctx, tc.workers); err != nil {
			t.Fatal(err)
		}
		ids := func(list []api.Language) (ids []int) {
			for _, id := range []int{4, 50, 71} {
				for _, language := range list {
					if language.ID == id {
						ids = append(ids, id)
					}
				}
			}
			return ids
		}
		languages := f.Languages()
		slots, working, _ := f.State()
		if active, all := ids(languages.Active()), ids(languages.All()); !reflect.DeepEqual(active, tc.active) || !reflect.DeepEqual(all, tc.all) || slots != tc.slots || working != tc.working || f.Isolation() != tc.isolation {
			t.Errorf("%s: %v of %v, %d slots, %d working, %s", name, active, all, slots, working, f.Isolation())
		}
	}
}

// world is a store and a queue of which a test decides what they hold.
type world struct {
	unfinished []store.Unfinished
	queued     map[string]bool
	added      []queue.Item
}

func (w *world) Exclusive(ctx context.Context, _ string, f func(context.Context) error) (bool, error) {
	return true, f(ctx)
}
func (w *world) Unfinished(context.Context, time.Time, int) ([]store.Unfinished, error) {
	return w.unfinished, nil
}
func (w *world) Tokens(context.Context) (map[string]bool, error) { return w.queued, nil }
func (w *world) Add(items ...queue.Item) error                   { w.added = append(w.added, items...); return nil }

func TestRequeuer(t *testing.T) {
	t.Parallel()
	w := &world{queued: map[string]bool{"waits": true, "runs": true}, unfinished: []store.Unfinished{
		{Token: "waits", Status: api.InQueue}, {Token: "runs", Status: api.Processing}, {Token: "forgotten", Status: api.InQueue, UpdatedAt: now},
		{Token: "lost", Status: api.Processing}, {Token: "soon told", Status: api.Processing},
	}}
	r := &requeuer{store: w, queue: w, log: slog.New(slog.DiscardHandler)}
	look := func(want ...queue.Item) {
		t.Helper()
		w.added = nil
		if err := r.once(context.Background()); err != nil || !reflect.DeepEqual(w.added, want) {
			t.Errorf("got %+v, %v; want %+v", w.added, err, want)
		}
		for _, item := range want {
			w.queued[item.Token] = true
		}
	}
	look(queue.Item{Token: "forgotten", Since: now})
	w.queued["soon told"] = true
	look(queue.Item{Token: "lost", Again: true})
	look()
}
