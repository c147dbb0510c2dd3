package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sandgate/sandgate/gateway/submission"
)

// raw is a client of Socket.IO over a web socket that may do what it should not.
type raw struct {
	t    testing.TB
	conn *websocket.Conn
}

func (b *bench) dial() *raw {
	b.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(b.server.URL, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r := &raw{b.t, conn}
	b.t.Cleanup(r.close)
	return r
}

func (r *raw) close() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
}

func (r *raw) say(text string) error {
	return r.conn.WriteMessage(websocket.TextMessage, []byte(text))
}

// until reads up to a packet that begins so.
func (r *raw) until(what string) string {
	r.t.Helper()
	_ = r.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		_, text, err := r.conn.ReadMessage()
		if err != nil {
			r.t.Fatalf("%v instead of %s", err, what)
		}
		if bytes.HasPrefix(text, []byte(what)) {
			return string(text)
		}
	}
}

// end reads until the connection is closed.
func (r *raw) end() {
	r.t.Helper()
	_ = r.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		_, _, err := r.conn.ReadMessage()
		if err == nil {
			continue
		}
		if fault, ok := err.(net.Error); ok && fault.Timeout() {
			r.t.Fatal("the connection stays open")
		}
		return
	}
}

// enter connects as an account.
func (b *bench) enter(account string) *raw {
	b.t.Helper()
	r := b.dial()
	r.until("0")
	_ = r.say(fmt.Sprintf(`40{"token":%q}`, account))
	r.until("40")
	return r
}

func (b *bench) nobody() bool {
	b.sockets.mu.Lock()
	defer b.sockets.mu.Unlock()
	return len(b.sockets.sessions) == 0 && b.Connections.Open(Socket) == 0
}

func TestRooms(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 10)
	r := b.enter("a")
	for i := range jobsOfSocket {
		b.put("a", fmt.Sprint("j", i), submission.Queued)
		_ = r.say(fmt.Sprintf(`42%d["join","j%d"]`, i, i))
		if answer := r.until("43"); !strings.Contains(answer, `"ok":true`) {
			t.Fatal(answer)
		}
	}
	b.put("a", "more", submission.Queued)
	_ = r.say(`427["join","more"]`)
	if answer := r.until("437"); !strings.Contains(answer, `"ok":false`) || !strings.Contains(answer, "leave some") {
		t.Error(answer)
	}
	// A result makes room; what another gateway says is looked up.
	b.put("a", "j0", submission.Finished)
	b.bus.Publish(submission.Event{Token: "j0", State: submission.Finished})
	if got := r.until(`42["result"`); !strings.Contains(got, "output of j0") {
		t.Error(got)
	}
	_ = r.say(`428["join","more"]`)
	if answer := r.until("438"); !strings.Contains(answer, `"ok":true`) {
		t.Error(answer)
	}
	// To join again tells the state again; what was deleted is left.
	_ = r.say(`429["join","j1"]`)
	r.until("439")
	r.until(`42["status",{"jobId":"j1"`)
	b.mu.Lock()
	delete(b.subs, "j2")
	b.mu.Unlock()
	b.bus.Publish(submission.Event{Token: "j2", State: submission.Finished})
	b.put("a", "j3", submission.Finished)
	b.bus.missed()
	if got := r.until(`42["result"`); !strings.Contains(got, "output of j3") {
		t.Error(got)
	}
	if b.count(b.refused, "jobs-full") != 1 {
		t.Errorf("got %v", b.refused)
	}
	b.mu.Lock()
	b.revoked = true
	b.mu.Unlock()
	b.Connections.check(t.Context())
	r.until("41") // which tells a client not to come back
	r.end()
	b.await("the end", b.nobody)
}

// TestUnknownClients: who does not say who it is, or wrongly, does not stay.
func TestUnknownClients(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 10)
	r := b.dial()
	r.until("0")
	_ = r.say(`40{"token":"bad"}`)
	r.until(`44{`)
	_ = r.say(`40{"token":"a"}`) // a second try needs a new connection
	r.until(`44{`)
	_ = r.say(`40/other,{"token":"a"}`)
	r.until(`44/other`)
	_ = r.say(`420["join","j"]`) // without being connected
	r.end()
	for _, query := range []string{"", "?EIO=3&transport=polling", "?EIO=4&transport=none", "?EIO=4&transport=polling&sid=none", "?EIO=4&transport=websocket", "?EIO=4&transport=polling&sid=" + strings.Repeat("x", 5000)} {
		response, err := http.Get(b.server.URL + "/socket.io/" + query)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest && response.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %d", query, response.StatusCode)
		}
	}
	b.await("the end", b.nobody)
}

// TestGarbage: whatever a client sends, the gateway lives and forgets it.
func TestGarbage(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1000, 1000)
	b.put("a", "j", submission.Queued)
	frames := []string{
		"", "9", "b", "bAAAA", "4", "49", "40", "41", "42", "42[", "42[]", `42["join"]`, `42["join",{}]`, `42["join",["j"],1]`, `420["join"]`, `42["leave"]`, `42["connect"]`, `42["disconnect"]`,
		"43", "43[]", `430["x"]`, "44", "45", `451-["join",{"_placeholder":true,"num":0}]`, "452-[", "46", `461-1["x"]`, "5", "6", "0", "1", "2probe", "3", "3probe", "40/x", "42/x,[\"join\"]",
		`42["join","` + strings.Repeat("x", 8000) + `"]`, strings.Repeat("[", 9000), "42" + strings.Repeat("[", 9000), "42999999999999999999999[\"join\",\"j\"]", strings.Repeat("4", 20000), "\xff\xfe", "4\x002",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i, frame := range frames {
		for _, entered := range []bool{false, true} {
			var r *raw
			if entered {
				r = b.enter("a")
			} else {
				r = b.dial()
			}
			kind := websocket.TextMessage
			if i%7 == 6 {
				kind = websocket.BinaryMessage
			}
			_ = r.conn.WriteMessage(kind, []byte(frame))
			noise := make([]byte, random.IntN(200))
			for i := range noise {
				noise[i] = byte(random.IntN(256))
			}
			_, _ = r.conn.NetConn().Write(noise) // no frame at all
			_ = r.conn.Close()
		}
	}
	b.await("the end", b.nobody)
	r := b.enter("a")
	_ = r.say(`420["join","j"]`)
	r.until(`42["status"`)
}

func TestFloods(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 10)
	b.put("a", "j", submission.Queued)
	r := b.enter("a")
	go func() {
		for r.say(`420["join","j"]`) == nil {
		}
	}()
	r.end()
	if b.count(b.dropped, "flood") != 1 {
		t.Errorf("got %v", b.dropped)
	}
	b.await("the end", b.nobody)
}

// TestSocketThatNeverReads: it is dropped once too much waits for it.
func TestSocketThatNeverReads(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 10)
	r := b.enter("a")
	large := strings.Repeat("x", 256<<10)
	for i := range 128 {
		job := fmt.Sprint("j", i)
		sub := b.put("a", job, submission.Finished)
		sub.Stdout = &large
		if r.say(fmt.Sprintf(`42["join",%q]`, job)) != nil {
			break
		}
	}
	b.await("the drop", func() bool { return b.count(b.dropped, "slow") > 0 })
	b.await("the end", b.nobody)
}

// TestReconnects: what comes and goes leaves nothing behind.
func TestReconnects(t *testing.T) {
	b := newBench(t, 100, 100)
	b.put("a", "j", submission.Queued)
	round := func(n int) {
		for i := range n {
			r := b.enter("a")
			_ = r.say(`420["join","j"]`)
			r.until("43")
			if i%2 == 0 {
				_ = r.say("41")
			}
			_ = r.conn.NetConn().Close()
			r.conn = nil // its buffers are not what is measured
		}
		b.await("the end", b.nobody)
	}
	settled := func() (routines int, heap uint64) {
		for range 3 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}
	round(100)
	routines, heap := settled()
	const many = 1000
	round(many)
	// What ends does so in its own time: the last words of a connection take a second.
	b.await("the end of goroutines and memory", func() bool {
		nowRoutines, nowHeap := settled()
		return nowRoutines <= routines+20 && int64(nowHeap)-int64(heap) < 1<<20
	})
}

// TestPollsThatGo: clients that poll and go away at once. What the library still has to say to them must not get
// into an answer that the HTTP server has taken back: that would end the process.
func TestPollsThatGo(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1000, 1000)
	address := strings.TrimPrefix(b.server.URL, "http://")
	var crew sync.WaitGroup
	for range 8 {
		crew.Go(func() {
			for range 150 {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
				_ = conn.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(2000)) * time.Microsecond))
				_, _ = conn.Read(make([]byte, 1))
				_ = conn.Close()
			}
		})
	}
	crew.Wait()
	r := b.enter("a")
	_ = r.conn.Close()
}

// poll opens a connection of polls, and gives its id.
func (b *bench) poll(client *http.Client) (sid string, err error) {
	answer, err := client.Get(b.server.URL + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if sid := opened(text); err == nil && sid != "" {
		return sid, nil
	}
	return "", fmt.Errorf("%q, %w", text, err)
}

// opened gives the id of the connection that an answer opens, or "".
func opened(answer []byte) string {
	var open struct{ SID string }
	if len(answer) == 0 || json.Unmarshal(answer[1:], &open) != nil {
		return ""
	}
	return open.SID
}

// together has eight clients at once do something time and again, each until it fails.
func together(t *testing.T, times int, do func() error) {
	t.Helper()
	var crew sync.WaitGroup
	for range 8 {
		crew.Go(func() {
			for range times {
				if err := do(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	crew.Wait()
}

// TestQuickUpgrades: a client that asks by a web socket whether it may come to use it, as soon as that is open, is
// answered.
func TestQuickUpgrades(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1000, 1000)
	together(t, 60, func() error {
		sid, err := b.poll(http.DefaultClient)
		if err != nil {
			return err
		}
		conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(b.server.URL, "http")+"/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_ = conn.WriteMessage(websocket.TextMessage, []byte("2probe"))
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, text, err := conn.ReadMessage(); string(text) != "3probe" {
			return fmt.Errorf("%q, %w", text, err)
		}
		return nil
	})
}

// TestLaterPollsThatGo: clients that are in, and go away while the library takes up their next poll. It must hear of
// that when it is ready for it, and end their connections.
func TestLaterPollsThatGo(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1000, 1000)
	address := strings.TrimPrefix(b.server.URL, "http://")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	together(t, 60, func() error {
		sid, err := b.poll(client)
		if err != nil {
			return err
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		_, _ = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=polling&sid="+sid+" HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(2000)) * time.Microsecond))
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
		return nil
	})
	b.await("the end of the connections", func() bool {
		b.sockets.mu.Lock()
		defer b.sockets.mu.Unlock()
		return len(b.sockets.sessions) == 0
	})
}

// TestQuickPolls: clients whose next poll comes as soon as they have the answer to the last are told what there is to
// tell. The library forgets a poll a moment after it has answered it, and forgot the next one with it.
func TestQuickPolls(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1000, 1000)
	together(t, 300, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		hello := b.request(ctx, http.MethodGet, "", "")
		sid := opened(hello.Body.Bytes())
		if sid == "" {
			return fmt.Errorf("%d, %q", hello.Code, hello.Body)
		}
		b.request(ctx, http.MethodPost, sid, `40{"token":"a"}`)
		if w := b.request(ctx, http.MethodGet, sid, ""); !strings.HasPrefix(w.Body.String(), "40") {
			return fmt.Errorf("%d, %q", w.Code, w.Body)
		}
		b.request(ctx, http.MethodPost, sid, "1")
		return nil
	})
}
