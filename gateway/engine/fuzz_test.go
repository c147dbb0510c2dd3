package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// pages answers as a pool, from memory, by the path.
type pages map[string]page

type page struct {
	status int
	text   string
}

func (p pages) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	answer, ok := p[r.URL.Path]
	if !ok {
		answer = p[""]
	}
	return &http.Response{
		StatusCode: answer.status, Status: http.StatusText(answer.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer.text)), ContentLength: int64(len(answer.text)), Request: r,
	}, nil
}

// fuzzClient is a client of such a pool, which repeats nothing and so never sleeps.
func fuzzClient(p pages) *Client {
	c := New(Options{URL: "http://pool.test", Retries: -1})
	c.http.SetTransport(p)
	return c
}

// classified tells whether an error is one of those that submission.Engine promises.
func classified(err error) bool {
	for _, kind := range []error{submission.ErrPoolDown, submission.ErrPoolNotReady, submission.ErrPoolFull, submission.ErrPoolUnsure, submission.ErrPoolRefused} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// FuzzPoolAnswers has a pool answer anything to what is handed over and asked after. There are as many receipts and
// results as were asked for, each says one thing, and what went wrong is told by its kind.
func FuzzPoolAnswers(f *testing.F) {
	for _, text := range []string{
		`{"token":"t"}`, `{"token":""}`, `{"token":"t"},{"token":"u"}`, `[{"token":"t"},{"source_code":["can't be blank"]}]`, `[{"token":"t"},{"token":"t"}]`,
		`{"error":"queue is full"}`, "", "null", "[null,{}]", "<html>", `{"token":1}`, strings.Repeat("é", 200),
		`{"token":"t","status":{"id":3},"stdout":"eA==\n","exit_code":0,"time":"0.1","memory":1}`, `{"status_id":99}`,
		`{"submissions":[{"token":"a","status":{"id":3},"stdout":"eA==","exit_code":0},null]}`, `{"submissions":[{}]}`, `{"submissions":[{"status":{"id":1}},{"status_id":-1}]}`,
	} {
		for _, status := range []int{201, 200, 422, 503} {
			f.Add(text, status, 2)
		}
		f.Add(text, 499, 1)
		f.Add(text, 201, 1)
		f.Add(text, 200, 3)
	}
	f.Fuzz(func(t *testing.T, text string, status, n int) {
		status, n = statusOf(status), 1+abs(n)%4
		c := fuzzClient(pages{"": {status, text}})
		defer c.Close()
		batch, tokens := make([]submission.Handover, n), make([]string, n)
		for i := range batch {
			batch[i], tokens[i] = handover("x"), "t"
		}
		receipts, err := c.Create(context.Background(), batch)
		switch {
		case err != nil && (!classified(err) || receipts != nil):
			t.Errorf("got %v, %v", receipts, err)
		case err == nil && (len(receipts) != n || status != 200 && status != 201 && status != 422):
			t.Errorf("%d receipts for %d after status %d", len(receipts), n, status)
		case errors.Is(err, submission.ErrPoolDown) && status < 300, errors.Is(err, submission.ErrPoolRefused) && (status < 400 || status >= 500):
			t.Errorf("of the status %d, which may mean that all were taken: %v", status, err)
		}
		for _, receipt := range receipts {
			if (receipt.EngineToken == "") == (receipt.Refused == "") || len(receipt.Refused) > 1000 {
				t.Errorf("%+v", receipt)
			}
		}
		results, err := c.Results(context.Background(), tokens)
		if err != nil {
			if !classified(err) {
				t.Errorf("got %v", err)
			}
			return
		}
		if len(results) != n || status != http.StatusOK && status != http.StatusNotFound {
			t.Errorf("%d results for %d after status %d", len(results), n, status)
		}
		for _, result := range results {
			if result != nil && (result.Status < api.InQueue || result.Status > api.ExecFormatError || status == http.StatusNotFound) {
				t.Errorf("%+v after status %d", result, status)
			}
		}
	})
}

// statusOf makes any number the status of an answer.
func statusOf(n int) int {
	if n >= 200 && n < 600 {
		return n
	}
	return 200 + abs(n)%400
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// FuzzCatalogue has a pool tell anything of itself, and the store anything of what was known of it. What is known
// after that is kept as it is, or it is told by its kind what went wrong.
func FuzzCatalogue(f *testing.F) {
	languages := `[{"id":50,"name":"C (GCC 9.2.0)"},{"id":50,"name":"C","is_archived":true},{"id":-1,"name":"x"}]`
	language := `{"id":7,"name":"y","source_file":"main.c","compile_cmd":"gcc %s main.c","run_cmd":"./a.out"}`
	workers := `[{"queue":"default","size":0,"available":4,"idle":4}]`
	stored := `{"Languages":[{"id":50,"name":"C (GCC 9.2.0)","run_cmd":"./a.out"}],"Config":{"max_cpu_time_limit":3}}`
	f.Add(languages, language, `{"max_cpu_time_limit":30.0,"unknown":1}`, workers, stored, 200)
	f.Add(`[{"id":1,"name":"x","run_cmd":"y"},{}]`, `{}`, `{}`, `[]`, "", 503)
	f.Add(`null`, `null`, `null`, `null`, "null", 404)
	f.Add(`{}`, `[]`, `[]`, `{}`, "[]", 200)
	f.Add(languages, `{"run_cmd":1}`, `{"max_cpu_time_limit":1e400}`, `[{"available":-1,"idle":-1},{"available":9223372036854775807},{"available":1}]`, `{"Languages":null}`, 200)
	f.Fuzz(func(t *testing.T, languages, language, config, workers, stored string, ready int) {
		c := fuzzClient(pages{
			"/languages/all": {200, languages}, "/config_info": {200, config}, "/workers": {200, workers},
			"/readyz": {statusOf(ready), "why"}, "": {200, language},
		})
		defer c.Close()
		saved := stored
		memory := Memory{
			Load: func(context.Context) ([]byte, error) { return []byte(saved), nil },
			Save: func(_ context.Context, text []byte) error { saved = string(text); return nil },
		}
		log := slog.New(slog.DiscardHandler)
		catalogue := NewCatalogue(c, memory, log)
		recalled := catalogue.Recall(t.Context()) == nil && stored != ""
		if _, err := catalogue.Pool(); (err == nil) != recalled || err != nil && !classified(err) {
			t.Fatalf("recalled: %t; %v", recalled, err)
		}
		if err := catalogue.Refresh(t.Context()); err != nil {
			if !classified(err) || catalogue.Ready() == nil {
				t.Fatalf("got %v, and yet it is ready: %v", err, catalogue.Ready())
			}
			return
		}
		pool, err := catalogue.Pool()
		if err != nil {
			t.Fatal(err)
		}
		if err := catalogue.Ready(); (err == nil) != (pool.Workers != 0) || err != nil && !classified(err) || pool.Idle && pool.Workers <= 0 || pool.Workers < 0 {
			t.Errorf("%d workers, idle: %t, %v", pool.Workers, pool.Idle, err)
		}
		// Another gateway, or this one after its end, knows the same.
		again := NewCatalogue(c, memory, log)
		if err := again.Recall(t.Context()); err != nil {
			t.Fatal(err)
		}
		known, err := again.Pool()
		if err != nil || fmt.Sprintf("%+v", known.Languages.All()) != fmt.Sprintf("%+v", pool.Languages.All()) || fmt.Sprintf("%+v", known.Config) != fmt.Sprintf("%+v", pool.Config) {
			t.Errorf("%+v became %+v, %v", pool, known, err)
		}
	})
}
