package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

func client(t *testing.T, handler http.HandlerFunc) *Client {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c := New(Options{URL: server.URL + "/", Token: "secret", Timeout: 5 * time.Second})
	t.Cleanup(c.Close)
	return c
}

func handover(source string) submission.Handover {
	return submission.Handover{Submission: &submission.Submission{Submission: api.Submission{Token: "ours", SourceCode: &source, LanguageID: 71}}, CallbackURL: "http://gateway/"}
}

func TestAnswersToCreate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		status int
		body   string
		batch  int
		want   error
		first  submission.Receipt
	}{
		{"taken", 201, `{"token":"t"}`, 1, nil, submission.Receipt{EngineToken: "t"}},
		{"batch", 201, `[{"token":"t"},{"source_code":["can't be blank"]}]`, 2, nil, submission.Receipt{EngineToken: "t"}},
		{"refused", 422, `{"source_code":["no"]}`, 1, nil, submission.Receipt{Refused: `the engine refused the submission: {"source_code":["no"]}`}},
		{"refused, not as Judge0 does", 422, `no`, 1, submission.ErrPoolRefused, submission.Receipt{}},
		{"too large", 413, `no`, 1, submission.ErrPoolRefused, submission.Receipt{}},
		{"batches are off", 400, `{"error":"batched submissions are not allowed"}`, 2, submission.ErrPoolRefused, submission.Receipt{}},
		{"full", 503, `{"error":"queue is full"}`, 1, submission.ErrPoolFull, submission.Receipt{}},
		{"accepted, but for whom", 202, ``, 1, submission.ErrPoolUnsure, submission.Receipt{}},
		{"left", 499, ``, 1, submission.ErrPoolUnsure, submission.Receipt{}},
		{"too many", 429, ``, 1, submission.ErrPoolFull, submission.Receipt{}},
		{"no server behind the balancer", 503, `<html>`, 1, submission.ErrPoolDown, submission.Receipt{}},
		{"wrong token", 401, ``, 1, submission.ErrPoolDown, submission.Receipt{}},
		{"no Judge0", 404, ``, 1, submission.ErrPoolDown, submission.Receipt{}},
		{"failed inside", 500, ``, 1, submission.ErrPoolUnsure, submission.Receipt{}},
		{"lost by the balancer", 504, ``, 1, submission.ErrPoolUnsure, submission.Receipt{}},
		{"taken, but not all answered", 201, `[{"token":"t"}]`, 2, submission.ErrPoolUnsure, submission.Receipt{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if r.Header.Get("X-Auth-Token") != "secret" || r.URL.Query().Get("base64_encoded") != "true" {
					t.Errorf("unexpected request %v %v", r.URL, r.Header)
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			})
			receipts, err := c.Create(context.Background(), []submission.Handover{handover("x"), handover("y")}[:tc.batch])
			if !errors.Is(err, tc.want) || err == nil && receipts[0] != tc.first {
				t.Errorf("got %+v, %v", receipts, err)
			}
			if calls.Load() != 1 {
				t.Errorf("a POST was sent %d times", calls.Load())
			}
		})
	}
}

func TestACallThatWasNotSentIsTold(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	_ = listener.Close()
	_, err = New(Options{URL: url, Retries: -1}).Create(context.Background(), []submission.Handover{handover("x")})
	if !errors.Is(err, submission.ErrPoolDown) || errors.Is(err, submission.ErrPoolUnsure) {
		t.Errorf("got %v", err)
	}
}

func TestACallThatBrokeOffIsTold(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, _ := w.(http.Hijacker).Hijack()
		_ = connection.Close()
	})
	if _, err := c.Create(context.Background(), []submission.Handover{handover("x")}); !errors.Is(err, submission.ErrPoolUnsure) {
		t.Errorf("got %v", err)
	}
}

func TestACallThatIsTooSlowIsTold(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := client(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Create(ctx, []submission.Handover{handover("x")})
	if !errors.Is(err, submission.ErrPoolUnsure) || strings.Contains(err.Error(), "http://") {
		t.Errorf("got %v", err)
	}
}

func TestReadsAreRepeated(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, `{"submissions":[{"token":"a","status":{"id":3},"stdout":"eA==\n","exit_code":0},null]}`)
	})
	results, err := c.Results(context.Background(), []string{"a", "b"})
	if err != nil || calls.Load() != 3 || *results[0].Stdout != "x" || !results[0].Complete || results[1] != nil {
		t.Errorf("got %+v, %v after %d calls", results, err, calls.Load())
	}
}

func TestReadinessIsThePoolsOwn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		answers []int // of the servers behind the load balancer, in turn
		ready   bool
	}{
		{"ready", []int{200}, true},
		{"stock Judge0 has no such page", []int{404}, true},
		{"stock Judge0 behind a proxy that wants to be asked otherwise", []int{401}, true},
		{"no server is", []int{503}, false},
		{"one of two servers is", []int{503, 200}, true},
		{"one of three servers is", []int{503, 503, 200}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tc.answers[int(calls.Add(1)-1)%len(tc.answers)])
				fmt.Fprint(w, `{"error":"the sandbox does not work: no cgroup"}`)
			})
			err := c.Ready(context.Background())
			if (err == nil) != tc.ready || err != nil && (!errors.Is(err, submission.ErrPoolNotReady) || !strings.Contains(err.Error(), "no cgroup")) {
				t.Errorf("got %v", err)
			}
		})
	}
	server := httptest.NewServer(nil)
	server.Close()
	c := New(Options{URL: server.URL, Retries: -1})
	t.Cleanup(c.Close)
	if err := c.Ready(context.Background()); !errors.Is(err, submission.ErrPoolDown) {
		t.Errorf("without a pool: %v", err)
	}
}

func TestOneIsAskedAfterWithoutABatch(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/submissions/batch": // where they are switched off
			w.WriteHeader(http.StatusBadRequest)
		case "/submissions/a":
			fmt.Fprint(w, `{"token":"a","status":{"id":3},"stdout":"eA==\n","exit_code":0}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	results, err := c.Results(context.Background(), []string{"a"})
	if err != nil || results[0] == nil || *results[0].Stdout != "x" || !results[0].Complete {
		t.Errorf("got %+v, %v", results, err)
	}
	results, err = c.Results(context.Background(), []string{"b"})
	if err != nil || results[0] != nil {
		t.Errorf("got %+v, %v", results, err)
	}
}

func TestConfigInfoKeepsDefaults(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"max_cpu_time_limit":30.0,"unknown":1}`) })
	if config, err := c.ConfigInfo(context.Background()); err != nil || config.MaxCPUTimeLimit != 30 || config.MaxSubmissionBatchSize != 20 {
		t.Errorf("got %+v, %v", config, err)
	}
}
