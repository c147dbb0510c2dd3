package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// manner is how a wire treats what passes.
type manner struct {
	delay    time.Duration // of every piece
	loss     float64       // share of pieces that come as late as one that TCP sends again
	frozen   bool          // nothing passes and nothing is closed: connections are half-open
	refuse   bool          // connections are reset, old and new
	cut      float64       // share of pieces at which the connection is reset
	unheard  float64       // share of answers before which the connection is reset: requests arrive, answers don't
	halfOpen bool          // the client's side is closed for writing as soon as it has said something
}

// resend is how late a lost piece comes: TCP waits 200 ms, and twice as long if that is lost as well.
const resend = 200 * time.Millisecond

// wire is a TCP connection between two parts of a site, which can be made bad. It leads to the first of
// its ends that answers, beginning with another one each time: with several it is a load balancer.
type wire struct {
	listener net.Listener
	ends     []string
	next     atomic.Uint32
	manner   atomic.Pointer[manner]
	crew     sync.WaitGroup

	mu     sync.Mutex
	open   map[*net.TCPConn]bool
	thawed chan struct{} // closed at each change of manner
	closed bool
}

func newWire(ends ...string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listener: l, ends: ends, open: map[*net.TCPConn]bool{}, thawed: make(chan struct{})}
	w.manner.Store(&manner{})
	w.crew.Go(w.accept)
	return w, nil
}

func (w *wire) address() string { return w.listener.Addr().String() }
func (w *wire) url() string     { return "http://" + w.address() }

// turn changes how the wire treats what passes. Connections that were frozen are reset when they are
// not any more: what lay between has forgotten them.
func (w *wire) turn(m manner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.manner.Swap(&m)
	if before.frozen || m.refuse {
		w.reset()
	}
	close(w.thawed)
	w.thawed = make(chan struct{})
}

// reset ends all connections; mu is held.
func (w *wire) reset() {
	for conn := range w.open {
		abort(conn)
	}
}

func abort(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

func (w *wire) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	w.closed = true
	w.reset()
	close(w.thawed)
	w.thawed = make(chan struct{})
	w.mu.Unlock()
	w.crew.Wait()
}

func (w *wire) accept() {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.crew.Go(func() { w.serve(conn.(*net.TCPConn)) })
	}
}

func (w *wire) keep(conn *net.TCPConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		abort(conn)
		return false
	}
	w.open[conn] = true
	return true
}

func (w *wire) drop(conn *net.TCPConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, conn)
	_ = conn.Close()
}

func (w *wire) dial() (*net.TCPConn, error) {
	err := errors.New("no end")
	first := int(w.next.Add(1))
	for i := range w.ends {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", w.ends[(first+i)%len(w.ends)], 2*time.Second); err == nil {
			return conn.(*net.TCPConn), nil
		}
	}
	return nil, err
}

func (w *wire) serve(client *net.TCPConn) {
	if !w.keep(client) {
		return
	}
	defer w.drop(client)
	if !w.pass() {
		abort(client)
		return
	}
	server, err := w.dial()
	if err != nil {
		abort(client) // as a port answers that nobody listens on
		return
	}
	if !w.keep(server) {
		return
	}
	defer w.drop(server)
	var both sync.WaitGroup
	both.Go(func() { w.copy(server, client, false) })
	both.Go(func() { w.copy(client, server, true) })
	both.Wait()
}

// pass waits while the wire is frozen, and tells whether a connection may go on.
func (w *wire) pass() bool {
	for {
		w.mu.Lock()
		m, thawed, closed := w.manner.Load(), w.thawed, w.closed
		w.mu.Unlock()
		if closed || m.refuse {
			return false
		}
		if !m.frozen {
			return true
		}
		<-thawed
	}
}

func (w *wire) copy(to, from *net.TCPConn, answer bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			m := w.manner.Load()
			wait := m.delay
			for chance := resend; rand.Float64() < m.loss && chance < 4*time.Second; chance *= 2 {
				wait += chance
			}
			time.Sleep(wait)
			if rand.Float64() < m.cut || answer && rand.Float64() < m.unheard || !w.pass() {
				abort(to)
				abort(from)
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				abort(from)
				return
			}
			if m.halfOpen && !answer {
				_ = to.CloseWrite()
			}
		}
		if err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}
