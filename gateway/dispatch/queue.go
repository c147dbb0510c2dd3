package dispatch

import (
	"container/heap"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// entry is a submission that has not ended.
type entry struct {
	seq         int64
	token       string
	line        *line
	index       int                    // in the queue of its line; -1: it is not queued
	sub         *submission.Submission // nil: in the store only
	held        int
	since       time.Time
	state       submission.State
	flight      bool // a forwarder has it
	gone        bool // it has ended
	waits       bool // counted among those that wait for the pool
	inPool      bool // counted among those that the pool has, or may have
	engineToken string
	sent        time.Time // when the pool took it
	due         time.Time // when the pool is asked, or gets it again
	begun       time.Time // since when it is Processing
	alone       bool      // it goes out alone: a call that it was part of broke off
	broken      int       // calls that broke off with it alone, while the pool took others
	tookThen    int       // took, when the last of them did
	stuck       int       // times that it was Processing for longer than it can be
	storing     *storing  // not nil: the store does not have it yet
}

func (e *entry) queued() bool { return e.index >= 0 }

// line is what one account has in the queue and in the pool.
type line struct {
	account string
	entries byIntake // those that no forwarder has and the pool is to get
	turn    int64    // when it is served next, in rounds
	index   int      // among the lines that may be served; -1: it is not one of them
	waiting int      // reserved, queued or being forwarded
	inPool  int
	capped  bool // it has as much in the pool as it may; it pauses until there is room for several
}

// queue holds what waits for the pool, and shares the pool between accounts: they take turns, and
// neither all of them nor one has more in the pool than its bound. The pool works off what it has in
// the order in which it came, so that what is sent ahead of need is what the next account waits for.
// What an account sends keeps its order. It has no lock of its own.
type queue struct {
	lines   map[string]*line
	turns   byTurn // lines that have something to send and may
	turn    int64  // of the line that was served last
	waiting int
	size    int // entries that are queued
	inPool  int
	window  int  // the most in the pool, all accounts together
	each    int  // the most of one account
	capped  bool // the pool has all it may; sending pauses until there is room for several
}

func (q *queue) line(account string) *line {
	l := q.lines[account]
	if l == nil {
		l = &line{account: account, index: -1}
		q.lines[account] = l
	}
	return l
}

// tidy forgets a line that has nothing.
func (q *queue) tidy(l *line) {
	if len(l.entries) == 0 && l.inPool == 0 && l.waiting == 0 {
		delete(q.lines, l.account)
	}
}

func (q *queue) wait(l *line, n int) {
	q.waiting += n
	l.waiting += n
	q.tidy(l)
}

func (q *queue) push(e *entry) {
	heap.Push(&e.line.entries, e)
	q.size++
	q.offer(e.line)
}

// remove takes e out, if it is queued.
func (q *queue) remove(e *entry) {
	if !e.queued() {
		return
	}
	heap.Remove(&e.line.entries, e.index)
	q.size--
	if l := e.line; len(l.entries) == 0 && l.index >= 0 {
		heap.Remove(&q.turns, l.index)
	}
}

// offer has a line served in its turn, if it has something to send and may.
func (q *queue) offer(l *line) {
	if len(l.entries) == 0 || l.capped {
		return
	}
	if l.index >= 0 {
		heap.Fix(&q.turns, l.index)
		return
	}
	l.turn = max(l.turn, q.turn) // who sent nothing meanwhile has not saved up turns
	heap.Push(&q.turns, l)
}

// peek gives the entry that is to go next; nil: there is none, or the pool has enough.
func (q *queue) peek() *entry {
	if q.inPool >= q.window {
		q.capped = true
	}
	if q.capped || len(q.turns) == 0 {
		return nil
	}
	return q.turns[0].entries[0]
}

// pop takes out what peek gave, and counts it as being in the pool.
func (q *queue) pop() *entry {
	l := q.turns[0]
	e := l.entries[0]
	q.turn = l.turn
	l.turn++
	q.enter(e)
	l.capped = l.inPool >= q.each
	heap.Pop(&l.entries)
	q.size--
	if len(l.entries) == 0 || l.capped {
		heap.Pop(&q.turns)
	} else {
		heap.Fix(&q.turns, 0)
	}
	return e
}

// enter counts e as being in the pool.
func (q *queue) enter(e *entry) {
	if !e.inPool {
		e.inPool = true
		e.line.inPool++
		q.inPool++
	}
}

// leave counts e as not being in the pool any more, and tells whether others may go there now.
// After a pause there is room for several: they go in one call.
func (q *queue) leave(e *entry) (others bool) {
	if !e.inPool {
		return false
	}
	e.inPool = false
	l := e.line
	l.inPool--
	q.inPool--
	if l.capped && l.inPool <= q.each-several(q.each) {
		l.capped = false
		q.offer(l)
		others = true
	}
	if q.capped && q.inPool <= q.window-several(q.window) {
		q.capped = false
		others = true
	}
	q.tidy(l)
	return others && len(q.turns) > 0 && !q.capped
}

func several(bound int) int { return max(1, min(20, bound/4)) }

// oldest is since when the submission waits that waits longest.
func (q *queue) oldest() (since time.Time) {
	for _, l := range q.lines {
		if len(l.entries) > 0 && (since.IsZero() || l.entries[0].since.Before(since)) {
			since = l.entries[0].since
		}
	}
	return since
}

// byIntake is a heap of entries, the oldest first.
type byIntake []*entry

func (h byIntake) Len() int           { return len(h) }
func (h byIntake) Less(i, j int) bool { return h[i].seq < h[j].seq }
func (h byIntake) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *byIntake) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *byIntake) Pop() any {
	old := *h
	last := old[len(old)-1]
	last.index = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

// byTurn is a heap of lines, the one whose turn it is first; of several, the one that waits longest.
type byTurn []*line

func (h byTurn) Len() int { return len(h) }
func (h byTurn) Less(i, j int) bool {
	if h[i].turn != h[j].turn {
		return h[i].turn < h[j].turn
	}
	return h[i].entries[0].seq < h[j].entries[0].seq
}
func (h byTurn) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *byTurn) Push(x any) {
	l := x.(*line)
	l.index = len(*h)
	*h = append(*h, l)
}
func (h *byTurn) Pop() any {
	old := *h
	last := old[len(old)-1]
	last.index = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
