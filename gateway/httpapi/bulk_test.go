package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/sandgate/sandgate/gateway/metrics"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// archive is an account's submissions, newest first, all with one text of the given size as program and
// as output.
type archive struct {
	anything
	text *string

	mu       sync.Mutex
	tokens   []string
	mostRead int
	onList   func(*archive)
}

func newArchive(count, size int) *archive {
	text := strings.Repeat("x", size)
	a := &archive{text: &text}
	for i := range count {
		a.tokens = append([]string{strconv.Itoa(i)}, a.tokens...)
	}
	return a
}

func (a *archive) show(tokens []string, what submission.Part) []*submission.Submission {
	a.mostRead = max(a.mostRead, len(tokens))
	subs := make([]*submission.Submission, len(tokens))
	for i, token := range tokens {
		subs[i] = &submission.Submission{Submission: api.Submission{Token: token, LanguageID: 71}}
		if subs[i].Stdout = a.text; what == submission.Whole {
			subs[i].SourceCode = a.text
		}
	}
	return subs
}

func (a *archive) List(_ context.Context, _ string, offset, limit int, what submission.Part) ([]*submission.Submission, int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	total := len(a.tokens)
	subs := a.show(a.tokens[min(offset, total):min(offset+limit, total)], what)
	if a.onList != nil {
		a.onList(a)
	}
	return subs, total, nil
}

func (a *archive) GetMany(_ context.Context, _ string, tokens []string, what submission.Part) ([]*submission.Submission, error) {
	return a.show(tokens, what), nil
}

func (a *archive) History(_ context.Context, _ string, filter submission.Filter) ([]*submission.Submission, string, error) {
	at, _ := strconv.Atoi(filter.Cursor)
	end, next := min(at+filter.Limit, len(a.tokens)), ""
	if end < len(a.tokens) {
		next = strconv.Itoa(end)
	}
	return a.show(a.tokens[at:end], submission.Outcome), next, nil
}

func (a *archive) handler() http.Handler {
	return New(Options{
		Submissions: a, Records: a, Usage: a, Limits: Limits{Bounds: a.bounds}, Keys: a, Catalogue: a, Pool: a, Callbacks: a,
		Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler), Now: time.Now, MaxBody: 1 << 20, room: tight(),
	})
}

// tight is a room with a hundredth of the usual bounds, and a little more.
func tight() *room {
	return &room{list: 1 << 20, few: 16 << 10, page: 128 << 10, chunk: 64 << 10, all: semaphore.NewWeighted(4 << 20)}
}

type listing struct {
	Submissions []struct {
		Token string `json:"token"`
		JobID string `json:"jobId"`
	} `json:"submissions"`
	Meta api.PageMeta `json:"meta"`
	Next *string      `json:"next"`
}

func (a *archive) ask(t *testing.T, handler http.Handler, path string, status int) (l listing, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != status {
		t.Fatalf("%s: %d %.300s", path, w.Code, w.Body)
	}
	body = w.Body.String()
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return l, body
}

func TestLargeListsAreReadInChunks(t *testing.T) {
	t.Parallel()
	const size = 128 << 10
	a := newArchive(20, size)
	h := a.handler()
	if l, _ := a.ask(t, h, "/submissions?fields=source_code,token&per_page=6", 200); len(l.Submissions) != 6 || l.Meta.TotalCount != 20 || l.Meta.TotalPages != 4 {
		t.Errorf("got %d of %+v", len(l.Submissions), l.Meta)
	}
	if a.mostRead > 3 {
		t.Errorf("%d programs of %d bytes were read at once", a.mostRead, size)
	}
	for _, path := range []string{"/submissions?fields=source_code", "/submissions/batch?fields=stdout&tokens=" + strings.Join(a.tokens, ",")} {
		if _, body := a.ask(t, h, path, 400); body != `{"error":"the answer would be larger than 1 MiB: ask for fewer submissions at a time, or for fewer fields"}` {
			t.Errorf("%.40s: %.300s", path, body)
		}
	}
	// A page of the history ends where it gets large, and the next one goes on.
	var seen []string
	pages := 0
	for query, more := "", true; more; pages++ {
		l, _ := a.ask(t, h, "/api/v1/submissions?limit=15"+query, 200)
		for _, s := range l.Submissions {
			seen = append(seen, s.JobID)
		}
		if more = l.Next != nil; more {
			query = "&cursor=" + *l.Next
		}
	}
	if fmt.Sprint(seen) != fmt.Sprint(a.tokens) || pages < 3 {
		t.Errorf("%d pages have %v", pages, seen)
	}
}

func TestAListMissesNothingWhileMoreComesIn(t *testing.T) {
	t.Parallel()
	a := newArchive(200, 10)
	before := fmt.Sprint(a.tokens[50:150])
	added := 0
	a.onList = func(a *archive) {
		if added++; added < 20 {
			a.tokens = append([]string{fmt.Sprintf("new %d", added)}, a.tokens...)
		}
	}
	l, _ := a.ask(t, a.handler(), "/submissions?fields=token&page=2&per_page=50", 200)
	var seen []string
	for _, s := range l.Submissions {
		seen = append(seen, s.Token)
	}
	if got := fmt.Sprint(seen); len(seen) != 50 || !strings.HasPrefix(before, strings.TrimSuffix(got, "]")) {
		t.Errorf("got %s, want the start of %s", got, before)
	}
	if l.Meta.TotalCount != 200 || *l.Meta.NextPage != 3 {
		t.Errorf("got %+v", l.Meta)
	}
}

func TestListsShareOneRoom(t *testing.T) {
	t.Parallel()
	room := tight()
	piece := json.RawMessage(strings.Repeat("1", 256<<10))
	var full []*bulk
	defer func() {
		for _, b := range full {
			b.release()
		}
	}()
	for range 4 {
		b := &bulk{room: room}
		full = append(full, b)
		for range 4 {
			if err := b.add(piece); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What each has for free is left of the whole.
	late := &bulk{room: room}
	if err := late.add(piece); err != errNoRoom {
		t.Errorf("got %v", err)
	}
	late.release()
	small := &bulk{room: room}
	if err := small.add(json.RawMessage("{}")); err != nil {
		t.Errorf("a small list: %v", err)
	}
	full[0].release()
	after := &bulk{room: room}
	defer after.release()
	if err := after.add(piece); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}
