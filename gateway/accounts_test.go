package gateway_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"github.com/sandgate/sandgate/gateway/auth"
)

// person calls the gateway as somebody for whom a trusted key acts: all of them with one key, so that
// nothing but their name tells them apart.
type person struct {
	*bundle
	key, name string
}

func (p person) call(method, path, body string) reply {
	p.t.Helper()
	// What does not answer in this time is a stream: it needs an attempt of its own.
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, p.URL()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", p.key)
	request.Header.Set(auth.UserHeader, p.name)
	request.Header.Set("Idempotency-Key", "the same for everybody at "+path)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{response.StatusCode, string(text), response.Header}
}

// The routes whose parameter is no account's: languages, what the engine calls, and links that are
// meant for everybody who has them.
func belongsToNobody(path string) bool {
	for _, prefix := range []string{"/languages/", "/internal/", "/api/v1/shared/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// TestAccountsAreApartOnEveryRoute has one person try every route that there is on what is another's.
// A new route takes part by itself: with a parameter it must answer 404 (or 403 to who is no
// administrator), without one it must show nothing of the other's.
func TestAccountsAreApartOnEveryRoute(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.MetricsOpen = false
	b.start()
	trusted, err := b.EnsureKey(t.Context(), "web", "web", auth.Submit, auth.Read, auth.Delete, auth.Act)
	if err != nil {
		t.Fatal(err)
	}
	ada, bob := person{b, trusted, "ada"}, person{b, trusted, "bob"}

	const source = "what ada wrote"
	run := fmt.Sprintf(`{"code":%q,"language":"python"}`, source)
	made := func(r reply, status int, field string) string {
		t.Helper()
		value, _ := r.object(t)[field].(string)
		if r.status != status || value == "" {
			t.Fatalf("got %d %s", r.status, r.body)
		}
		return value
	}
	ended := made(ada.call("POST", "/api/v1/run", run), 202, "jobId")
	b.engine.end(<-b.engine.took)
	waiting := made(ada.call("POST", "/submissions", python(source)), 201, "token")
	key := made(ada.call("POST", "/api/v1/keys", `{"name":"ada's key"}`), 201, "id")
	secrets := []string{source, ended, waiting, key, "ada's key", "web/ada"}

	bodies := map[string]string{
		"/submissions": python(source), "/submissions/batch": `{"submissions":[` + python(source) + `]}`, "/api/v1/run": run,
		"/api/v1/keys": `{"name":"bob's key"}`, "/api/v1/keys/:id": `{"name":"bob's now"}`,
	}
	// The streams that have no parameter are listened to in TestNobodyHearsOfOthers.
	streams := map[string]bool{"/api/v1/events": true, "/socket.io": true}
	tried := 0
	for _, route := range b.Routes() {
		bare := strings.TrimSuffix(route.Path, "/")
		if belongsToNobody(route.Path) || streams[bare] {
			continue
		}
		tried++
		body, there := bodies[bare]
		if !there {
			body = "{}"
		}
		for _, token := range []string{ended, waiting} {
			path := strings.NewReplacer(":token", token, ":key", key, "accounts/:id", "accounts/"+url.PathEscape("web/ada"), ":id", key).Replace(route.Path)
			if strings.ContainsAny(path, ":*") {
				t.Fatalf("%s %s: say above what of ada's stands for its parameter", route.Method, route.Path)
			}
			if path == route.Path && token == waiting {
				continue // it has no parameter: once is enough
			}
			query := ""
			if route.Method == http.MethodGet {
				query = "?fields=*&program=true&tokens=" + ended + "," + waiting
			}
			r := bob.call(route.Method, path+query, body)
			if path != route.Path && r.status != http.StatusNotFound && r.status != http.StatusForbidden {
				t.Errorf("%s %s: %d %s", route.Method, route.Path, r.status, r.body)
			}
			if r.status >= 500 {
				t.Errorf("%s %s: %d %s", route.Method, route.Path, r.status, r.body)
			}
			for _, secret := range secrets {
				// What bob sends himself may come back to him.
				if strings.Contains(r.body, secret) && !strings.Contains(body, secret) {
					t.Errorf("%s %s shows %q: %s", route.Method, route.Path, secret, r.body)
				}
			}
		}
	}
	if tried < 40 {
		t.Errorf("only %d routes were tried", tried)
	}

	// And whatever bob tried, nothing of ada's has changed.
	for _, token := range []string{ended, waiting} {
		if r := ada.call("GET", "/submissions/"+token+"?fields=source_code", ""); r.status != 200 || !strings.Contains(r.body, source) {
			t.Errorf("got %d %s", r.status, r.body)
		}
	}
	if r := ada.call("GET", "/api/v1/keys", ""); !strings.Contains(r.body, key) || !strings.Contains(r.body, `"name":"ada's key"`) || !strings.Contains(r.body, `"revokedAt":null`) || strings.Contains(r.body, "bob") {
		t.Errorf("got %s", r.body)
	}
	if r := ada.call("GET", "/submissions?fields=token", ""); !strings.Contains(r.body, `"total_count":2`) {
		t.Errorf("got %s", r.body)
	}
	// The routes do work for whom they are meant.
	for _, tc := range []struct{ method, path string }{
		{"GET", "/submissions/" + ended}, {"GET", "/api/v1/submissions/" + ended}, {"GET", "/api/v1/submissions/" + ended + "/events"}, {"DELETE", "/submissions/" + ended},
	} {
		if r := ada.call(tc.method, tc.path, ""); r.status != 200 {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, r.status, r.body)
		}
	}
}

// answers tells whether the gateway has a route.
func (b *bundle) answers(method, path string) bool {
	return slices.ContainsFunc(b.Routes(), func(r gin.RouteInfo) bool { return r.Method == method && r.Path == path })
}

// TestNobodyHearsOfOthers listens on both live channels while another's submission runs and ends.
func TestNobodyHearsOfOthers(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	trusted, err := b.EnsureKey(t.Context(), "web", "web", auth.Submit, auth.Read, auth.Act)
	if err != nil {
		t.Fatal(err)
	}
	zoe, bob := person{b, trusted, "zoe"}, person{b, trusted, "bob"}
	made := 0
	submit := func(p person) string {
		t.Helper()
		made++ // each at a path of its own, as the calls carry an idempotency key by path
		r := p.call("POST", fmt.Sprint("/submissions?n=", made), python("of "+p.name))
		token, _ := r.object(t)["token"].(string)
		if r.status != 201 || token == "" {
			t.Fatalf("got %d %s", r.status, r.body)
		}
		return token
	}
	b.engine.script(func(e *scriptedEngine) { e.modern = true })

	t.Run("events", func(t *testing.T) {
		if !b.answers("GET", "/api/v1/events") {
			t.Fatal("there is no stream of an account")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, "GET", b.URL()+"/api/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Auth-Token", trusted)
		request.Header.Set(auth.UserHeader, "bob")
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode != 200 {
			t.Fatal(response, err)
		}
		defer func() { _ = response.Body.Close() }()
		hers := submit(zoe)
		b.engine.begin(<-b.engine.took)
		his := submit(bob)
		b.engine.end(<-b.engine.took)
		// What was hers came before what ends his: had it been told, it would be there by then.
		heard := ""
		for lines := bufio.NewScanner(response.Body); !strings.Contains(heard, "event: result") || !strings.HasSuffix(heard, "}\n"); {
			if !lines.Scan() {
				t.Fatalf("the stream ended after %q: %v", heard, lines.Err())
			}
			heard += lines.Text() + "\n"
		}
		if strings.Contains(heard, hers) || strings.Contains(heard, "zoe") || !strings.Contains(heard, his) {
			t.Errorf("bob heard %s", heard)
		}
	})

	// The protocol of Socket.IO over plain requests: 0 opens, 40 connects, 42 is an event, 43 its answer.
	t.Run("Socket.IO", func(t *testing.T) {
		if !b.answers("GET", "/socket.io/") {
			t.Fatal("there is no Socket.IO")
		}
		job := submit(zoe)
		running := <-b.engine.took
		path := "/socket.io/?EIO=4&transport=polling"
		opened := bob.call("GET", path, "")
		var session struct{ SID string }
		if opened.status != 200 || json.Unmarshal([]byte(strings.TrimPrefix(opened.body, "0")), &session) != nil || session.SID == "" {
			t.Fatalf("got %d %s", opened.status, opened.body)
		}
		path += "&sid=" + session.SID
		say := func(text string) string {
			t.Helper()
			if r := bob.call("POST", path, text); r.status != 200 {
				t.Fatalf("%s: %d %s", text, r.status, r.body)
			}
			r := bob.call("GET", path, "")
			if r.status != 200 {
				t.Fatalf("%s: %d %s", text, r.status, r.body)
			}
			return r.body
		}
		if got := say("40"); !strings.HasPrefix(got, "40") {
			t.Fatalf("got %s", got)
		}
		for i, room := range []string{job, "job:" + job} {
			if got := say(fmt.Sprintf("42%d[\"join\",%q]", i, room)); !strings.HasPrefix(got, fmt.Sprintf("43%d", i)) || !strings.Contains(got, `"ok":false`) {
				t.Errorf("got %s", got)
			}
		}
		// The first thing that he hears is of his own.
		b.engine.end(running)
		his := submit(bob)
		heard := say(fmt.Sprintf("429[\"join\",%q]", his))
		b.engine.end(<-b.engine.took)
		for !strings.Contains(heard, `"result"`) {
			r := bob.call("GET", path, "")
			if r.status != 200 {
				t.Fatalf("got %d %s", r.status, r.body)
			}
			heard += r.body
		}
		if strings.Contains(heard, job) || strings.Contains(heard, "zoe") || !strings.Contains(heard, his) {
			t.Errorf("bob heard %s", heard)
		}
	})
}

// TestJWT has a person of an OpenID Connect issuer submit, and manage keys.
func TestJWT(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jwkset.NewJWKFromKey(private.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: "k"}})
	if err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{jwk.Marshal()}})
	}))
	t.Cleanup(issuer.Close)
	b := prepare(t)
	b.config.JWTIssuer, b.config.JWTParties, b.config.JWTKeysURL = issuer.URL, []string{"https://app.example"}, issuer.URL
	b.start()
	of := func(subject string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": issuer.URL, "sub": subject, "azp": "https://app.example", "exp": time.Now().Add(time.Minute).Unix()})
		token.Header["kid"] = "k"
		text, err := token.SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ada, bob := of("ada"), of("bob")
	r := b.call("POST", "/api/v1/run", `{"code":"x","language":"python"}`, ada)
	token, _ := r.object(t)["jobId"].(string)
	if r.status != 202 || b.call("GET", "/submissions/"+token, "", ada).status != 200 || b.call("GET", "/submissions/"+token, "", bob).status != 404 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	key, _ := b.call("POST", "/api/v1/keys", `{"name":"ci","scopes":["read"]}`, ada).object(t)["secret"].(string)
	if r := b.call("GET", "/submissions/"+token, "", key); r.status != 200 {
		t.Errorf("with a key of hers: %d %s", r.status, r.body)
	}
	if r := b.call("GET", "/api/v1/audit", "", ada); r.status != 403 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := b.get("/metrics"); !strings.Contains(r.body, "jwt_keys_age_seconds") {
		t.Error("the age of the keys is not shown")
	}
}
