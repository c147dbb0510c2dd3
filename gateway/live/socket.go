package live

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	socketio "github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds of a Socket.IO connection.
const (
	jobsOfSocket   = 256              // joined at once; one leaves them with its result
	socketLetters  = 4 * jobsOfSocket // events that wait to be told
	waitingPackets = 1024             // that the client was not sent yet
	waitingBytes   = 4 << 20
	packetRate     = 50 // packets a second that a client may send, on average
	packetBurst    = 2 * jobsOfSocket
	packetBytes    = 16 << 10 // of one packet or one body that a client sends
	connectLimit   = 10 * time.Second
	pingEvery      = 25 * time.Second
	pingLimit      = 20 * time.Second
	lastWords      = time.Second
	strangers      = 1000 // connections that may be open besides those that were let in
)

// sockets serves Socket.IO. The library keeps the protocol; what it does not bound is bounded here:
// what clients send, what waits for them, and how long a write may take.
type sockets struct {
	hub     *Hub
	io      *socketio.Server
	handler http.Handler

	mu       sync.Mutex
	stopped  bool
	sessions map[string]*session // by the engine's id
}

func newSockets(h *Hub) *sockets {
	s := &sockets{hub: h, sessions: map[string]*session{}}
	options := socketio.DefaultServerOptions()
	options.SetServeClient(false)
	options.SetConnectTimeout(connectLimit)
	options.SetPingInterval(pingEvery)
	options.SetPingTimeout(pingLimit)
	options.SetMaxHttpBufferSize(packetBytes)
	options.SetPerMessageDeflate(nil)
	options.SetHttpCompression(nil)
	options.SetAllowRequest(s.allow)
	s.io = socketio.NewServer(nil, options)
	s.io.Use(s.connect)
	_ = s.io.On("connection", s.connected)
	s.handler = s.io.ServeHandler(nil)
	_ = s.io.Engine().On("connection", s.begin)
	return s
}

func (s *sockets) stop() {
	s.mu.Lock()
	s.stopped = true
	var open []*session
	for _, each := range s.sessions {
		open = append(open, each)
	}
	s.mu.Unlock()
	for _, each := range open {
		each.conn.Close(true)
	}
}

// ServeSocket serves one request of Socket.IO: a poll, or a connection that becomes a web socket.
// credentials is what the request says of its maker; the client may name a token later.
func (h *Hub) ServeSocket(w http.ResponseWriter, r *http.Request, credentials Credentials) {
	h.sockets.serve(w, r, credentials)
}

func (s *sockets) serve(w http.ResponseWriter, r *http.Request, credentials Credentials) {
	query, upgrade := r.URL.Query(), strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := &response{inner: w, header: http.Header{}, credentials: credentials, observer: s.hub.Observer, open: make(chan struct{}), done: make(chan struct{}), gone: func() { context.AfterFunc(r.Context(), cancel) }}
	// The library holds on to a request for as long as the connection lasts, so it gets only what it
	// needs of it, and nothing secret. Origins are not its concern: see the API's rules of CORS.
	slim := &http.Request{
		Method: r.Method, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, Host: r.Host,
		Header: http.Header{}, Body: r.Body, ContentLength: r.ContentLength, RemoteAddr: r.RemoteAddr, RequestURI: r.URL.Path,
		URL: &url.URL{Path: r.URL.Path},
	}
	kept := url.Values{}
	for _, name := range []string{"EIO", "transport", "sid", "t", "b64"} {
		if query.Has(name) {
			kept.Set(name, query.Get(name))
		}
	}
	slim.URL.RawQuery = kept.Encode()
	names := []string{"Content-Type"}
	if upgrade {
		names = []string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"}
		slim.Body, slim.ContentLength = http.NoBody, 0
		ctx = context.Background()
	}
	for _, name := range names {
		if values := r.Header.Values(name); len(values) > 0 {
			slim.Header[name] = values
		}
	}
	if sid := kept.Get("sid"); sid != "" {
		s.mu.Lock()
		each := s.sessions[sid]
		s.mu.Unlock()
		switch {
		case upgrade:
			// The library reads a web socket before it listens to what is read: that waits until it has returned.
		case each == nil || r.ContentLength > packetBytes:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":1,"message":"Session ID unknown"}`))
			return
		case r.Method == http.MethodGet:
			// Until the library has taken a poll up it is not ready for the client's going away. It says when it
			// has, but for a poll that comes when the connection is no longer one of polls.
			each.settle()
			each.answer.Store(out)
			each.poll.Store(out)
			defer time.AfterFunc(connectLimit, out.let).Stop()
		default:
			out.let()
		}
	}
	s.handler.ServeHTTP(out, slim.WithContext(ctx))
	out.let()
	out.forget()
}

var (
	errEngineFull = errors.New("too many live connections are open")
	errOldClient  = errors.New("a client of Socket.IO 3 or 4 is needed")
)

// allow is asked before a connection is opened, and before it is known who opens it.
func (s *sockets) allow(ctx *types.HttpContext) error {
	if ctx.Query().Peek("EIO") != "4" {
		return errOldClient
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.sessions) >= s.hub.Connections.Most+strangers {
		s.hub.Observer.Refused("full")
		return errEngineFull
	}
	if out, ok := ctx.Response().(*response); ok && ctx.Query().Peek("transport") == "polling" {
		out.hold()
	}
	return nil
}

// response is what the library gets as the answer to one request. While a connection is being made,
// the library is not ready for what a client says or for its going away: until then nothing is read,
// and nothing is written that the client could answer.
//
// When a client goes, the library may still be busy with the answer although its handler has returned.
// So it fills in a header of its own, and the server's is touched only while writing is held.
type response struct {
	credentials Credentials
	observer    Observer
	gone        func() // from now on the library is told when the client goes
	header      http.Header
	wrote       atomic.Bool   // the client may have the answer
	done        chan struct{} // closed when the library is done with the answer to a poll

	writing sync.Mutex // held while inner is in use; before mu
	mu      sync.Mutex
	inner   http.ResponseWriter
	held    bool
	open    chan struct{}
	opened  bool
}

func (w *response) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = true
}

func (w *response) let() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.opened {
		w.opened = true
		close(w.open)
		w.gone()
	}
}

// forget drops what the HTTP server takes back, once it is not in use.
func (w *response) forget() {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inner, w.gone, w.credentials = nil, nil, ""
}

// use calls f with the server's writer when the answer may be written. It gives false if nobody waits for
// the answer any more.
func (w *response) use(f func(http.ResponseWriter)) bool {
	w.mu.Lock()
	held := w.held
	w.mu.Unlock()
	if held {
		select {
		case <-w.open:
		case <-time.After(connectLimit):
		}
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	inner := w.inner
	w.mu.Unlock()
	if inner == nil {
		return false
	}
	f(inner)
	return true
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	w.use(func(inner http.ResponseWriter) {
		maps.Copy(inner.Header(), w.header)
		inner.WriteHeader(status)
	})
}

func (w *response) Write(text []byte) (n int, err error) {
	w.wrote.Store(true)
	err = http.ErrHandlerTimeout
	w.use(func(inner http.ResponseWriter) { n, err = inner.Write(text) })
	return n, err
}

// Hijack gives the connection of a web socket.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inner == nil {
		return nil, nil, http.ErrHijacked
	}
	conn, buffers, err := http.NewResponseController(w.inner).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return &gated{Conn: conn, observer: w.observer, open: w.open}, buffers, nil
}

// gated is a connection that is not read, and written but once, until it is open, and that gives up
// on a client that takes nothing.
type gated struct {
	net.Conn
	observer Observer
	open     chan struct{}
	begun    atomic.Bool
}

func (c *gated) Read(text []byte) (int, error) {
	<-c.open
	return c.Conn.Read(text)
}

func (c *gated) Write(text []byte) (int, error) {
	if c.begun.Swap(true) {
		<-c.open
	}
	_ = c.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
	n, err := c.Conn.Write(text)
	if isTimeout(err) {
		c.observer.Dropped("slow")
	}
	return n, err
}

// session is one connection.
type session struct {
	mailbox
	sockets     *sockets
	conn        engine.Socket
	credentials Credentials
	claimed     atomic.Bool // it was asked once who it is
	packets     atomic.Int64
	bytes       atomic.Int64
	dropped     atomic.Bool
	entering    atomic.Pointer[chan struct{}] // until the library has let the client in
	poll        atomic.Pointer[response]      // that the library has not taken up yet
	answer      atomic.Pointer[response]      // to the last poll, that the library is not done with

	pace   sync.Mutex
	budget float64
	paced  time.Time

	own     sync.Mutex
	over    bool
	socket  *socketio.Socket
	place   *Connection
	account string
	jobs    map[string]*joined
}

// joined is a room of a session: it hears of one job.
type joined struct {
	session  *session
	token    string
	listener *listener
	last     submission.State // said last; the worker's

	mu     sync.Mutex
	may    bool // the job is the account's
	missed bool // something was announced before that was known
}

// begin takes up a connection before anything of it is read.
func (s *sockets) begin(args ...any) {
	conn, ok := args[0].(engine.Socket)
	if !ok {
		return
	}
	out, ok := conn.Request().Response().(*response)
	if !ok {
		conn.Close(true)
		return
	}
	each := &session{sockets: s, conn: conn, credentials: out.credentials, budget: packetBurst, paced: time.Now()}
	each.mailbox = mailbox{reader: each, pool: s.hub.pool, most: socketLetters}
	_ = conn.Transport().On("ready", each.ready)
	if conn.Transport().Name() == "polling" {
		each.answer.Store(out)
		_ = conn.Transport().On("drain", each.drained)
	}
	_ = conn.On("packet", each.received)
	_ = conn.On("packetCreate", each.queued)
	_ = conn.On("flush", each.flushed)
	_ = conn.Once("close", func(...any) {
		s.mu.Lock()
		delete(s.sessions, conn.Id())
		s.mu.Unlock()
		each.end()
	})
	s.mu.Lock()
	stopped := s.stopped
	s.sessions[conn.Id()] = each
	s.mu.Unlock()
	out.let()
	if stopped {
		conn.Close(true)
	}
}

// ready is told when the library has taken up a poll.
func (s *session) ready(...any) {
	if poll := s.poll.Swap(nil); poll != nil {
		poll.let()
	}
}

// drained is told when the library is done with the answer to a poll.
func (s *session) drained(...any) {
	if answer := s.answer.Swap(nil); answer != nil {
		close(answer.done)
	}
}

// settle waits until the library is done with an answer that the client has already. It forgets the poll after it has
// answered it: one that came in between would be forgotten with it, and what there is to say would be lost.
func (s *session) settle() {
	answer := s.answer.Load()
	if answer == nil || !answer.wrote.Load() {
		return
	}
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case <-answer.done:
	case <-late.C:
	}
}

// received bounds what a client sends. It runs before the packet is looked at.
func (s *session) received(args ...any) {
	// The library tells a client that it is in before it is: what a quick one says then has to wait.
	if entering := s.entering.Load(); entering != nil {
		<-*entering
	}
	if p, ok := args[0].(*packet.Packet); ok && p.Type == packet.MESSAGE {
		if _, text := p.Data.(*types.StringBuffer); !text {
			s.drop("flood") // there is nothing to be said in binary
			return
		}
	}
	s.pace.Lock()
	now := time.Now()
	s.budget = min(packetBurst, s.budget+now.Sub(s.paced).Seconds()*packetRate) - 1
	s.paced = now
	over := s.budget < 0
	s.pace.Unlock()
	if over {
		s.drop("flood")
	}
}

// queued and flushed bound what waits for a client.
func (s *session) queued(args ...any) {
	size := int64(packetSize(args[0]))
	before := s.bytes.Add(size) - size
	if s.packets.Add(1) > waitingPackets || before > 0 && before+size > waitingBytes {
		go s.drop("slow")
	}
}

func (s *session) flushed(args ...any) {
	packets, _ := args[0].([]*packet.Packet)
	for _, p := range packets {
		s.packets.Add(-1)
		s.bytes.Add(-int64(packetSize(p)))
	}
}

func packetSize(arg any) int {
	if p, ok := arg.(*packet.Packet); ok {
		if data, ok := p.Data.(interface{ Len() int }); ok {
			return data.Len()
		}
	}
	return 0
}

// drop ends a connection whose client does not behave.
func (s *session) drop(why string) {
	if !s.dropped.Swap(true) {
		s.sockets.hub.Observer.Dropped(why)
		s.conn.Close(true)
	}
}

func (s *session) overflow() { go s.drop("slow") }

// connect is asked who wants to connect, and lets them in.
func (s *sockets) connect(socket *socketio.Socket, next func(*socketio.ExtendedError)) {
	s.mu.Lock()
	each := s.sessions[socket.Client().Conn().Id()]
	s.mu.Unlock()
	if each == nil || each.claimed.Swap(true) {
		next(extended(submission.Errorf(submission.Malformed, "connect once, on a new connection")))
		return
	}
	given := socket.Handshake().Auth
	token, _ := given["token"].(string)
	delete(given, "token")
	next(extended(each.enter(socket, token)))
}

func (s *session) enter(socket *socketio.Socket, token string) error {
	h := s.sockets.hub
	ctx, cancel := context.WithTimeout(context.Background(), readLimit)
	defer cancel()
	account, credentials, err := h.Authenticate(ctx, s.credentials, token)
	s.credentials = "" // from here on the place has them
	if err != nil {
		if refuses(err) {
			h.Observer.Refused("unauthenticated")
		}
		return err
	}
	place, err := h.Connections.enter(Socket, account, credentials)
	if err != nil {
		return err
	}
	s.own.Lock()
	over := s.over
	if !over {
		s.socket, s.place, s.account, s.jobs = socket, place, account, map[string]*joined{}
	}
	s.own.Unlock()
	if over {
		place.leave()
		return errStopped
	}
	entering := make(chan struct{})
	s.entering.Store(&entering)
	if over := s.conn.ReadyState() != "open"; over || !place.endWith(s.leaveNow) {
		s.entered()
		s.conn.Close(true)
	}
	return nil
}

// entered lets the client be heard.
func (s *session) entered() {
	if entering := s.entering.Swap(nil); entering != nil {
		close(*entering)
	}
}

// leaveNow ends the connection from here. A client whose key was revoked is told not to come back.
func (s *session) leaveNow(revoked bool) {
	if revoked && s.socket.Connected() {
		s.socket.Disconnect(false)
		return
	}
	s.conn.Close(true)
}

// extended gives an error as a client gets it with connect_error.
func extended(err error) *socketio.ExtendedError {
	if err == nil {
		return nil
	}
	fault := faultOf(err)
	return socketio.NewExtendedError(fault.Message, map[string]any{"code": codes[fault.Code], "retryAfter": int(fault.RetryAfter.Seconds())})
}

func faultOf(err error) *submission.Error {
	var fault *submission.Error
	if errors.As(err, &fault) && fault.Code != submission.Internal {
		return fault
	}
	return &submission.Error{Code: submission.Unavailable, Message: "this can't be told now", RetryAfter: 5 * time.Second, Err: err}
}

var codes = map[submission.Code]string{
	submission.Malformed: "malformed", submission.Invalid: "invalid", submission.Unauthenticated: "unauthenticated",
	submission.Forbidden: "forbidden", submission.NotFound: "not-found", submission.TooLarge: "too-large",
	submission.Conflict: "conflict", submission.TooMany: "too-many-requests", submission.QueueFull: "queue-full", submission.Unavailable: "unavailable",
}

func (s *sockets) connected(args ...any) {
	socket, ok := args[0].(*socketio.Socket)
	if !ok {
		return
	}
	s.mu.Lock()
	each := s.sessions[socket.Client().Conn().Id()]
	s.mu.Unlock()
	if each == nil {
		return
	}
	_ = socket.On("join", each.join)
	_ = socket.On("leave", each.leave)
	_ = socket.On("disconnect", func(...any) {
		each.end()
		// The library would close the connection before it has written the last packet.
		time.AfterFunc(lastWords, func() { each.conn.Close(true) })
	})
	each.entered()
}

// end gives back what the session holds.
func (s *session) end() {
	s.entered()
	s.own.Lock()
	s.over = true
	place, jobs := s.place, s.jobs
	s.place, s.jobs = nil, nil
	s.own.Unlock()
	s.mailbox.close()
	for _, job := range jobs {
		job.listener.close()
	}
	if place != nil {
		place.leave()
	}
}

// room gives the token of what a client names: an id of a job, or the name of its room.
func room(args []any) (token string, ack func(map[string]any)) {
	ack = func(map[string]any) {}
	if n := len(args); n > 0 {
		if answer, ok := args[n-1].(socketio.Ack); ok {
			ack = func(content map[string]any) { answer([]any{content}, nil) }
			args = args[:n-1]
		}
	}
	if len(args) == 1 {
		token, _ = args[0].(string)
	}
	token = strings.TrimPrefix(token, "job:")
	if len(token) > 64 {
		token = ""
	}
	return token, ack
}

func refusal(err error) map[string]any {
	fault := faultOf(err)
	return map[string]any{"ok": false, "error": fault.Message, "code": codes[fault.Code]}
}

var errJobsFull = submission.Errorf(submission.Unavailable, "this connection has joined %d jobs: leave some, or open another", jobsOfSocket)

// join has the client told of a job from now on, its present state first.
func (s *session) join(args ...any) {
	h := s.sockets.hub
	token, ack := room(args)
	if token == "" {
		ack(refusal(submission.Errorf(submission.Malformed, "name a job")))
		return
	}
	job := &joined{session: s, token: token, last: submission.Unknown}
	s.own.Lock()
	before := s.jobs[token]
	switch {
	case s.over:
		s.own.Unlock()
		return
	case before == nil && len(s.jobs) >= jobsOfSocket:
		s.own.Unlock()
		h.Observer.Refused("jobs-full")
		ack(refusal(errJobsFull))
		return
	}
	job.listener = h.Bus.listen(token, job)
	s.jobs[token] = job
	s.own.Unlock()
	if before != nil {
		before.listener.close()
	}
	sub, err := h.get(s.account, token)
	if err != nil {
		s.part(job)
		if gone(err) {
			h.Observer.Refused("job-not-found")
		}
		ack(refusal(err))
		return
	}
	state, _, _ := h.look(s.account, submission.Event{Token: token, Submission: sub})
	_, status := h.say(token, min(state, submission.Processing), nil)
	ack(map[string]any{"ok": true, "jobId": token, "room": "job:" + token, "done": state == submission.Finished, "status": status.(progress).Status})
	s.put(letter{event: submission.Event{Token: token, Submission: sub}, job: job})
	job.mu.Lock()
	job.may = true
	missed := job.missed
	job.mu.Unlock()
	if missed {
		s.put(letter{event: submission.Event{Token: token, State: submission.Unknown}, job: job})
	}
}

// hear takes an event of a job, unless it is not known yet whose the job is.
func (j *joined) hear(event submission.Event) {
	j.mu.Lock()
	may := j.may
	j.missed = !may
	j.mu.Unlock()
	if may {
		j.session.put(letter{at: time.Now(), event: event, job: j})
	}
}

func (s *session) leave(args ...any) {
	token, ack := room(args)
	s.own.Lock()
	job := s.jobs[token]
	s.own.Unlock()
	if job != nil {
		s.part(job)
	}
	ack(map[string]any{"ok": true})
}

func (s *session) part(job *joined) {
	s.own.Lock()
	if s.jobs[job.token] == job {
		delete(s.jobs, job.token)
	}
	s.own.Unlock()
	job.listener.close()
}

func (s *session) joinedNow(job *joined) bool {
	s.own.Lock()
	defer s.own.Unlock()
	return s.jobs[job.token] == job
}

func (s *session) read(l letter) bool {
	if !s.joinedNow(l.job) {
		return true
	}
	h := s.sockets.hub
	state, sub, err := h.look(s.account, l.event)
	if gone(err) {
		s.part(l.job) // it was deleted
		return true
	}
	if err != nil {
		s.conn.Close(true) // the client comes back
		return true
	}
	if state <= l.job.last {
		return true
	}
	l.job.last = state
	name, data := h.say(l.job.token, state, sub)
	text, err := json.Marshal(data)
	if err != nil {
		h.Log.Warn("an event was not sent", "error", err)
		return true
	}
	if state == submission.Finished {
		s.part(l.job)
	}
	_ = s.socket.Emit(name, json.RawMessage(text))
	if !l.at.IsZero() {
		h.Observer.Delivered(time.Since(l.at))
	}
	return true
}
