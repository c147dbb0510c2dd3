package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/judge0/api"
)

// key makes a key of an account with all rights but admin.
func (b *bundle) key(account string) string {
	b.t.Helper()
	key, err := b.EnsureKey(context.Background(), "of "+account, account, auth.Submit, auth.Read, auth.Delete)
	if err != nil {
		b.t.Fatal(err)
	}
	return key
}

// slow gives a bucket that gets nothing back while a test runs.
func slow(burst int) limit.Rate { return limit.Rate{PerSecond: limit.LeastRate, Burst: burst} }

func TestRequestsOfAnAccountAreLimited(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.Accounts.Rate = slow(3)
	b.start()
	mine, other := b.key("mine"), b.key("other")
	for left := 2; left >= 0; left-- {
		r := b.call("GET", "/api/v1/usage", "", mine)
		if r.status != 200 || r.header.Get("RateLimit-Limit") != "3" || r.header.Get("RateLimit-Remaining") != fmt.Sprint(left) ||
			r.header.Get("RateLimit-Policy") != `"account";q=3;w=3000` || !strings.HasPrefix(r.header.Get("RateLimit"), fmt.Sprintf(`"account";r=%d;t=`, left)) {
			t.Fatalf("with %d left: %d %v", left, r.status, r.header)
		}
	}
	r := b.call("GET", "/api/v1/usage", "", mine)
	if problem := r.object(t); r.status != 429 || problem["type"] != "urn:sandgate:problem:too-many-requests" || problem["detail"] != "too many requests of this account: slow down" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if retry := r.header.Get("Retry-After"); retry != "1000" && retry != "999" {
		t.Errorf("Retry-After is %q", retry)
	}
	r = b.call("POST", "/submissions", python("1"), mine)
	if r.status != 429 || r.body != `{"error":"too many requests of this account: slow down"}` {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := b.call("GET", "/api/v1/usage", "", other); r.status != 200 {
		t.Errorf("another account got %d %s", r.status, r.body)
	}
	if r := b.call("GET", "/languages", "", ""); r.status != 200 || r.header.Get("RateLimit-Limit") != "" {
		t.Errorf("an open route got %d %v", r.status, r.header)
	}
	if text := b.get("/metrics").body; !strings.Contains(text, `sandgate_gateway_limited_total{kind="account"} 2`) {
		t.Error("the refusals are not counted")
	}
}

func TestRequestsFromAnAddressAreLimited(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.Address, b.config.Key = slow(3), slow(2)
	b.config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	b.boot()
	ask := func(path, address, key string) reply {
		request, err := http.NewRequest("GET", b.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Forwarded-For", "198.51.100.1, "+address)
		request.Header.Set("X-Auth-Token", key)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return reply{status: response.StatusCode, header: response.Header}
	}
	// Open routes, refused keys and wrong paths count alike.
	for i, path := range []string{"/version", "/api/v1/usage", "/nowhere", "/version", "/api/v1/usage", "/nowhere"} {
		want := []int{200, 401, 404, 429, 429, 429}[i]
		if r := ask(path, "203.0.113.1", "no such key"); r.status != want {
			t.Errorf("%d. %s: %d, want %d", i, path, r.status, want)
		}
	}
	// The key has less left than the address; what one refuses costs the other nothing.
	for i, want := range []int{200, 200, 429, 429} {
		r := ask("/api/v1/usage", "203.0.113.2", firstKey)
		if r.status != want || i == 1 && (r.header.Get("RateLimit-Limit") != "2" || r.header.Get("RateLimit-Policy") != `"address";q=3;w=3000, "key";q=2;w=2000`) {
			t.Errorf("%d. request with the key: %d %v", i, r.status, r.header)
		}
	}
	if r := ask("/version", "203.0.113.2", ""); r.status != 200 {
		t.Errorf("the address got %d", r.status)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if r := ask(path, "203.0.113.1", ""); r.status == 429 {
			t.Errorf("%s is limited", path)
		}
	}
}

func TestDailyQuota(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.Accounts.DailySubmissions, b.config.Accounts.DailyCPU = 4, time.Hour
	b.start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	key := b.key("mine")
	if r := b.call("POST", "/submissions/batch", `{"submissions":[`+python("1")+`,{},`+python("2")+`,`+python("3")+`]}`, key); r.status != 201 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	const rest = "these are 2 submissions, and of the 4 that this account may make in a day 1 are left; the next day begins at midnight UTC"
	if r := b.call("POST", "/submissions/batch", `{"submissions":[`+python("4")+`,`+python("5")+`]}`, key); r.status != 429 || r.object(t)["error"] != rest || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s %v", r.status, r.body, r.header)
	}
	if r := b.call("POST", "/submissions", `{"language_id":71}`, key); r.status != 422 {
		t.Errorf("what is not valid got %d %s", r.status, r.body)
	}
	if r := b.call("POST", "/api/v1/run", `{"code":"4","language":"python"}`, key); r.status != 202 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	r := b.call("POST", "/api/v1/run", `{"code":"5","language":"python"}`, key)
	if problem := r.object(t); r.status != 429 || problem["type"] != "urn:sandgate:problem:quota-reached" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := b.call("POST", "/submissions", python("6"), b.key("other")); r.status != 201 {
		t.Errorf("another account got %d %s", r.status, r.body)
	}
	usage := func() map[string]any { return b.call("GET", "/api/v1/usage", "", key).object(t) }
	b.await("the end of all", func() bool { return usage()["today"].(map[string]any)["finished"] == 4.0 })
	got := usage()
	if limits := got["limits"].(map[string]any); limits["dailySubmissions"] != 4.0 || limits["dailyCpuSeconds"] != 3600.0 || limits["rate"] != nil || limits["burst"] != nil {
		t.Errorf("the limits are %v", limits)
	}
	today := got["today"].(map[string]any)
	if days := got["days"].([]any); len(days) != 1 || days[0].(map[string]any)["submissions"] != 4.0 || today["submissions"] != 4.0 || today["cpuSeconds"] != 0.048 {
		t.Errorf("got %v", got)
	}
	// What was counted outlives the gateway.
	if err := b.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.start()
	if got := usage()["today"]; fmt.Sprint(got) != fmt.Sprint(today) {
		t.Errorf("after a restart: %v, before: %v", got, today)
	}
	if r := b.call("POST", "/submissions", python("7"), key); r.status != 429 {
		t.Errorf("after a restart: %d", r.status)
	}
	for query, want := range map[string]int{
		"": 200, "?from=2026-01-01&to=2026-01-02": 200, "?from=2026-01-02&to=2026-01-01": 400, "?from=2020-01-01&to=2026-01-01": 400, "?from=today": 400,
	} {
		if r := b.call("GET", "/api/v1/usage"+query, "", key); r.status != want {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
}

// TestRepeatsNeedNoRoom: a repeat under its idempotency key is answered as it was, also when nothing new is taken in.
func TestRepeatsNeedNoRoom(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.Accounts.DailySubmissions = 3
	b.config.QueueLimit = 3
	b.start()
	b.engine.down()
	batch := `{"submissions":[` + python("2") + `,` + python("3") + `]}`
	one, two := b.once("one", "/submissions", python("1")), b.once("two", "/submissions/batch", batch)
	if one.status != 201 || two.status != 201 {
		t.Fatalf("got %d %s, %d %s", one.status, one.body, two.status, two.body)
	}
	for _, why := range []string{"the quota is used up", "the queue is full"} {
		if again := b.once("one", "/submissions", python("1")); again.status != 201 || again.body != one.body || again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s, one: %d %s", why, again.status, again.body)
		}
		if again := b.once("two", "/submissions/batch", batch); again.status != 201 || again.body != two.body {
			t.Errorf("%s, two: %d %s", why, again.status, again.body)
		}
		if other := b.once("one", "/submissions", python("4")); other.status != 422 {
			t.Errorf("%s, another request: %d %s", why, other.status, other.body)
		}
		if fresh := b.once("three", "/submissions", python("1")); fresh.status != 429 && fresh.status != 503 {
			t.Errorf("%s, another key: %d %s", why, fresh.status, fresh.body)
		}
		if err := b.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.config.Accounts.DailySubmissions = 0
		b.boot()
	}
}

// TestPeoplesKeysHaveTheirLimits: somebody who makes a key is not without bounds by it.
func TestPeoplesKeysHaveTheirLimits(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.Users.DailySubmissions = 1
	b.start()
	trusted, err := b.EnsureKey(t.Context(), "web", "web", auth.Submit, auth.Read, auth.Act)
	if err != nil {
		t.Fatal(err)
	}
	alice := person{b, trusted, "alice"}
	made := alice.call("POST", "/api/v1/keys", `{"name":"own","scopes":["submit","read"]}`)
	own, _ := made.object(t)["secret"].(string)
	if made.status != 201 || own == "" {
		t.Fatalf("got %d %s", made.status, made.body)
	}
	if r := b.call("POST", "/submissions", python("1"), own); r.status != 201 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := b.call("POST", "/submissions", python("2"), own); r.status != 429 {
		t.Errorf("beyond the quota of people: %d %s", r.status, r.body)
	}
	if r := b.call("POST", "/submissions", python("3"), trusted); r.status != 201 {
		t.Errorf("the account itself: %d %s", r.status, r.body)
	}
}

func TestAFullQueueCostsNoQuota(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.QueueLimit = 1
	b.start()
	b.engine.down()
	b.submit("1")
	if r := b.post("/submissions", python("2")); r.status != 503 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	if today := b.get("/api/v1/usage").object(t)["today"].(map[string]any); today["submissions"] != 1.0 {
		t.Errorf("got %v", today)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	mine, other := b.key("mine"), b.key("other")
	create := func(key, source string, language int) string {
		r := b.call("POST", "/submissions?wait=true", fmt.Sprintf(`{"source_code":%q,"language_id":%d,"stdin":"in","cpu_time_limit":2}`, source, language), key)
		if r.status != 201 {
			t.Fatalf("got %d %s", r.status, r.body)
		}
		return r.object(t)["token"].(string)
	}
	var tokens []string // newest first
	for i := range 7 {
		tokens = slices.Insert(tokens, 0, create(mine, fmt.Sprint(i), []int{71, 50}[i%2]))
	}
	foreign := create(other, "secret", 71)
	type page struct {
		Submissions []struct {
			JobID     string          `json:"jobId"`
			Output    *string         `json:"output"`
			CreatedAt time.Time       `json:"createdAt"`
			Program   json.RawMessage `json:"program"`
		} `json:"submissions"`
		Next *string `json:"next"`
	}
	list := func(query string) (p page, ids []string) {
		t.Helper()
		r := b.call("GET", "/api/v1/submissions?"+query, "", mine)
		if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != 200 {
			t.Fatalf("%s: %d %s", query, r.status, r.body)
		}
		for _, s := range p.Submissions {
			ids = append(ids, s.JobID)
			if s.Program != nil {
				t.Errorf("the list has a program: %s", r.body)
			}
		}
		return p, ids
	}
	all, ids := list("")
	if !slices.Equal(ids, tokens) || all.Next != nil || *all.Submissions[0].Output != "6" {
		t.Fatalf("got %v, want %v", ids, tokens)
	}
	var walked []string
	for query := "limit=3"; query != ""; {
		p, ids := list(query)
		walked = append(walked, ids...)
		if query = ""; p.Next != nil {
			query = "limit=3&cursor=" + *p.Next
		}
	}
	if !slices.Equal(walked, tokens) {
		t.Errorf("page by page: %v, want %v", walked, tokens)
	}
	since := all.Submissions[2].CreatedAt.Format(time.RFC3339Nano)
	for query, want := range map[string]int{
		"language=71": 4, "language=python": 4, "language=python,50": 7, "language=50&language=71": 7, "language=72": 0,
		"status=3": 7, "status=4,5": 0, "since=2000-01-01T00:00:00Z": 7, "until=2000-01-01T00:00:00Z": 0,
		"since=" + since + "&language=71": 2,
	} {
		if _, ids := list(query); len(ids) != want {
			t.Errorf("%s: %d", query, len(ids))
		}
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "cursor=x", "language=cobol66", "status=15", "status=ok", "since=yesterday"} {
		if r := b.call("GET", "/api/v1/submissions?"+query, "", mine); r.status != 400 || !strings.Contains(r.body, "urn:sandgate:problem:malformed") {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}

	job := b.call("GET", "/api/v1/submissions/"+tokens[0]+"?program=true", "", mine).object(t)
	program, _ := job["program"].(map[string]any)
	if program["code"] != "6" || program["stdin"] != "in" || program["expectedOutput"] != nil || program["limits"].(map[string]any)["cpuTime"] != 2.0 {
		t.Errorf("the program is %v", program)
	}
	if job := b.call("GET", "/api/v1/submissions/"+tokens[0], "", mine).object(t); job["program"] != nil || job["output"] != "6" {
		t.Errorf("got %v", job)
	}
	if r := b.call("DELETE", "/api/v1/submissions/"+foreign, "", mine); r.status != 404 {
		t.Errorf("deleting another's: %d", r.status)
	}
	if r := b.call("DELETE", "/api/v1/submissions/"+tokens[0], "", mine); r.status != 204 || r.body != "" {
		t.Errorf("deleting: %d %s", r.status, r.body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if r := b.call(method, "/api/v1/submissions/"+tokens[0], "", mine); r.status != 404 {
			t.Errorf("%s of what is deleted: %d", method, r.status)
		}
	}
	b.engine.script(func(e *scriptedEngine) { e.next = nil })
	waiting := b.submit("x")
	if r := b.call("DELETE", "/api/v1/submissions/"+waiting, "", firstKey); r.status != 409 || !strings.Contains(r.body, "urn:sandgate:problem:conflict") {
		t.Errorf("deleting what has not ended: %d %s", r.status, r.body)
	}
	if r := b.call("DELETE", "/submissions/"+waiting, "", firstKey); r.status != 400 || !strings.Contains(r.body, "cannot be deleted") {
		t.Errorf("the same, on Judge0's route: %d %s", r.status, r.body)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	mine, other := b.key("mine"), b.key("other")
	token := b.call("POST", "/submissions?wait=true", `{"source_code":"shown","language_id":71,"callback_url":"http://example.org/hush"}`, mine).object(t)["token"].(string)
	path := "/api/v1/submissions/" + token + "/share"
	if r := b.call("POST", path, "", other); r.status != 404 {
		t.Errorf("sharing another's: %d", r.status)
	}
	r := b.call("POST", path, "", mine)
	share := r.object(t)
	link, _ := share["path"].(string)
	if r.status != 201 || r.header.Get("Location") != link || !regexp.MustCompile(`^/api/v1/shared/[A-Z2-7]{26}$`).MatchString(link) {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	if r := b.call("POST", path, "", mine); r.status != 200 || r.object(t)["id"] != share["id"] {
		t.Errorf("sharing again: %d %s", r.status, r.body)
	}
	r = b.call("GET", link, "", "")
	job := r.object(t)
	if r.status != 200 || job["output"] != "shown" || job["program"].(map[string]any)["code"] != "shown" || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if strings.Contains(r.body, "mine") || strings.Contains(r.body, "hush") || job["account"] != nil {
		t.Errorf("it tells of its owner: %s", r.body)
	}
	for _, id := range []string{"x", token, strings.Repeat("A", 26)} {
		if r := b.call("GET", "/api/v1/shared/"+id, "", ""); r.status != 404 {
			t.Errorf("%s: %d", id, r.status)
		}
	}
	if r := b.call("DELETE", path, "", other); r.status != 404 {
		t.Errorf("taking another's back: %d", r.status)
	}
	for i, want := range []int{204, 404} {
		if r := b.call("DELETE", path, "", mine); r.status != want {
			t.Errorf("%d. time of taking it back: %d", i+1, r.status)
		}
	}
	if r := b.call("GET", link, "", ""); r.status != 404 {
		t.Errorf("what was taken back: %d", r.status)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.MaxBodyBytes = 1 << 20
	b.start()
	many := strings.Repeat("{},", 20_000) + "{}"
	for name, tc := range map[string]struct {
		path, kind, body string
		want             int
	}{
		"too long":         {"/submissions", "application/json", python(strings.Repeat("x", 1<<20)), 413},
		"too long, ours":   {"/api/v1/run", "application/json", python(strings.Repeat("x", 1<<20)), 413},
		"too many values":  {"/submissions/batch", "application/json", `{"submissions":[` + many + `]}`, 413},
		"the same, ours":   {"/api/v1/run", "application/json", `{"code":[` + many + `]}`, 413},
		"text like values": {"/submissions", "application/json", python(many + `\",[`), 201},
		"many parameters":  {"/submissions", "application/x-www-form-urlencoded", strings.Repeat("a&", 20_000), 400},
		"many in a query":  {"/submissions?" + strings.Repeat("a&", 12_000), "", "", 422},
	} {
		request, err := http.NewRequest("POST", b.URL()+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", tc.kind)
		request.Header.Set("X-Auth-Token", firstKey)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != tc.want {
			t.Errorf("%s: %d, want %d", name, response.StatusCode, tc.want)
		}
	}
	request, _ := http.NewRequest("GET", b.URL()+"/version", nil)
	for i := range 3000 {
		request.Header.Set(fmt.Sprintf("X-Header-%d", i), "something or other")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("too many headers: %d", response.StatusCode)
	}
}

func TestWhatIsKeptForLongEnoughGoes(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	token := b.submit("x")
	b.awaitStatus(token, api.Accepted)
	if err := b.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.config.Retention = time.Nanosecond
	b.boot()
	b.await("the end of it", func() bool { return b.get("/submissions/"+token).status == 404 })
	if text := b.get("/metrics").body; !strings.Contains(text, "sandgate_gateway_expired_total 1") {
		t.Error("it is not counted")
	}
}

func TestRequestIDsReachTheEngine(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	ask := func(method, path, body, id string) {
		request, err := http.NewRequest(method, b.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Auth-Token", firstKey)
		request.Header.Set("X-Request-Id", id)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get("X-Request-Id"); got != id {
			t.Errorf("the answer has %q", got)
		}
	}
	ask("POST", "/submissions", python("x"), "submission-1")
	ask("GET", "/system_info", "", "page-12345")
	for _, want := range []string{"submission-1", "page-12345"} {
		b.await("the id "+want, func() bool { return slices.Contains(b.engine.requestIDs(), want) })
	}
}

func TestAccountsHaveBoundsOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.Accounts.Rate, b.config.Accounts.DailySubmissions = slow(1000), 1000
	b.start()
	set := func(account, limits string) {
		t.Helper()
		if r := b.call("PUT", "/api/v1/accounts/"+account, `{"name":"`+account+`","limits":`+limits+`}`, firstKey); r.status/100 != 2 {
			t.Fatalf("got %d %s", r.status, r.body)
		}
	}
	set("narrow", `{"rate":0.001,"burst":3,"dailySubmissions":1}`)
	set("free", `{"rate":-1,"dailySubmissions":-1}`)
	narrow, free := b.key("narrow"), b.key("free")
	for i, want := range []int{201, 429, 429, 429} {
		r := b.call("POST", "/submissions", python("x"), narrow)
		if r.status != want || r.header.Get("RateLimit-Limit") != "3" || strings.Contains(r.body, "in a day") != (i == 1 || i == 2) {
			t.Errorf("%d. of narrow: %d %s %v", i, r.status, r.body, r.header)
		}
	}
	r := b.call("POST", "/submissions", python("x"), free)
	if r.status != 201 || r.header.Get("RateLimit-Limit") != "" {
		t.Errorf("of free: %d %v", r.status, r.header)
	}
	if limits := b.call("GET", "/api/v1/usage", "", free).object(t)["limits"].(map[string]any); limits["rate"] != nil || limits["dailySubmissions"] != nil {
		t.Errorf("the limits of free are %v", limits)
	}
}

func TestPeopleHaveLimitsByDefault(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	ask := func(user string) map[string]any {
		request, err := http.NewRequest("GET", b.URL()+"/api/v1/usage", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Auth-Token", firstKey)
		if user != "" {
			request.Header.Set("X-Sandgate-User", user)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var usage struct {
			Limits map[string]any `json:"limits"`
		}
		if err := json.NewDecoder(response.Body).Decode(&usage); err != nil || (response.Header.Get("RateLimit-Limit") == "") != (user == "") {
			t.Errorf("%q: %v, %v", user, err, response.Header)
		}
		return usage.Limits
	}
	if limits := ask(""); limits["rate"] != nil || limits["dailySubmissions"] != nil {
		t.Errorf("the first key is limited: %v", limits)
	}
	if limits := ask("guest"); limits["rate"] != 20.0 || limits["burst"] != 100.0 || limits["dailySubmissions"] != 5000.0 || limits["dailyCpuSeconds"] != 7200.0 {
		t.Errorf("a guest has %v", limits)
	}
}
