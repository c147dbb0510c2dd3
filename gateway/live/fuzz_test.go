package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// FuzzRelayed has another gateway say anything through Redis. Listeners hear of their token alone, and of states that
// there are; what this gateway said itself it does not hear again.
func FuzzRelayed(f *testing.F) {
	r, err := NewRelay(NewBus(), "redis://127.0.0.1:1/0", slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(r.Stop)
	r.self = "ME"
	var told []submission.Event
	r.heard = func(event submission.Event) { told = append(told, event) }
	for state := -2; state < 6; state++ {
		f.Add(fmt.Sprintf(`{"from":"YOU","token":"j","account":"a","state":%d}`, state))
	}
	for _, text := range []string{`{"from":"YOU"}`, `{"from":"ME","token":"j","state":3}`, `{"from":"YOU","token":"j","state":1e9}`, `{"from":"YOU","token":"other","account":"a"}`, `{"token":"j","state":"3"}`, `{}`, `null`, `[`, ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		told = nil
		s := r.Subscribe("j")
		defer s.Close()
		r.take(text)
		var heard []submission.Event
		for len(s.Events()) > 0 {
			heard = append(heard, <-s.Events())
		}
		var m message
		err := json.Unmarshal([]byte(text), &m)
		other := err == nil && m.From != "ME"
		switch {
		case len(heard) > 1, len(heard) > 0 && !other, len(told) > 0 && (!other || m.Token == ""):
			t.Fatalf("%q had %+v and %+v heard", text, heard, told)
		case other && (m.Token == "j" || m.Token == "") && len(heard) != 1:
			t.Fatalf("%q was not heard", text)
		}
		for _, event := range append(told, heard...) {
			if event.State < submission.Unknown || event.State > submission.Finished || event.Submission != nil {
				t.Errorf("%q had %+v heard", text, event)
			}
			if m.Token != "" && event.Token != m.Token {
				t.Errorf("%q had %+v heard", text, event)
			}
		}
		for _, event := range heard {
			if event.Token != "j" {
				t.Errorf("who listens for j heard %+v", event)
			}
		}
	})
}

// request has the hub serve one request of a connection of polls, which ends with ctx.
func (b *bench) request(ctx context.Context, method, sid, body string) *httptest.ResponseRecorder {
	address := "/socket.io/?EIO=4&transport=polling"
	if sid != "" {
		address += "&sid=" + sid
	}
	r := httptest.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	w := httptest.NewRecorder()
	b.ServeSocket(w, r, "")
	return w
}

// FuzzSocket opens a connection of polls, says who it is, or not, and says anything then. It is answered as the
// protocol has it, the connection stays within its bounds, and nothing of it is left when it has ended.
func FuzzSocket(f *testing.F) {
	b := newBench(f, 100, 100)
	b.put("a", "j", submission.Queued)
	b.put("a", "done", submission.Finished)
	b.put("b", "theirs", submission.Finished)
	b.server.Close() // requests are served without it
	const apart = "\x1e"
	for _, in := range []bool{false, true} {
		for _, body := range []string{
			`420["join","j"]`, `421["join","job:done"]` + apart + `422["leave","j"]`, `42["join","theirs"]`, `42["join",{"x":[]}]`, "41", "1", "2probe", "3", "5", "6", "0", "", apart + apart,
			`40{"token":"a"}`, "40", "40/x,{}", `451-["join",{"_placeholder":true,"num":0}]` + apart + "bAAAA", "bAAAA", "b!", "461-1[]", "42[]", "42[", `42["disconnect"]`, `42["connect",1]`,
			`42999999999999999999999["join","j"]`, "4\x002", "\xff\xfe", "42" + strings.Repeat("[", 2000), "44{}", `43["x"]`, `430["x"]`, strings.Repeat("2"+apart, 600), `42["join","j"` + strings.Repeat(" ", packetBytes) + "]",
		} {
			f.Add(body, in)
		}
	}
	routines, inputs := working(), 0
	f.Fuzz(func(t *testing.T, body string, in bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		hello := b.request(ctx, http.MethodGet, "", "")
		sid := opened(hello.Body.Bytes())
		if hello.Code != http.StatusOK || sid == "" {
			t.Fatalf("%d, %q", hello.Code, hello.Body)
		}
		b.sockets.mu.Lock()
		s := b.sockets.sessions[sid]
		b.sockets.mu.Unlock()
		if s == nil {
			t.Fatal("there is no session")
		}
		if in {
			if w := b.request(ctx, http.MethodPost, sid, `40{"token":"a"}`); w.Code != http.StatusOK {
				t.Fatalf("%d, %q", w.Code, w.Body)
			}
			if w := b.request(ctx, http.MethodGet, sid, ""); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "40") {
				t.Fatalf("%d, %q", w.Code, w.Body)
			}
		}
		w := b.request(ctx, http.MethodPost, sid, body)
		if w.Code != http.StatusOK && w.Code/100 != 4 {
			t.Errorf("%q is answered %d, %q", body, w.Code, w.Body)
		}
		if len(body) > packetBytes && w.Code == http.StatusOK {
			t.Errorf("%d bytes were taken", len(body))
		}
		// What waits to be said is asked for, if anything is.
		if s.packets.Load() > 0 {
			ask, stop := context.WithTimeout(ctx, time.Second)
			w := b.request(ask, http.MethodGet, sid, "")
			stop()
			if w.Code != http.StatusOK && w.Code/100 != 4 {
				t.Errorf("after %q, a poll is answered %d, %q", body, w.Code, w.Body)
			}
			if said := w.Body.String(); strings.Contains(said, "output of theirs") || !in && strings.Contains(said, "output of") && !strings.Contains(body, `40{`) {
				t.Errorf("after %q, %q was told", body, said)
			}
		}
		s.own.Lock()
		jobs := len(s.jobs)
		s.own.Unlock()
		if jobs > jobsOfSocket || s.packets.Load() > waitingPackets || s.bytes.Load() < 0 || s.packets.Load() < 0 {
			t.Errorf("%d jobs, %d packets, %d bytes", jobs, s.packets.Load(), s.bytes.Load())
		}
		// The library gives a client of polls half a minute to hear that it is to go; here it hears nothing any more.
		if s.conn.Close(true); s.conn.ReadyState() == "closing" {
			s.conn.Transport().OnClose()
		}
		inputs++
		for until := time.Now().Add(8 * time.Second); !b.nobody() || inputs%64 == 0 && working() > routines+20; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(until) {
				t.Fatalf("after %q: nobody is left: %t, %d goroutines, there were %d", body, b.nobody(), working(), routines)
			}
		}
	})
}

// working tells how many goroutines there are but for timers of the library, which end by themselves, some after half a
// minute.
func working() (n int) {
	var text bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1)
	for group := range strings.SplitSeq(text.String(), "\n\n") {
		var count int
		if _, err := fmt.Sscanf(group[strings.IndexByte(group, '\n')+1:], "%d @", &count); err != nil {
			_, _ = fmt.Sscanf(group, "%d @", &count)
		}
		if !strings.Contains(group, "utils.SetTimeout") {
			n += count
		}
	}
	return n
}
