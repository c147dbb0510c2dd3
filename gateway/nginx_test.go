package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/internal/testservers"
)

// behindNginx starts gateways that share a store and Redis, and the cluster's load balancer before them. What
// calls go through is the bundle that is given first.
func behindNginx(t *testing.T, n int) (front *bundle, gateways []*bundle, balancer *testservers.Nginx) {
	t.Helper()
	return behindNginxWith(t, n, testservers.NginxSettings{})
}

func behindNginxWith(t *testing.T, n int, settings testservers.NginxSettings) (front *bundle, gateways []*bundle, balancer *testservers.Nginx) {
	t.Helper()
	bus := redisURL(t)
	gateways, _ = cluster(t, n, func(b *bundle) {
		b.config.RedisURL, b.config.TrustedProxies, b.config.ClientIPHeader = bus, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "X-Real-IP"
	})
	var upstreams []string
	for _, b := range gateways {
		upstreams = append(upstreams, strings.TrimPrefix(b.URL(), "http://"))
		b.await("the other gateways", func() bool { return gaugeOf(b, "live_redis_away") == "0" })
	}
	balancer = testservers.For(t, func() (*testservers.Nginx, error) { return testservers.StartNginx("runner-lb", settings, upstreams...) })
	return gateways[0], gateways, balancer
}

// from makes a request to url as a client at another address of this host would.
func from(t *testing.T, address, method, url, body string, header http.Header) reply {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("X-Auth-Token", firstKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, string(text), response.Header}
}

// TestSocketIOThroughNginx has clients of many addresses connect by each transport through the load balancer
// of the cluster. Those that poll must meet one gateway all the time; which one is the balancer's choice, and
// what they hear of comes to the other.
func TestSocketIOThroughNginx(t *testing.T) {
	t.Parallel()
	d := startDriver(t)
	_, gateways, balancer := behindNginx(t, 2)
	e := gateways[0].engine
	e.script(func(e *scriptedEngine) { e.modern = true })
	const addresses = 8
	ways := map[string][]string{"websocket": {"websocket"}, "polling": {"polling"}, "upgrade": {"polling", "websocket"}}
	var clients []string
	for i := range addresses {
		for way, transports := range ways {
			name := fmt.Sprintf("%s from 127.0.0.%d", way, i+2)
			clients = append(clients, name)
			d.do(map[string]any{"do": "open", "client": name, "url": balancer.URL, "from": fmt.Sprintf("127.0.0.%d", i+2), "options": map[string]any{
				"auth": map[string]any{"token": firstKey}, "transports": transports,
			}})
			d.expect(name, "connect")
			d.do(map[string]any{"do": "transport", "client": name, "name": transports[len(transports)-1]})
			d.expect(name, "transport")
		}
	}
	open := 0
	for _, b := range gateways {
		here, err := strconv.Atoi(gaugeOf(b, `live_connections\{kind="socket"\}`))
		if err != nil || here == 0 {
			t.Errorf("a gateway has %d of %d connections, %v: the balancer does not balance", here, len(clients), err)
		}
		open += here
	}
	if open != len(clients) {
		t.Errorf("%d connections are open, not %d", open, len(clients))
	}
	for i, name := range clients {
		r := from(t, "127.0.0.1", "POST", balancer.URL+"/api/v1/run", fmt.Sprintf(`{"code":%q,"language":"python"}`, name), nil)
		job, _ := r.object(t)["jobId"].(string)
		s := <-e.took
		for s.key != job { // a call that was repeated
			s = <-e.took
		}
		e.script(func(*scriptedEngine) { s.calls = elsewhere(t, s.calls, gateways[i%2]) })
		if answer := d.join(name, job); answer["ok"] != true {
			t.Fatalf("%s: %v", name, answer)
		}
		d.status(name, job, 1)
		e.begin(s)
		e.end(s)
		for {
			got := d.next(name)
			if got.Event == "status" {
				continue
			}
			if result, _ := got.Args[0].(map[string]any); got.Event != "result" || result["jobId"] != job || result["output"] != name {
				t.Errorf("%s: got %v", name, got)
			}
			break
		}
	}
}

// TestGatewaysBehindNginx calls the rest of what behaves otherwise through a load balancer.
func TestGatewaysBehindNginx(t *testing.T) {
	t.Parallel()
	_, gateways, balancer := behindNginx(t, 2)
	e := gateways[0].engine
	e.script(func(e *scriptedEngine) {
		e.modern = true
		e.next = func(s *scripted) { <-e.took; e.begin(s); e.end(s) }
	})
	for range 4 {
		r := from(t, "127.0.0.1", "POST", balancer.URL+"/submissions?wait=true", python("x"), nil)
		token, _ := r.object(t)["token"].(string)
		if r.status != 201 || r.object(t)["stdout"] != "x" {
			t.Fatalf("wait: %d %s", r.status, r.body)
		}
		r = from(t, "127.0.0.1", "GET", balancer.URL+"/api/v1/submissions/"+token+"/events", "", nil)
		if r.status != 200 || !strings.Contains(r.body, "event: result") {
			t.Errorf("events: %d %s", r.status, r.body)
		}
	}
	for _, path := range []string{"/metrics", "/internal/callbacks/a/b"} {
		if r := from(t, "127.0.0.1", "GET", balancer.URL+path, "", nil); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}

	// A client is known by the address that it has, not by one that it claims.
	claims := http.Header{}
	for _, name := range []string{"X-Real-Ip", "X-Forwarded-For", "Cf-Connecting-Ip", "Forwarded", "True-Client-Ip"} {
		claims.Set(name, "192.0.2.7")
	}
	claims.Set("X-Request-Id", "audited-request")
	if r := from(t, "127.0.0.9", "POST", balancer.URL+"/api/v1/keys", `{"name":"k"}`, claims); r.status != 201 || r.header.Get("X-Request-Id") != "audited-request" {
		t.Fatalf("got %d %s %v", r.status, r.body, r.header)
	}
	audit := gateways[0].get("/api/v1/audit").body
	if !strings.Contains(audit, `"127.0.0.9"`) || strings.Contains(audit, "192.0.2.7") || !strings.Contains(audit, "audited-request") {
		t.Errorf("the audit log has %s", audit)
	}
	// What is no request's id to the gateway is none to nginx: one name is in all logs. nginx logs a request after
	// its answer went out, so the line may come later than the answer.
	logged := func(id string) {
		gateways[0].await(fmt.Sprintf("the request %q in the balancer's log", id), func() bool {
			return strings.Contains(logOf(t, balancer), `"id":"`+id+`"`)
		})
	}
	for _, id := range []string{"with.dots.in.it", "short", "with blank in it"} {
		r := from(t, "127.0.0.1", "GET", balancer.URL+"/healthz", "", http.Header{"X-Request-Id": {id}})
		made := r.header.Get("X-Request-Id")
		if made == id || made == "" {
			t.Errorf("%q: the gateway named the request %q", id, made)
		}
		logged(made)
	}
	logged("audited-request")
	log := logOf(t, balancer)
	for line := range strings.Lines(log) {
		var entry struct{ ID, Client, Path, Upstream string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if entry.ID == "audited-request" && (entry.Client != "127.0.0.9" || entry.Upstream == "") {
			t.Errorf("the log has %s", line)
		}
	}
	if strings.Contains(log, firstKey) {
		t.Errorf("the log has a key: %s", log)
	}
}

func logOf(t *testing.T, balancer *testservers.Nginx) string {
	t.Helper()
	log, err := balancer.Log()
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// TestWaitingBehindNginx has a client wait for longer than nginx waits for anything else, and say so in the body.
func TestWaitingBehindNginx(t *testing.T) {
	t.Parallel()
	_, gateways, balancer := behindNginxWith(t, 2, testservers.NginxSettings{ReadTimeout: "500ms"})
	e := gateways[0].engine
	e.script(func(e *scriptedEngine) {
		e.next = func(s *scripted) { time.AfterFunc(time.Second, func() { e.end(s) }) }
	})
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			r := from(t, "127.0.0.1", "POST", balancer.URL+"/submissions", `{"wait":true,"source_code":"x","language_id":71}`, nil)
			if r.status != 201 || r.object(t)["stdout"] != "x" {
				t.Errorf("wait in the body: %d %s", r.status, r.body)
			}
		})
	}
	clients.Wait()
}

// inJSON says whether r is an error of nginx in the form of the gateways'.
func inJSON(t *testing.T, r reply) bool {
	t.Helper()
	return r.header.Get("Content-Type") == "application/problem+json" && r.object(t)["status"] == float64(r.status) && r.object(t)["error"] != "" &&
		(r.status == http.StatusRequestEntityTooLarge || r.header.Get("Retry-After") != "")
}

// answering starts servers that answer by handler, in the place of gateways, and nginx before them and before
// others, at which nobody answers.
func answering(t *testing.T, settings testservers.NginxSettings, servers int, handler http.HandlerFunc, dead ...string) *testservers.Nginx {
	t.Helper()
	upstreams := dead
	for range servers {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		upstreams = append(upstreams, strings.TrimPrefix(server.URL, "http://"))
	}
	return testservers.For(t, func() (*testservers.Nginx, error) {
		return testservers.StartNginx("runner-lb", settings, upstreams...)
	})
}

// TestSlowAnswersThroughNginx: what may wait for a program is waited for, and leaves the gateway in its place;
// what may not is cut off.
func TestSlowAnswersThroughNginx(t *testing.T) {
	t.Parallel()
	settings := testservers.NginxSettings{ReadTimeout: "300ms"}
	servers := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Slow") != "" {
			time.Sleep(time.Second) // what the test is about
		}
		w.Header().Set("X-Server", r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
	}
	balancer := answering(t, settings, 2, servers)
	slow := http.Header{"X-Slow": {"1"}}
	var clients sync.WaitGroup
	for _, path := range []string{"/submissions", "/submissions/", "/submissions?wait=true", "/api/v1/run", "/api/v1/check"} {
		for range 4 { // of both servers more than it takes to be left alone
			clients.Go(func() {
				if r := from(t, "127.0.0.1", "POST", balancer.URL+path, "{}", slow.Clone()); r.status != 200 {
					t.Errorf("%s: %d %s", path, r.status, r.body)
				}
			})
		}
	}
	clients.Wait()
	seen := map[string]bool{}
	for range 10 {
		r := from(t, "127.0.0.1", "GET", balancer.URL+"/languages", "", nil)
		if r.status != 200 {
			t.Errorf("afterwards: %d %s", r.status, r.body)
		}
		seen[r.header.Get("X-Server")] = true
	}
	if len(seen) != 2 {
		t.Errorf("afterwards %v answer", seen)
	}
	balancer = answering(t, settings, 1, servers) // which is never left alone
	for path, method := range map[string]string{"/submissions/batch": "POST", "/submissions": "GET", "/api/v1/keys": "POST"} {
		if r := from(t, "127.0.0.1", method, balancer.URL+path, "", slow.Clone()); r.status != 504 || !inJSON(t, r) {
			t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
		}
	}
}

// TestBodiesThroughNginx: a POST with a body goes around a gateway that is not there, and is sent once.
func TestBodiesThroughNginx(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	var mu sync.Mutex
	got := map[string]int{}
	times := func(id string) int { mu.Lock(); defer mu.Unlock(); return got[id] }
	balancer := answering(t, testservers.NginxSettings{}, 1, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got[r.Header.Get("X-Request-Id")]++
		if r.Header.Get("X-Hang-Up") != "" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, len(body), err)
	}, strings.TrimPrefix(closed.URL, "http://"))
	for i, size := range []int{0, 100, 50_000, 3_000_000, 100, 3_000_000, 100, 50_000} {
		id := fmt.Sprintf("request-%d", i)
		r := from(t, "127.0.0.1", "POST", balancer.URL+"/submissions", strings.Repeat("x", size), http.Header{"X-Request-Id": {id}})
		if want := fmt.Sprint(size, nil); r.status != 200 || r.body != want {
			t.Errorf("%d bytes: %d %s", size, r.status, r.body)
		}
		if n := times(id); n != 1 {
			t.Errorf("%d bytes came %d times", size, n)
		}
	}
	r := from(t, "127.0.0.1", "POST", balancer.URL+"/submissions", "{}", http.Header{"X-Request-Id": {"broken-off"}, "X-Hang-Up": {"1"}})
	if n := times("broken-off"); r.status != 502 || !inJSON(t, r) || n != 1 {
		t.Errorf("a server that hung up: %d %s, and it came %d times", r.status, r.body, n)
	}
	if r := from(t, "127.0.0.1", "POST", balancer.URL+"/submissions", strings.Repeat("x", 17<<20), nil); r.status != 413 || !inJSON(t, r) {
		t.Errorf("17 MB: %d %s", r.status, r.body)
	}
}

// slowly begins a POST with a body of length bytes, or of a length that is not told (-1), and sends some of it.
func slowly(t *testing.T, balancer *testservers.Nginx, address, key string, length, send int) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	connection, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(balancer.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	how, chunk := fmt.Sprintf("Content-Length: %d", length), ""
	if length < 0 {
		how, chunk = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n", send+1)
	}
	_, err = fmt.Fprintf(connection, "POST /submissions HTTP/1.1\r\nHost: test\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\n%s\r\n\r\n%s%s",
		key, how, chunk, strings.Repeat(" ", send))
	if err != nil {
		t.Fatal(err)
	}
	return connection
}

// TestSlowBodiesThroughNginx: clients that send large bodies slowly keep neither nginx's disk nor the gateways
// from anybody else.
func TestSlowBodiesThroughNginx(t *testing.T) {
	t.Parallel()
	_, gateways, balancer := behindNginxWith(t, 2, testservers.NginxSettings{LargeBodies: "4"})
	good := func(what, address string, header http.Header) {
		t.Helper()
		for range 4 {
			r := from(t, address, "POST", balancer.URL+"/submissions", python(strings.Repeat("x", 50_000)), header.Clone())
			if r.status != 201 {
				t.Errorf("%s: %d %s", what, r.status, r.body)
			}
		}
	}
	// Who they are is asked before anything of the body is waited for.
	for range 40 {
		connection := slowly(t, balancer, "127.0.0.5", "wrong", 15_000_000, 1000)
		_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != 401 && answer.StatusCode != 429 {
			t.Fatalf("a wrong key: %s", answer.Status)
		}
		_ = connection.Close()
	}
	// Those that may send hold as many as they may, and no file.
	for i := range 4 {
		length := 15_000_000
		if i%2 == 1 {
			length = -1
		}
		slowly(t, balancer, "127.0.0.6", firstKey, length, 1_000_000)
	}
	over := func() reply {
		return from(t, "127.0.0.6", "POST", balancer.URL+"/submissions", python(strings.Repeat("x", 200_000)), nil)
	}
	gateways[0].await("an answer that there are too many", func() bool { return over().status == 429 })
	if r := over(); r.status != 429 || !inJSON(t, r) {
		t.Errorf("too many: %v %s", r.header, r.body)
	}
	if files, err := balancer.Bodies(); err != nil || files > 0 {
		t.Errorf("%d bodies on the disk, %v", files, err)
	}
	good("small bodies from the same address", "127.0.0.6", nil)
	good("another address", "127.0.0.7", nil)
	if r := from(t, "127.0.0.7", "POST", balancer.URL+"/submissions", python(strings.Repeat("x", 200_000)), nil); r.status != 201 {
		t.Errorf("a large body from another address: %d %s", r.status, r.body)
	}
	for range 2 * 4 { // live connections are not counted
		request, err := http.NewRequestWithContext(t.Context(), "GET", balancer.URL+"/api/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Auth-Token", firstKey)
		response, err := (&http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.6")}}).DialContext}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != 200 {
			t.Errorf("a live connection: %s", response.Status)
		}
	}
}
