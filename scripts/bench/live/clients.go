package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/sandgate/sandgate/judge0/api"
)

const (
	dialers    = 64
	finishers  = 16
	resultTime = 2 * time.Minute
)

// clients holds live connections to one gateway and is its engine.
type clients struct {
	kind  string
	many  int
	url   string
	key   string
	calls chan string // addresses to call with results
	jobs  []string

	mu   sync.Mutex
	sent map[string]time.Time // when the result of a job was told to the gateway
	got  chan string          // jobs whose result came
	told sync.Map             // job → time
}

func clientsRole(kind string, many int) error {
	c := &clients{kind: kind, many: many, calls: make(chan string, 2*many), sent: map[string]time.Time{}, got: make(chan string, 2*many)}
	return answers(func(command string) (figures, error) {
		words := strings.Fields(command)
		switch words[0] {
		case "engine":
			return c.engine()
		case "submit":
			c.url, c.key = words[1], words[2]
			return c.submit()
		case "connect":
			return c.connect()
		case "read":
			return c.read(false)
		case "read-refusing":
			return c.read(true)
		case "finish":
			return c.finish()
		}
		return figures{}, fmt.Errorf("unknown command %q", command)
	})
}

// engine stands in for a Judge0 that takes everything and says nothing until it is told to.
func (c *clients) engine() (figures, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return figures{}, err
	}
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	python := api.Language{ID: 71, Name: "Python (3.11.2)", SourceFile: "script.py", RunCmd: "python3 script.py"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /languages/all", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, []api.Language{python}) })
	mux.HandleFunc("GET /languages/{id}", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, python) })
	mux.HandleFunc("GET /config_info", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, api.DefaultConfig()) })
	mux.HandleFunc("GET /workers", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, []map[string]any{{"queue": "bench", "available": 1, "idle": 1}})
	})
	take := func(w http.ResponseWriter, r *http.Request) {
		type order struct {
			CallbackURL string `json:"callback_url"`
		}
		var body struct {
			order
			Submissions []order `json:"submissions"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			answer(w, 400, map[string]string{"error": err.Error()})
			return
		}
		if body.Submissions == nil {
			c.calls <- body.CallbackURL
			answer(w, 201, map[string]string{"token": uuid.NewString()})
			return
		}
		var tokens []map[string]string
		for _, each := range body.Submissions {
			c.calls <- each.CallbackURL
			tokens = append(tokens, map[string]string{"token": uuid.NewString()})
		}
		answer(w, 201, tokens)
	}
	mux.HandleFunc("POST /submissions", take)
	mux.HandleFunc("POST /submissions/batch", take)
	go func() { _ = http.Serve(listener, mux) }()
	return figures{URL: "http://" + listener.Addr().String()}, nil
}

// submit makes a job for each connection.
func (c *clients) submit() (figures, error) {
	for len(c.jobs) < c.many {
		var list []map[string]any
		for range min(20, c.many-len(c.jobs)) {
			list = append(list, map[string]any{"source_code": "print('hello')", "language_id": 71})
		}
		body, _ := json.Marshal(map[string]any{"submissions": list})
		request, err := http.NewRequest(http.MethodPost, c.url+"/submissions/batch", bytes.NewReader(body))
		if err != nil {
			return figures{}, err
		}
		request.Header.Set("X-Auth-Token", c.key)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return figures{}, err
		}
		var made []struct {
			Token string `json:"token"`
		}
		err = json.NewDecoder(response.Body).Decode(&made)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusCreated {
			return figures{}, fmt.Errorf("a batch was not taken: %d %v", response.StatusCode, err)
		}
		for _, each := range made {
			c.jobs = append(c.jobs, each.Token)
		}
	}
	return figures{}, nil
}

// connect opens all connections, and one more.
func (c *clients) connect() (f figures, err error) {
	open := c.openStream
	if c.kind == "socket" {
		open = c.openSocket
	}
	began := time.Now()
	work := make(chan string)
	faults := make(chan error, c.many)
	var crew sync.WaitGroup
	for range dialers {
		crew.Go(func() {
			for job := range work {
				if err := open(job); err != nil {
					faults <- err
				}
			}
		})
	}
	for _, job := range c.jobs {
		work <- job
	}
	close(work)
	crew.Wait()
	f.Connected, f.Seconds = c.many-len(faults), time.Since(began).Seconds()
	if len(faults) > 0 {
		return f, fmt.Errorf("%d connections failed, one of them: %w", len(faults), <-faults)
	}
	if err := open(c.jobs[0]); err != nil {
		f.Refused = err.Error()
	}
	return f, nil
}

// reads are how many requests tell how soon others are served.
const reads = 300

// read tells how long a plain request takes, in the middle; with refusing, while clients that are one too many come
// again and again.
func (c *clients) read(refusing bool) (f figures, err error) {
	open := c.openStream
	if c.kind == "socket" {
		open = c.openSocket
	}
	enough := make(chan struct{})
	var crew sync.WaitGroup
	for range 4 {
		crew.Go(func() {
			for refusing {
				select {
				case <-enough:
					return
				default:
					_ = open(c.jobs[0])
				}
			}
		})
	}
	for range reads {
		began := time.Now()
		request, err := http.NewRequest(http.MethodGet, c.url+"/submissions/"+c.jobs[0], nil)
		if err != nil {
			return f, err
		}
		request.Header.Set("X-Auth-Token", c.key)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return f, err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return f, fmt.Errorf("a read was answered with %s", response.Status)
		}
		f.Delays = append(f.Delays, float64(time.Since(began).Microseconds())/1000)
	}
	close(enough)
	crew.Wait()
	return f, nil
}

func (c *clients) came(job string) {
	c.told.Store(job, time.Now())
	c.got <- job
}

// openStream listens for a job by Server-Sent Events.
func (c *clients) openStream(job string) error {
	u, err := url.Parse(c.url)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "GET /api/v1/submissions/%s/events HTTP/1.1\r\nHost: %s\r\nX-Auth-Token: %s\r\n\r\n", job, u.Host, c.key); err != nil {
		return err
	}
	in := bufio.NewReaderSize(conn, 1024)
	status, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.Contains(status, " 200 ") {
		rest := make([]byte, 1024)
		n, _ := in.Read(rest)
		_, text, _ := strings.Cut(string(rest[:n]), "\r\n\r\n")
		_ = conn.Close()
		return errors.New(strings.TrimSpace(status) + " " + strings.TrimSpace(text))
	}
	until := func(what string) bool {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return false
			}
			if strings.HasPrefix(line, what) {
				return true
			}
		}
	}
	if !until("data: ") {
		return io.ErrUnexpectedEOF
	}
	go func() {
		defer conn.Close()
		if until("event: result") {
			c.came(job)
		}
	}()
	return nil
}

// openSocket listens for a job by Socket.IO over a web socket.
func (c *clients) openSocket(job string) error {
	dialer := websocket.Dialer{ReadBufferSize: 512, WriteBufferSize: 512, HandshakeTimeout: time.Minute}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(c.url, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return err
	}
	say := func(text string) error { return conn.WriteMessage(websocket.TextMessage, []byte(text)) }
	until := func(what string) error {
		for {
			_, text, err := conn.ReadMessage()
			switch {
			case err != nil:
				return err
			case bytes.HasPrefix(text, []byte("44")):
				return errors.New("connect_error " + string(text[2:]))
			case bytes.Equal(text, []byte("2")):
				if err := say("3"); err != nil {
					return err
				}
			case bytes.HasPrefix(text, []byte(what)):
				return nil
			}
		}
	}
	steps := func() error {
		if err := until("0"); err != nil {
			return err
		}
		if err := say(fmt.Sprintf(`40{"token":%q}`, c.key)); err != nil {
			return err
		}
		if err := until("40"); err != nil {
			return err
		}
		if err := say(fmt.Sprintf(`420["join",%q]`, job)); err != nil {
			return err
		}
		return until(`42["status"`)
	}
	if err := steps(); err != nil {
		_ = conn.Close()
		return err
	}
	go func() {
		defer conn.Close()
		if until(`42["result"`) == nil {
			c.came(job)
		}
	}()
	return nil
}

// finish tells the gateway the results of all jobs, and waits until every client has its own.
func (c *clients) finish() (f figures, err error) {
	result := fmt.Sprintf(`{"token":%q,"status":{"id":3},"stdout":"aGVsbG8K","time":"0.01","memory":3000,"exit_code":0}`, uuid.NewString())
	work := make(chan string)
	var crew sync.WaitGroup
	var fault error
	transport := &http.Transport{MaxIdleConnsPerHost: finishers}
	for range finishers {
		crew.Go(func() {
			for address := range work {
				job := strings.Split(strings.SplitN(address, "/internal/callbacks/", 2)[1], "/")[0]
				c.mu.Lock()
				c.sent[job] = time.Now()
				c.mu.Unlock()
				request, err := http.NewRequest(http.MethodPut, address, strings.NewReader(result))
				if err == nil {
					var response *http.Response
					if response, err = transport.RoundTrip(request); err == nil {
						_, _ = io.Copy(io.Discard, response.Body)
						_ = response.Body.Close()
					}
				}
				if err != nil {
					c.mu.Lock()
					fault = err
					c.mu.Unlock()
				}
			}
		})
	}
	for range c.jobs {
		select {
		case address := <-c.calls:
			work <- address
		case <-time.After(resultTime):
			return f, errors.New("not all jobs reached the engine")
		}
	}
	close(work)
	crew.Wait()
	if fault != nil {
		return f, fault
	}
	deadline := time.After(resultTime)
	for f.Delivered < c.many {
		select {
		case job := <-c.got:
			f.Delivered++
			told, _ := c.told.Load(job)
			f.Delays = append(f.Delays, float64(told.(time.Time).Sub(c.sent[job]).Microseconds())/1000)
		case <-deadline:
			return f, nil
		}
	}
	return f, nil
}
