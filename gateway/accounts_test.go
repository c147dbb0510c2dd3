package gateway_test

import (
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
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
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
	request.Header.Set("Idempotency-Key", "the same for everybody")
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
	streams := map[string]bool{"/api/v1/events": true, "/socket.io/": true}
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
