package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// retriable are the answers after which a client may try again.
var retriable = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// giveUp is for how long a client repeats a request: no fault lasts as long.
const giveUp = 2 * time.Minute

// client submits programs of an account, as a careful program does: with idempotency keys, and again
// what had no answer.
type client struct {
	name    string
	account string
	url     func() string // of the gateway that it goes to
	key     string
	ledger  *ledger
	hook    string // where callbacks go; "": it asks for none
	site    *site
	http    *http.Client

	sent   int
	recent []*job // some of the last, to be repeated
}

func newHTTP() *http.Client {
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 20 * time.Second}}
}

// call makes a request and reads the answer. A status of 0 stands for no answer.
func (c *client) call(ctx context.Context, method, path, once string, body any) (status int, text []byte, err error) {
	var in io.Reader
	switch body := body.(type) {
	case nil:
	case raw:
		in = strings.NewReader(string(body))
	default:
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url()+path, in)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("X-Auth-Token", c.key)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if once != "" {
		request.Header.Set("Idempotency-Key", once)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if text, err = io.ReadAll(response.Body); err != nil {
		return 0, nil, err // half an answer is none
	}
	return response.StatusCode, text, nil
}

// insist repeats a request until it has an answer that is none of those to try again after. It gives
// false if there was none in time, or if the answer breaks the rules.
func (c *client) insist(method, path, once string, body any, into any, want int) bool {
	began := time.Now()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		status, text, err := c.call(context.Background(), method, path, once, body)
		switch {
		case status == want:
			if err := json.Unmarshal(text, into); err != nil {
				c.ledger.violated("%s %s was answered with %.200q: %v", method, path, text, err)
				return false
			}
			return true
		case status == 0:
			c.ledger.failed(0, cause(err))
		case slices.Contains(retriable, status):
			c.ledger.failed(status, fmt.Sprint(status))
		default:
			c.ledger.violated("%s %s was answered with %d: %.300s", method, path, status, text)
			return false
		}
		if once == "" && method == http.MethodPost {
			return false // it may have arrived: to repeat it could run it twice
		}
		if time.Since(began) > giveUp {
			c.ledger.violated("%s %s had no success for %v; the last: %d %v", method, path, giveUp, status, err)
			return false
		}
		time.Sleep(wait/2 + rand.N(wait))
	}
}

// cause names why there was no answer, in few words.
func cause(err error) string {
	text := err.Error()
	for _, known := range []string{"refused", "reset", "EOF", "Timeout", "deadline"} {
		if strings.Contains(text, known) {
			return strings.ToLower(known)
		}
	}
	return text
}

func (c *client) job(once bool) *job {
	c.sent++
	j := &job{client: c, text: fmt.Sprintf("%s-%d", c.name, c.sent)}
	if once {
		j.key = "drill-" + j.text
	}
	j.hook = c.hook != "" && c.sent%8 == 0
	c.ledger.sent(j)
	return j
}

func (c *client) attributes(j *job) map[string]any {
	a := map[string]any{"language_id": 46, "source_code": "echo " + j.text}
	if j.hook {
		a["callback_url"] = c.hook
	}
	return a
}

// step does one thing: mostly it submits.
func (c *client) step() {
	switch n := c.sent % 20; {
	case n < 11:
		c.one(c.job(true))
	case n < 14:
		c.wait(c.job(true))
	case n < 16: // careless: without a key
		c.one(c.job(false))
	case n < 17:
		if len(c.recent) > 0 {
			j := c.recent[rand.N(len(c.recent))]
			c.one(j)
		}
		c.spy()
		c.sent++
	default:
		c.batch(5)
	}
}

func (c *client) one(j *job) {
	var made answer
	if c.insist(http.MethodPost, "/submissions", j.key, c.attributes(j), &made, http.StatusCreated) {
		c.ledger.accepted(j, made.Token)
		c.remember(j)
	}
}

func (c *client) remember(j *job) {
	if j.key != "" {
		c.recent = append(c.recent[max(0, len(c.recent)-20):], j)
	}
}

// wait submits with wait=true; without the result in the answer it is asked for later.
func (c *client) wait(j *job) {
	var made answer
	if !c.insist(http.MethodPost, "/submissions?wait=true&fields="+fields, j.key, c.attributes(j), &made, http.StatusCreated) {
		return
	}
	c.ledger.accepted(j, made.Token)
	c.ledger.seen(j, made)
}

func (c *client) batch(n int) {
	jobs := make([]*job, n)
	list := make([]map[string]any, n)
	for i := range jobs {
		jobs[i] = c.job(true)
		list[i] = c.attributes(jobs[i])
	}
	var made []answer
	if !c.insist(http.MethodPost, "/submissions/batch", "batch-"+jobs[0].text, map[string]any{"submissions": list}, &made, http.StatusCreated) {
		return
	}
	if len(made) != n {
		c.ledger.violated("a batch of %d was answered with %d tokens", n, len(made))
		return
	}
	for i, j := range jobs {
		c.ledger.accepted(j, made[i].Token)
	}
}

// spy asks for a submission of another account, which must not be found.
func (c *client) spy() {
	c.ledger.mu.Lock()
	var foreign string
	for token, j := range c.ledger.byToken {
		if j.client.account != c.account && j.client.site == c.site {
			foreign = token
			break
		}
	}
	c.ledger.mu.Unlock()
	if foreign == "" {
		return
	}
	status, text, err := c.call(context.Background(), http.MethodGet, "/submissions/"+foreign, "", nil)
	if err == nil && status != http.StatusNotFound && !slices.Contains(retriable, status) {
		c.ledger.violated("account %s asked for %s of another and was answered with %d: %.200s", c.account, foreign, status, text)
	}
}

// look asks for the submissions of jobs, 20 at a time, and tells whether all was answered.
func (c *client) look(jobs []*job) bool {
	for some := range slices.Chunk(jobs, 20) {
		tokens := make([]string, len(some))
		for i, j := range some {
			tokens[i] = j.token
		}
		var page struct{ Submissions []*answer }
		path := "/submissions/batch?fields=" + fields + "&tokens=" + strings.Join(tokens, ",")
		if !c.insist(http.MethodGet, path, "", nil, &page, http.StatusOK) {
			return false
		}
		if len(page.Submissions) != len(some) {
			c.ledger.violated("%d submissions were asked for, and %d shown", len(some), len(page.Submissions))
			return false
		}
		for i, j := range some {
			if page.Submissions[i] == nil {
				c.ledger.violated("%s (%s) was accepted and is not there", j.token, j.text)
				continue
			}
			c.ledger.seen(j, *page.Submissions[i])
		}
	}
	return true
}

// load is a crowd of clients that can be told to go on and to rest.
type load struct {
	clients []*client
	most    int           // submissions of one client that may be open
	every   time.Duration // a client does one thing in that time at most; 0: as much as it can

	stop chan struct{}
	crew sync.WaitGroup
	gate sync.RWMutex // held for writing while clients rest
}

func newLoad(clients []*client, most int) *load {
	return &load{clients: clients, most: most, stop: make(chan struct{})}
}

// start sends the clients off.
func (l *load) start() {
	for _, c := range l.clients {
		l.crew.Go(func() {
			for !l.stopped() {
				next := time.Now().Add(l.every)
				l.gate.RLock()
				switch open := c.ledger.open(c); {
				case l.stopped():
				case len(open) < l.most:
					c.step()
				default:
					c.look(open)
				}
				l.gate.RUnlock()
				time.Sleep(max(time.Until(next), time.Duration(5+rand.IntN(40))*time.Millisecond))
			}
		})
	}
}

func (l *load) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// rest waits until no client is in the middle of anything, and holds them there.
func (l *load) rest() { l.gate.Lock() }

// goOn ends a rest.
func (l *load) goOn() { l.gate.Unlock() }

// end stops all clients, which rest: nothing more is sent.
func (l *load) end() {
	close(l.stop)
	l.goOn()
	l.crew.Wait()
}

// settle waits until all that was accepted has ended.
func (l *load) settle(atMost time.Duration) {
	ledger := l.clients[0].ledger
	for deadline := time.Now().Add(atMost); ; time.Sleep(50 * time.Millisecond) {
		var crew sync.WaitGroup
		open := 0
		for _, c := range l.clients {
			if mine := ledger.open(c); len(mine) > 0 {
				open += len(mine)
				crew.Go(func() { c.look(mine) })
			}
		}
		crew.Wait()
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			for _, c := range l.clients {
				for _, j := range ledger.open(c) {
					ledger.violated("%s (%s) was accepted and has not ended after %v", j.token, j.text, time.Since(j.accepted).Round(time.Second))
				}
			}
			return
		}
	}
}

// again looks at everything that has ended since a moment, to see that it has not changed.
func (l *load) again(since time.Time) {
	mine := map[*client][]*job{}
	for _, j := range l.clients[0].ledger.closed(since) {
		mine[j.client] = append(mine[j.client], j)
	}
	var crew sync.WaitGroup
	for c, jobs := range mine {
		crew.Go(func() { c.look(jobs) })
	}
	crew.Wait()
}
