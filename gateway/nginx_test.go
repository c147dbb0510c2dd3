package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/internal/testservers"
)

// behindNginx starts gateways that share a store and Redis, and the cluster's load balancer before them. What
// calls go through is the bundle that is given first.
func behindNginx(t *testing.T, n int) (front *bundle, gateways []*bundle, balancer *testservers.Nginx) {
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
	balancer = testservers.For(t, func() (*testservers.Nginx, error) { return testservers.StartNginx("runner-lb", upstreams...) })
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
	log, err := balancer.Log()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(log) {
		var entry struct{ ID, Client, Path, Upstream string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if entry.ID == "audited-request" && (entry.Client != "127.0.0.9" || entry.Upstream == "") {
			t.Errorf("the log has %s", line)
		}
	}
	if !strings.Contains(log, "audited-request") || strings.Contains(log, firstKey) {
		t.Errorf("the log has %s", log)
	}
}
