package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sandgate/sandgate/judge0/api"
)

// scriptedEngine is a stand-in for a Judge0 pool, over real HTTP. It runs no program: what becomes
// of a submission is what the test says. It behaves like stock Judge0 1.13.1 where that matters:
// callbacks with the default fields only, idempotency keys ignored, `queue is full`. With modern it
// does what our engine adds: all fields, and news of the start.
type scriptedEngine struct {
	t       testing.TB
	address string
	token   string

	mu     sync.Mutex
	server *httptest.Server
	subs   map[string]*scripted // by the engine's token
	next   func(*scripted)      // what happens to a submission once it is taken; nil: nothing
	modern bool
	config api.Config
	status int  // answered to POST instead of taking anything; 0: none
	hangUp bool // take submissions, and break the connection off without an answer
	idle   int  // workers
	broken bool // it says by /readyz that it can't build sandboxes; stock Judge0 has no such page
	took   chan *scripted
	posts  [][]string // the sources of each POST, in order
	ids    []string   // X-Request-Id of each request that had one
}

type scripted struct {
	api.Submission
	key   string         // idempotency_key: the gateway's token
	calls string         // callback_url
	raw   map[string]any // what a real Judge0 said of it, with all fields; nil: Submission tells
}

// shown is s as the engine shows it.
func (s *scripted) shown(fields api.Fields) (json.RawMessage, error) {
	if s.raw == nil {
		return s.Render(fields, true, api.Language{})
	}
	shown := map[string]any{}
	for _, name := range fields {
		if value, there := s.raw[name]; there {
			shown[name] = value
		}
	}
	shown["token"] = s.Token
	return json.Marshal(shown)
}

func startEngine(t testing.TB) *scriptedEngine {
	e := &scriptedEngine{t: t, token: "engine-secret", subs: map[string]*scripted{}, took: make(chan *scripted, 10_000), config: api.DefaultConfig(), idle: 2}
	e.up()
	t.Cleanup(e.down)
	return e
}

var scriptedLanguages = []api.Language{
	{ID: 71, Name: "Python (3.11.2)", SourceFile: "script.py", RunCmd: "/usr/bin/python3 script.py"},
	{ID: 70, Name: "Python (2.7.18)", SourceFile: "script.py", RunCmd: "/usr/bin/python2 script.py"},
	{ID: 50, Name: "C (GCC 12.2.0)", SourceFile: "main.c", CompileCmd: "/usr/bin/gcc %s main.c", RunCmd: "./a.out"},
	{ID: 75, Name: "C (Clang 14.0.6)", SourceFile: "main.c", CompileCmd: "/usr/bin/clang %s main.c", RunCmd: "./a.out"},
	{ID: 54, Name: "C++ (GCC 12.2.0)", SourceFile: "main.cpp", CompileCmd: "/usr/bin/g++ %s main.cpp", RunCmd: "./a.out"},
	{ID: 89, Name: "Multi-file program", RunCmd: "bash run"},
	{ID: 4, Name: "C (gcc 7.2.0)", IsArchived: true},
}

func (e *scriptedEngine) url() string { return "http://" + e.address }

// up listens, at the address that it had before.
func (e *scriptedEngine) up() {
	if e.address == "" {
		e.address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", e.address)
	if err != nil {
		e.t.Fatal(err)
	}
	e.address = listener.Addr().String()
	server := httptest.NewUnstartedServer(e.routes())
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	e.mu.Lock()
	e.server = server
	e.mu.Unlock()
}

// down refuses connections until up.
func (e *scriptedEngine) down() {
	e.mu.Lock()
	server := e.server
	e.server = nil
	e.mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Close()
	}
}

// script changes the engine under its lock.
func (e *scriptedEngine) script(change func(*scriptedEngine)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
}

func (e *scriptedEngine) requestIDs() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.ids)
}

func (e *scriptedEngine) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /submissions", e.create)
	mux.HandleFunc("POST /submissions/batch", e.create)
	mux.HandleFunc("GET /submissions/batch", e.results)
	mux.HandleFunc("GET /submissions/{token}", e.result)
	mux.HandleFunc("GET /languages/all", func(w http.ResponseWriter, _ *http.Request) {
		var list []api.Language
		for _, l := range scriptedLanguages {
			list = append(list, api.Language{ID: l.ID, Name: l.Name, IsArchived: l.IsArchived})
		}
		answer(w, 200, list)
	})
	mux.HandleFunc("GET /languages/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, l := range scriptedLanguages {
			if fmt.Sprint(l.ID) == r.PathValue("id") {
				answer(w, 200, l)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	})
	mux.HandleFunc("GET /config_info", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, e.config) })
	mux.HandleFunc("GET /workers", func(w http.ResponseWriter, _ *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		answer(w, 200, []map[string]any{{"queue": "1.13.1", "size": 0, "available": e.idle, "idle": e.idle, "working": 0, "paused": 0, "failed": 0}})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		switch {
		case e.broken:
			answer(w, 503, map[string]string{"error": "the sandbox does not work: no cgroup"})
		case e.modern:
			answer(w, 200, map[string]string{"status": "ready"})
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	for _, page := range []string{"/isolate", "/license"} {
		mux.HandleFunc("GET "+page, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })
	}
	for _, page := range []string{"/system_info", "/statistics"} {
		mux.HandleFunc("GET "+page, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]string{"page": page}) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("X-Request-Id"); id != "" {
			e.script(func(e *scriptedEngine) { e.ids = append(e.ids, id) })
		}
		if r.Header.Get("X-Auth-Token") != e.token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (e *scriptedEngine) create(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	decoder := json.NewDecoder(r.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) { // otherwise the connection broke, as it may
			e.t.Errorf("the engine got no JSON: %v", err)
		}
		return
	}
	list, batch := body["submissions"].([]any)
	if !batch {
		list = []any{body}
	}
	e.mu.Lock()
	status, hangUp, next := e.status, e.hangUp, e.next
	e.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
		if status == http.StatusServiceUnavailable {
			fmt.Fprint(w, `{"error":"queue is full"}`)
		}
		return
	}
	var answers []any
	var taken []*scripted
	var sources []string
	for _, entry := range list {
		params := api.Params(entry.(map[string]any))
		checked, faults := api.NewSubmission(params, true, e.config, api.NewLanguages(scriptedLanguages))
		if faults != nil {
			answers = append(answers, faults)
			continue
		}
		s := &scripted{Submission: *checked, key: params["idempotency_key"].(string)}
		source := ""
		if s.SourceCode != nil {
			source = *s.SourceCode
		}
		if strings.HasPrefix(source, "refuse") {
			answers = append(answers, api.Errors{"source_code": {"is refused"}})
			continue
		}
		s.Token, s.CreatedAt = uuid.NewString(), time.Now()
		s.calls, _ = params["callback_url"].(string)
		answers, taken, sources = append(answers, map[string]string{"token": s.Token}), append(taken, s), append(sources, source)
	}
	e.mu.Lock()
	for _, s := range taken {
		e.subs[s.Token] = s
	}
	e.posts = append(e.posts, sources)
	e.mu.Unlock()
	if hangUp {
		if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = connection.Close()
		}
	} else if batch {
		answer(w, 201, answers)
	} else if len(taken) == 0 {
		answer(w, 422, answers[0])
	} else {
		answer(w, 201, answers[0])
	}
	for _, s := range taken {
		e.took <- s
		if next != nil {
			go next(s)
		}
	}
}

func (e *scriptedEngine) result(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.subs[r.PathValue("token")]
	if s == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	fields, _ := api.ParseFields(r.URL.Query().Get("fields"))
	body, _ := s.shown(fields)
	answer(w, 200, body)
}

func (e *scriptedEngine) results(w http.ResponseWriter, r *http.Request) {
	if !e.config.EnableBatchedSubmissions {
		answer(w, 400, map[string]string{"error": "batched submissions are not allowed"})
		return
	}
	list := []any{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, token := range strings.Split(r.URL.Query().Get("tokens"), ",") {
		var body any
		if s := e.subs[token]; s != nil {
			fields, _ := api.ParseFields(r.URL.Query().Get("fields"))
			body, _ = s.shown(fields)
		}
		list = append(list, body)
	}
	answer(w, 200, map[string]any{"submissions": list})
}

// begin has a worker take s, and tells the gateway where it asked for that.
func (e *scriptedEngine) begin(s *scripted) {
	e.mu.Lock()
	s.Status = api.Processing
	e.mu.Unlock()
	if e.modern && strings.Contains(s.calls, "judge0_events=started") {
		e.call(s)
	}
}

// end gives s a result, and calls back.
func (e *scriptedEngine) end(s *scripted) int {
	e.finish(s)
	return e.call(s)
}

// finish gives s a result: its source is what it prints.
func (e *scriptedEngine) finish(s *scripted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	code, seconds, kilobytes, now := 0, 0.012, 3500, time.Now()
	s.Result = api.Result{Status: api.Accepted, Stdout: s.SourceCode, ExitCode: &code, Time: &seconds, WallTime: &seconds, Memory: &kilobytes}
	s.StartedAt, s.FinishedAt = &now, &now
}

func (e *scriptedEngine) forget(s *scripted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.subs, s.Token)
}

// call calls back and gives the status of the answer.
func (e *scriptedEngine) call(s *scripted) int { return e.put(s.calls, e.told(s)) }

// told is the body of a callback.
func (e *scriptedEngine) told(s *scripted) string {
	fields := api.DefaultFields()
	if e.modern {
		fields, _ = api.ParseFields("*")
	}
	e.mu.Lock()
	body, err := s.shown(fields)
	e.mu.Unlock()
	if err != nil {
		e.t.Error(err)
	}
	return string(body)
}

func (e *scriptedEngine) put(url, body string) int {
	request, err := http.NewRequest(http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		e.t.Error(err)
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}
