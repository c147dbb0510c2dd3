package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/auth"
)

// client calls the routes with a key.
type client struct {
	t      *testing.T
	r      *gin.Engine
	secret string
	user   string
}

func (c client) call(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("X-Auth-Token", c.secret)
	if c.user != "" {
		request.Header.Set(auth.UserHeader, c.user)
	}
	answer := httptest.NewRecorder()
	c.r.ServeHTTP(answer, request)
	var object map[string]any
	if answer.Body.Len() > 0 && json.Unmarshal(answer.Body.Bytes(), &object) != nil {
		c.t.Errorf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return answer.Code, object
}

// must fails the test where the status is another.
func (c client) must(status int, method, path, body string) map[string]any {
	c.t.Helper()
	got, object := c.call(method, path, body)
	if got != status {
		c.t.Fatalf("%s %s %s: %d %v", method, path, body, got, object)
	}
	return object
}

func clients(t *testing.T) (admin client, with func(account string, scopes ...auth.Scope) client) {
	r, keys := router(t)
	if _, err := keys.Bootstrap(t.Context(), "a-key-that-is-good"); err != nil {
		t.Fatal(err)
	}
	return client{t: t, r: r, secret: "a-key-that-is-good"}, func(account string, scopes ...auth.Scope) client {
		secret, err := keys.EnsureKey(t.Context(), auth.Scopes(scopes).String(), account, scopes...)
		if err != nil {
			t.Fatal(err)
		}
		return client{t: t, r: r, secret: secret}
	}
}

func TestKeysOfOnesOwn(t *testing.T) {
	t.Parallel()
	_, with := clients(t)
	alice := with("web", auth.Submit, auth.Read, auth.Act)
	bob := alice
	alice.user, bob.user = "alice", "bob"

	made := alice.must(201, "POST", "/api/v1/keys", `{"name":"ci","scopes":["read"],"expiresAt":"2030-06-01T00:00:00Z"}`)
	id, secret := made["id"].(string), made["secret"].(string)
	if made["account"] != "web/alice" || made["prefix"] != secret[:8] || made["expiresAt"] != "2030-06-01T00:00:00Z" {
		t.Errorf("got %v", made)
	}
	with2 := alice
	with2.secret, with2.user = secret, ""
	if me := with2.must(200, "GET", "/api/v1/me", ""); me["account"] != "web/alice" || me["keyId"] != id || len(me["scopes"].([]any)) != 1 {
		t.Errorf("got %v", me)
	}
	listed := alice.must(200, "GET", "/api/v1/keys", "")["keys"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["secret"] != nil || listed[0].(map[string]any)["id"] != id {
		t.Errorf("got %v", listed)
	}
	if changed := alice.must(200, "PATCH", "/api/v1/keys/"+id, `{"name":"nightly","expiresAt":null}`); changed["name"] != "nightly" || changed["expiresAt"] != nil {
		t.Errorf("got %v", changed)
	}
	if changed := alice.must(200, "PATCH", "/api/v1/keys/"+id, `{}`); changed["name"] != "nightly" {
		t.Errorf("got %v", changed)
	}
	// What is another's is not there.
	if others := bob.must(200, "GET", "/api/v1/keys", "")["keys"].([]any); len(others) != 0 {
		t.Errorf("got %v", others)
	}
	bob.must(404, "PATCH", "/api/v1/keys/"+id, `{"name":"mine"}`)
	bob.must(404, "DELETE", "/api/v1/keys/"+id, "")
	bob.must(404, "POST", "/api/v1/keys/"+id+"/rotate", "")

	rotated := alice.must(201, "POST", "/api/v1/keys/"+id+"/rotate", `{"overlapSeconds":60}`)
	if rotated["name"] != "nightly" || rotated["secret"] == secret || rotated["id"] == id {
		t.Errorf("got %v", rotated)
	}
	with2.must(200, "GET", "/api/v1/me", "")
	alice.must(204, "DELETE", "/api/v1/keys/"+id, "")
	with2.must(401, "GET", "/api/v1/me", "")

	for body, status := range map[string]int{
		`{"name":"x","scopes":["delete"]}`: 403, `{"name":"x","scopes":["admin"]}`: 403, `{"name":"x","scopes":["root"]}`: 422, `{"name":""}`: 422,
		`{"name":7}`: 400, `{`: 400, `{"name":"x"}{}`: 400, `{"nmae":"x"}`: 400, `{"name":"x","expiresAt":"tomorrow"}`: 400, `{"name":"` + strings.Repeat("x", smallBody) + `"}`: 413,
	} {
		if got, answer := alice.call("POST", "/api/v1/keys", body); got != status || answer["type"] == nil {
			t.Errorf("%.40s: %d %v", body, got, answer)
		}
	}
	// A key alone manages none.
	plain := with("shop", auth.Submit, auth.Read, auth.Delete)
	plain.must(403, "GET", "/api/v1/keys", "")
	plain.must(403, "POST", "/api/v1/keys", `{"name":"x"}`)
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	admin, with := clients(t)
	shop := with("shop", auth.Submit, auth.Read)
	shop.must(200, "GET", "/api/v1/me", "")
	body := `{"name":"The shop","retentionSeconds":3600,"limits":{"rate":2.5,"burst":5,"dailySubmissions":-1,"dailyCpuSeconds":60},"policy":{"languages":{"python":{"imports":[{"name":"os"}]}}}}`
	set := admin.must(200, "PUT", "/api/v1/accounts/shop", body)
	got := admin.must(200, "GET", "/api/v1/accounts/shop", "")
	for _, record := range []map[string]any{set, got} {
		limits := record["limits"].(map[string]any)
		if record["name"] != "The shop" || record["retentionSeconds"] != 3600.0 || limits["rate"] != 2.5 || limits["dailySubmissions"] != -1.0 || record["policy"].(map[string]any)["languages"] == nil || record["disabled"] != false {
			t.Errorf("got %v", record)
		}
	}
	if me := shop.must(200, "GET", "/api/v1/me", ""); me["name"] != "The shop" || me["limits"].(map[string]any)["burst"] != 5.0 {
		t.Errorf("got %v", me)
	}
	admin.must(200, "PUT", "/api/v1/accounts/shop", `{"disabled":true}`)
	shop.must(403, "GET", "/api/v1/me", "")
	admin.must(200, "PUT", "/api/v1/accounts/shop", `{}`)

	// An account whose id has a slash.
	one := "/api/v1/accounts/" + url.PathEscape("web/alice")
	key := admin.must(201, "POST", one+"/keys", `{"name":"hers","scopes":["read","delete"]}`)
	if key["account"] != "web/alice" {
		t.Errorf("got %v", key)
	}
	if keys := admin.must(200, "GET", one+"/keys", "")["keys"].([]any); len(keys) != 1 {
		t.Errorf("got %v", keys)
	}
	hers := client{t: t, r: admin.r, secret: key["secret"].(string)}
	hers.must(200, "GET", "/api/v1/me", "")
	id := key["id"].(string)
	admin.must(404, "DELETE", "/api/v1/accounts/shop/keys/"+id, "")
	admin.must(200, "PATCH", one+"/keys/"+id, `{"scopes":["read"]}`)
	admin.must(201, "POST", one+"/keys/"+id+"/rotate", "")
	hers.must(401, "GET", "/api/v1/me", "")
	admin.must(204, "DELETE", one, "")
	admin.must(404, "GET", one, "")
	admin.must(404, "DELETE", one, "")
	admin.must(409, "DELETE", "/api/v1/accounts/admin", "")

	// Pages.
	var ids []string
	for path := "/api/v1/accounts?limit=1"; ; {
		page := admin.must(200, "GET", path, "")
		for _, record := range page["accounts"].([]any) {
			ids = append(ids, record.(map[string]any)["id"].(string))
		}
		if page["next"] == nil {
			break
		}
		path = "/api/v1/accounts?limit=1&cursor=" + url.QueryEscape(page["next"].(string))
	}
	if strings.Join(ids, " ") != "admin shop web" {
		t.Errorf("got %q", ids)
	}
	for _, limit := range []string{"0", "501", "x", ""} {
		admin.must(400, "GET", "/api/v1/audit?limit="+limit, "")
	}
	entries := admin.must(200, "GET", "/api/v1/audit?limit=500", "")["entries"].([]any)
	actions := map[string]int{}
	for _, e := range entries {
		entry := e.(map[string]any)
		actions[entry["action"].(string)]++
		if entry["account"] != "admin" || entry["keyId"] == "" || entry["address"] != "192.0.2.1" || entry["request"] == "" {
			t.Errorf("got %v", entry)
		}
	}
	if actions["account.set"] != 3 || actions["account.read"] != 1 || actions["key.list"] != 1 || actions["key.create"] != 2 || actions["account.delete"] != 1 || actions["account.list"] < 3 {
		t.Errorf("got %v", actions)
	}
}

// Every other scope together opens no route of administration, and does nothing by trying.
func TestAdministrationWantsItsScope(t *testing.T) {
	t.Parallel()
	admin, with := clients(t)
	shop := with("shop", auth.Submit, auth.Read, auth.Delete, auth.Act)
	onBehalf := shop
	onBehalf.user = "alice"
	tried := 0
	for _, route := range admin.r.Routes() {
		if !strings.HasPrefix(route.Path, "/api/v1/accounts") && !strings.HasPrefix(route.Path, "/api/v1/audit") {
			continue
		}
		tried++
		path := strings.NewReplacer(":id", "shop", ":key", "k").Replace(route.Path)
		shop.must(http.StatusForbidden, route.Method, path, `{"name":"mine","scopes":["admin"]}`)
		onBehalf.must(http.StatusForbidden, route.Method, path, `{"name":"mine","scopes":["admin"]}`)
	}
	if tried < 10 {
		t.Errorf("only %d routes", tried)
	}
	if record := admin.must(200, "GET", "/api/v1/accounts/shop", ""); record["name"] == "mine" {
		t.Errorf("got %v", record)
	}
	for _, e := range admin.must(200, "GET", "/api/v1/audit", "")["entries"].([]any) {
		if entry := e.(map[string]any); entry["account"] != "admin" {
			t.Errorf("got %v", entry)
		}
	}
}

func TestJudge0sSecondKey(t *testing.T) {
	t.Parallel()
	_, with := clients(t)
	reader, deleter, stranger := with("shop", auth.Read), with("shop", auth.Delete), with("kiosk", auth.Delete)
	for query, want := range map[string]int{
		"": http.StatusForbidden, "?X-Auth-User=bad": http.StatusForbidden, "?X-Auth-User=" + stranger.secret: http.StatusForbidden, "?X-Auth-User=" + deleter.secret: http.StatusOK,
	} {
		reader.must(want, "POST", "/authorize"+query, "")
	}
	deleter.must(http.StatusOK, "POST", "/authorize", "")
	deleter.must(http.StatusForbidden, "GET", "/api/v1/audit", "")
}
