package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// job is one program that a client sent: what it must print, and what became of it.
type job struct {
	client   *client
	text     string // what it prints; no other job's
	key      string // the idempotency key; "" if it was sent without one, and so once at most
	hook     bool   // a callback was asked for
	token    string // once it was accepted
	accepted time.Time
	ended    time.Time
	result   string // all of it, as it was first seen
}

// violation is something that must never happen.
type violation struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// ledger is what the clients saw. It is what the invariants are checked against.
type ledger struct {
	mu         sync.Mutex
	jobs       map[string]*job // by what they print
	byToken    map[string]*job
	unended    map[*client]map[*job]bool // accepted, without a result
	calls      map[string][]string       // bodies of callbacks, by token
	violations []violation
	period     period
}

// period is what happened since a fault began.
type period struct {
	Sent     int `json:"submissions"`
	Accepted int `json:"accepted"`
	Ended    int `json:"ended"`
	Refused  int `json:"refused"` // 429, 502, 503, 504: to be tried again
	Broken   int `json:"broken"`  // no answer: to be tried again
	Repeated int `json:"repeated"`
	last     time.Time
	gap      time.Duration
	slowest  time.Duration
	statuses map[string]int
}

func newLedger() *ledger {
	return &ledger{jobs: map[string]*job{}, byToken: map[string]*job{}, unended: map[*client]map[*job]bool{}, calls: map[string][]string{}, period: period{last: time.Now(), statuses: map[string]int{}}}
}

// begin starts a period, and forgets the one before.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.period = period{last: time.Now(), statuses: map[string]int{}}
}

// report gives the period up to now.
func (l *ledger) report() period {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.period
}

// violated notes what must not happen; of one kind a few are enough.
func (l *ledger) violated(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, violation{time.Now(), fmt.Sprintf(format, args...)})
}

func (l *ledger) broken() []violation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]violation(nil), l.violations...)
}

// sent notes that a job is going to be sent.
func (l *ledger) sent(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs[j.text] = j
	l.period.Sent++
}

// failed notes a request that had no success but may be repeated.
func (l *ledger) failed(status int, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if status == 0 {
		l.period.Broken++
	} else {
		l.period.Refused++
	}
	l.period.statuses[what]++
}

// accepted notes the token of a job, the first time and each time that it is repeated.
func (l *ledger) accepted(j *job, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	complain := func(format string, args ...any) {
		l.violations = append(l.violations, violation{now, fmt.Sprintf(format, args...)})
	}
	switch owner := l.byToken[token]; {
	case token == "":
		complain("%s was accepted without a token", j.text)
	case j.token != "" && j.token != token:
		complain("%s was given token %s, and %s when it was repeated", j.text, j.token, token)
	case owner != nil && owner != j:
		complain("%s was given token %s, which is that of %s", j.text, token, owner.text)
	case j.token != "":
		l.period.Repeated++
	default:
		j.token, j.accepted = token, now
		l.byToken[token] = j
		if l.unended[j.client] == nil {
			l.unended[j.client] = map[*job]bool{}
		}
		l.unended[j.client][j] = true
		l.period.Accepted++
		l.period.gap = max(l.period.gap, now.Sub(l.period.last))
		l.period.last = now
	}
}

// answer is a submission as the API shows it.
type answer struct {
	Token  string  `json:"token"`
	Stdout *string `json:"stdout"`
	Status struct {
		ID int `json:"id"`
	} `json:"status"`
	Message  *string `json:"message"`
	ExitCode *int    `json:"exit_code"`
	Time     *string `json:"time"`
	Wall     *string `json:"wall_time"`
	Memory   *int    `json:"memory"`
	Finished *string `json:"finished_at"`
}

// fields are those of answer.
const fields = "token,stdout,status,message,exit_code,time,wall_time,memory,finished_at"

func show[T any](value *T) string {
	if value == nil {
		return "null"
	}
	return fmt.Sprint(*value)
}

func (a answer) String() string {
	return fmt.Sprintf("status %d, stdout %q, message %q, exit code %s, time %s, wall time %s, memory %s, finished %s",
		a.Status.ID, show(a.Stdout), show(a.Message), show(a.ExitCode), show(a.Time), show(a.Wall), show(a.Memory), show(a.Finished))
}

// ended tells whether the submission has a result.
func (a answer) ended() bool { return a.Status.ID > 2 }

// seen notes what a job's submission looks like now: it ends once, as it must, and stays as it is.
func (l *ledger) seen(j *job, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	complain := func(format string, args ...any) {
		l.violations = append(l.violations, violation{now, fmt.Sprintf(format, args...)})
	}
	result := a.String()
	switch {
	case a.Token != j.token:
		complain("%s was asked for, and %s was shown", j.token, a.Token)
	case j.result == "" && !a.ended():
	case j.result == "":
		j.result, j.ended = result, now
		delete(l.unended[j.client], j)
		l.period.Ended++
		l.period.slowest = max(l.period.slowest, now.Sub(j.accepted))
		if a.Status.ID != 3 || show(a.Stdout) != j.text+"\n" {
			complain("%s (%s) ended wrongly: %s", j.token, j.text, result)
		}
	case result != j.result:
		complain("the result of %s (%s) changed from {%s} to {%s}", j.token, j.text, j.result, result)
	}
}

// called notes a callback.
func (l *ledger) called(token, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[token] = append(l.calls[token], body)
}

// checkCalls tells of callbacks that came to the wrong place, or differ from each other, and gives how
// many are still owed.
func (l *ledger) checkCalls(final bool) (owed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	complain := func(format string, args ...any) {
		l.violations = append(l.violations, violation{time.Now(), fmt.Sprintf(format, args...)})
	}
	for _, j := range l.jobs {
		if !j.hook || j.token == "" {
			continue
		}
		if len(l.calls[j.token]) == 0 {
			if owed++; final && owed <= 5 {
				complain("the callback of %s (%s) was never made", j.token, j.text)
			}
		}
	}
	if final {
		for token, bodies := range l.calls {
			for _, body := range bodies[1:] {
				if body != bodies[0] {
					complain("the callbacks of %s differ: %s and %s", token, bodies[0], body)
				}
			}
		}
	}
	return owed
}

// open lists the accepted jobs of a client that have no result.
func (l *ledger) open(c *client) []*job {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.unended[c]))
}

// closed lists the jobs that have ended.
func (l *ledger) closed(since time.Time) (list []*job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range l.byToken {
		if j.result != "" && j.accepted.After(since) {
			list = append(list, j)
		}
	}
	return list
}
