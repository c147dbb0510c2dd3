package live

import (
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// letter is something to tell a client.
type letter struct {
	kind   letterKind
	at     time.Time // when it was announced; zero: it is no announcement
	event  submission.Event
	number int64   // in the journal
	epoch  string  // of the journal, which began anew
	job    *joined // of a socket
}

type letterKind uint8

const (
	news letterKind = iota // event
	beat                   // a sign of life
	gap                    // something may have been missed
)

// reader is a client as its mailbox sees it.
type reader interface {
	// read tells one letter to the client. False means that this takes longer: the reader goes on by
	// itself and calls resume.
	read(letter) bool
	// overflow is called when too many letters wait. It must not block.
	overflow()
}

// mailbox keeps what a client is to be told, in order, while a worker is at it or none is free. An
// idle one costs no goroutine and little memory.
type mailbox struct {
	reader reader
	pool   *pool
	most   int // letters that may wait

	mu      sync.Mutex
	letters []letter
	busy    bool // a worker has it, or will, or the reader goes on by itself
	closed  bool
}

// put adds a letter.
func (m *mailbox) put(l letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
	case len(m.letters) >= m.most:
		m.closed, m.letters = true, nil
		m.reader.overflow()
	default:
		m.letters = append(m.letters, l)
		if !m.busy {
			m.busy = true
			m.pool.add(m)
		}
	}
}

// resume has a worker go on with a mailbox that is busy.
func (m *mailbox) resume() { m.pool.add(m) }

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.letters = true, nil
}

func (m *mailbox) run() {
	for {
		m.mu.Lock()
		if len(m.letters) == 0 {
			m.busy, m.letters = false, nil
			m.mu.Unlock()
			return
		}
		l := m.letters[0]
		m.letters[0] = letter{}
		m.letters = m.letters[1:]
		m.mu.Unlock()
		if !m.reader.read(l) {
			return
		}
	}
}

// workers is how many mailboxes are emptied at once. Writing does not block a worker, reading the
// store may.
const workers = 32

// pool empties mailboxes. Each waits in it once at most, which bounds it.
type pool struct {
	mu      sync.Mutex
	wanted  sync.Cond
	waiting []*mailbox
	stopped bool
	owned   sync.WaitGroup
}

func newPool() *pool {
	p := &pool{}
	p.wanted.L = &p.mu
	for range workers {
		p.owned.Go(p.work)
	}
	return p
}

func (p *pool) add(m *mailbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.waiting = append(p.waiting, m)
		p.wanted.Signal()
	}
}

func (p *pool) work() {
	for {
		p.mu.Lock()
		for len(p.waiting) == 0 && !p.stopped {
			p.wanted.Wait()
		}
		if p.stopped {
			p.mu.Unlock()
			return
		}
		m := p.waiting[0]
		p.waiting[0] = nil
		if p.waiting = p.waiting[1:]; len(p.waiting) == 0 {
			p.waiting = nil
		}
		p.mu.Unlock()
		m.run()
	}
}

// stop ends the workers when they have done what they are at.
func (p *pool) stop() {
	p.mu.Lock()
	p.stopped = true
	p.waiting = nil
	p.wanted.Broadcast()
	p.mu.Unlock()
	p.owned.Wait()
}
