package judge0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sandgate/sandgate/judge0/api"
)

// buffer is a log that several goroutines write.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) lines() []map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []map[string]any
	for line := range bytes.Lines(b.text.Bytes()) {
		entry := map[string]any{}
		if json.Unmarshal(line, &entry) == nil {
			list = append(list, entry)
		}
	}
	return list
}

// What a client sends and what its program writes is nobody's business but theirs; an operator finds
// a submission by its token.
func TestLogsHaveTheTokenAndNothingOfTheProgram(t *testing.T) {
	t.Parallel()
	const private = "prIvate"
	callbacks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(callbacks.Close)
	log := &buffer{}
	e := start(t, func(_ context.Context, s *api.Submission) (api.Result, error) {
		switch *s.Stdin {
		case "panic " + private:
			panic("a fault")
		case "fail " + private:
			return api.Result{}, errors.New("the sandbox failed")
		}
		result := accepted(private)
		result.Stderr, result.CompileOutput, result.Message = result.Stdout, result.Stdout, result.Stdout
		return result, nil
	}, func(o *Options) {
		o.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Config.CallbacksMaxTries = 1
	})
	tokens := map[string]int{}
	for _, stdin := range []string{"run ", "panic ", "fail "} {
		body := map[string]any{
			"language_id": 71, "source_code": "source " + private, "stdin": stdin + private, "expected_output": private,
			"command_line_arguments": private, "callback_url": callbacks.URL + "/" + private,
		}
		status, answered := request(t, "POST", e.URL()+"/submissions?wait=true&X-Auth-Token="+private, body, "X-Auth-Token", private)
		var a answer
		if err := json.Unmarshal(answered, &a); err != nil || status != http.StatusCreated {
			t.Fatalf("%d %s", status, answered)
		}
		tokens[a.Token] = 0
	}
	body := map[string]any{"language_id": 71000, "source_code": private, "stdin": private}
	if status, _ := request(t, "POST", e.URL()+"/submissions", body); status != http.StatusUnprocessableEntity {
		t.Errorf("got %d", status)
	}
	if status, _ := request(t, "POST", e.URL()+"/submissions", json.RawMessage(`["`+private+`"]`)); status >= 500 {
		t.Errorf("got %d", status)
	}
	if err := e.Stop(context.Background()); err != nil { // the callbacks are sent by then
		t.Fatal(err)
	}
	said := map[string]int{}
	for _, line := range log.lines() {
		if strings.Contains(fmt.Sprint(line), private) {
			t.Errorf("the log has what is private: %v", line)
		}
		said[line["msg"].(string)]++
		if token, ok := line["token"].(string); ok {
			if _, known := tokens[token]; known {
				tokens[token]++
			}
		}
	}
	for token, n := range tokens {
		if n < 3 { // the request, the run, the callback that was refused
			t.Errorf("%d lines tell of %s: %v", n, token, said)
		}
	}
	for _, message := range []string{"request", "submission finished", "a run panicked", "run a submission", "a callback failed"} {
		if said[message] == 0 {
			t.Errorf("nothing says %q: %v", message, said)
		}
	}
}

// An engine that others than this machine reach, without a token, says that it takes everything from anybody.
func TestAnOpenEngineSaysSo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		addr   string
		tokens []string
		want   bool
	}{"open": {"0.0.0.0:0", nil, true}, "with a token": {"0.0.0.0:0", []string{"t"}, false}, "of this machine": {"127.0.0.1:0", nil, false}} {
		log := &buffer{}
		start(t, func(context.Context, *api.Submission) (api.Result, error) { return accepted(""), nil }, func(o *Options) {
			o.Addr, o.Access.AuthnTokens, o.Logger = tc.addr, tc.tokens, slog.New(slog.NewJSONHandler(log, nil))
		})
		said := false
		for _, line := range log.lines() {
			said = said || line["level"] == "WARN" && strings.Contains(fmt.Sprint(line["msg"]), "AUTHN_TOKEN")
		}
		if said != tc.want {
			t.Errorf("%s: %v", name, said)
		}
	}
}
