package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// intakeClients is how many clients submit or read at a time.
const intakeClients = 16

// intake measures the gateway without what runs programs: an engine that ends everything at once
// stands behind it. What it is compared with is that engine's bare HTTP.
func intake(bin, dir string, turns int, span time.Duration) ([]row, error) {
	instant := newInstant()
	defer instant.Close()
	gateway, err := start(filepath.Join(bin, "gateway"), "/readyz", []string{
		"SANDGATE_DATA_DIR=" + filepath.Join(dir, "intake"), "SANDGATE_BOOTSTRAP_KEY=" + secret, "SANDGATE_ENGINE_URL=" + instant.URL,
		"SANDGATE_QUEUE_LIMIT=1000000", "SANDGATE_LOG_LEVEL=error",
	}, "SANDGATE_PORT")
	if err != nil {
		return nil, err
	}
	defer gateway.stop()
	bare := &target{url: instant.URL, key: secret, client: gateway.client}

	submission := program{language: 71, source: "print('hello')\n"}
	submit := func(t *target) (float64, error) {
		return rate(intakeClients, span, func() error {
			var created result
			return t.call(http.MethodPost, "/submissions", submission.attributes(), &created)
		})
	}
	var known result
	if err := gateway.call(http.MethodPost, "/submissions?wait=true", submission.attributes(), &known); err != nil {
		return nil, err
	}
	read := func(t *target) (float64, error) {
		return rate(intakeClients, span, func() error {
			var r result
			return t.call(http.MethodGet, "/submissions/"+known.Token, nil, &r)
		})
	}
	var accepted, acceptedBare, reads, readsBare []float64
	for i := -1; i < turns; i++ {
		for _, measure := range []struct {
			f    func(*target) (float64, error)
			t    *target
			into *[]float64
		}{{submit, bare, &acceptedBare}, {submit, gateway, &accepted}, {read, bare, &readsBare}, {read, gateway, &reads}} {
			rate, err := measure.f(measure.t)
			if err != nil {
				return nil, err
			}
			if i >= 0 {
				*measure.into = append(*measure.into, rate)
			}
		}
	}
	return []row{
		compare("accepted a second (async), gateway", "bare HTTP", "/s", accepted, acceptedBare),
		compare("reads a second by token, gateway", "bare HTTP", "/s", reads, readsBare),
	}, nil
}

// newInstant starts a Judge0 server that runs nothing and ends everything at once.
func newInstant() *httptest.Server {
	var tokens atomic.Int64
	calls := make(chan [2]string, 1<<16) // the address and token of each callback
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	for range 8 {
		go func() {
			for call := range calls {
				body := fmt.Sprintf(`{"token":%q,"status":{"id":3,"description":"Accepted"},"stdout":"aGVsbG8K\n","stderr":null,"compile_output":null,"message":null,"exit_code":0,"exit_signal":null,"time":"0.01","wall_time":"0.01","memory":3000}`, call[1])
				request, err := http.NewRequest(http.MethodPut, call[0], strings.NewReader(body))
				if err != nil {
					continue
				}
				request.Header.Set("Content-Type", "application/json")
				if response, err := client.Do(request); err == nil {
					_ = response.Body.Close()
				}
			}
		}()
	}
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	type order struct {
		CallbackURL string `json:"callback_url"`
	}
	take := func(o order) map[string]string {
		token := "token-" + strconv.FormatInt(tokens.Add(1), 10)
		if o.CallbackURL != "" {
			calls <- [2]string{o.CallbackURL, token}
		}
		return map[string]string{"token": token}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /languages/all", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []map[string]any{{"id": 71, "name": "Python (3.11.2)", "is_archived": false}})
	})
	mux.HandleFunc("GET /languages/{id}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"id": 71, "name": "Python (3.11.2)", "source_file": "script.py", "run_cmd": "python3 script.py"})
	})
	mux.HandleFunc("GET /config_info", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"max_queue_size": 1000})
	})
	mux.HandleFunc("GET /workers", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []map[string]any{{"queue": "1.13.1", "size": 0, "available": 2, "idle": 1}})
	})
	mux.HandleFunc("POST /submissions", func(w http.ResponseWriter, r *http.Request) {
		var o order
		_ = json.NewDecoder(r.Body).Decode(&o)
		answer(w, http.StatusCreated, take(o))
	})
	mux.HandleFunc("POST /submissions/batch", func(w http.ResponseWriter, r *http.Request) {
		var batch struct{ Submissions []order }
		_ = json.NewDecoder(r.Body).Decode(&batch)
		var taken []map[string]string
		for _, o := range batch.Submissions {
			taken = append(taken, take(o))
		}
		answer(w, http.StatusCreated, taken)
	})
	fixed := []byte(`{"token":"x","stdout":"hello\n","status":{"id":3,"description":"Accepted"},"time":"0.01","memory":3000,"stderr":null,"compile_output":null,"message":null}`)
	mux.HandleFunc("GET /submissions/{token}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = bytes.NewReader(fixed).WriteTo(w)
	})
	return httptest.NewServer(mux)
}
