package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandgate/sandgate/judge0"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/server"
	"github.com/sandgate/sandgate/judge0/store"
)

type runnerFunc func(ctx context.Context, s *api.Submission) (api.Result, error)

func (f runnerFunc) Run(ctx context.Context, s *api.Submission) (api.Result, error) {
	return f(ctx, s)
}

// echo prints the source and then the input.
func echo(_ context.Context, s *api.Submission) (api.Result, error) {
	out := *s.SourceCode
	if s.Stdin != nil {
		out += *s.Stdin
	}
	code, seconds, kb := 0, 0.017, 3504
	return api.Result{Status: api.Accepted, Stdout: &out, ExitCode: &code, Time: &seconds, WallTime: &seconds, Memory: &kb}, nil
}

// never runs until it is told to stop.
func never(ctx context.Context, _ *api.Submission) (api.Result, error) {
	<-ctx.Done()
	return api.Result{}, ctx.Err()
}

var languages = api.NewLanguages([]api.Language{
	{ID: 71, Name: "Python (3.11.2)", SourceFile: "script.py", RunCmd: "/usr/bin/python3 script.py"},
	{ID: 50, Name: "C (GCC 12.2.0)", SourceFile: "main.c", CompileCmd: "/usr/bin/gcc %s main.c", RunCmd: "./a.out"},
	{ID: 4, Name: "C (gcc 7.2.0)", IsArchived: true},
})

const authz = "let me"

func start(t testing.TB, runner runnerFunc, change ...func(*judge0.Options)) (url string) {
	t.Helper()
	o := judge0.Options{Config: api.DefaultConfig(), Runner: runner, Languages: languages, DataDir: t.TempDir(), Addr: "127.0.0.1:0", Workers: 2, Logger: slog.New(slog.DiscardHandler)}
	o.Access.AuthzTokens = []string{authz}
	o.Config.EnableSubmissionDelete = true
	for _, f := range change {
		f(&o)
	}
	e, err := judge0.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Stop(ctx)
	})
	if err := e.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return e.URL()
}

type exchange struct {
	method, path, body string
	header             map[string]string
}

func send(t testing.TB, base string, x exchange) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(x.method, base+x.path, strings.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	if x.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range x.header {
		r.Header.Set(name, value)
	}
	response, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

var (
	uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
)

func normal(body string) string {
	return timePattern.ReplaceAllString(uuidPattern.ReplaceAllString(body, "<token>"), "<time>")
}

const good = `{"source_code":"print(1)","language_id":71}`

func batchOf(n int) string {
	return `{"submissions":[` + strings.TrimSuffix(strings.Repeat(good+",", n), ",") + `]}`
}

func TestContract(t *testing.T) {
	t.Parallel()
	base := start(t, echo)
	_, body := send(t, base, exchange{method: "POST", path: "/submissions?wait=true", body: `{"source_code":"seed","language_id":71,"stdin":"\n"}`})
	var seed struct{ Token string }
	if err := json.Unmarshal([]byte(body), &seed); err != nil {
		t.Fatal(err)
	}
	_, body = send(t, base, exchange{method: "POST", path: "/submissions?wait=true&base64_encoded=true", body: `{"source_code":"/w==","language_id":71}`})
	var bytes struct{ Token string }
	if err := json.Unmarshal([]byte(body), &bytes); err != nil {
		t.Fatal(err)
	}
	const token, empty = `{"token":"<token>"}`, ""
	const notUTF8 = `some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true query parameter`
	const finished = `{"compile_output":null,"memory":3504,"message":null,"status":{"id":3,"description":"Accepted"},"stderr":null,"stdout":"print(1)","time":"0.017","token":"<token>"}`
	const missing = `{"language_id":["can't be blank","language with id  doesn't exist"],"source_code":["can't be blank"]}`
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	authorized := map[string]string{"X-Auth-User": authz}
	for _, tc := range []struct {
		name   string
		x      exchange
		status int
		want   string // "~" is anything
	}{
		{"version", exchange{method: "GET", path: "/version"}, 200, "1.13.1"},
		{"statuses", exchange{method: "GET", path: "/statuses"}, 200, "~"},
		{"languages", exchange{method: "GET", path: "/languages"}, 200, `[{"id":50,"name":"C (GCC 12.2.0)"},{"id":71,"name":"Python (3.11.2)"}]`},
		{"all languages", exchange{method: "GET", path: "/languages/all/"}, 200, `[{"id":50,"name":"C (GCC 12.2.0)","is_archived":false},{"id":4,"name":"C (gcc 7.2.0)","is_archived":true},{"id":71,"name":"Python (3.11.2)","is_archived":false}]`},
		{"a language", exchange{method: "GET", path: "/languages/71"}, 200, `{"compile_cmd":null,"id":71,"is_archived":false,"name":"Python (3.11.2)","run_cmd":"/usr/bin/python3 script.py","source_file":"script.py"}`},
		{"no language", exchange{method: "GET", path: "/languages/9999"}, 404, empty},
		{"junk language", exchange{method: "GET", path: "/languages/abc"}, 404, empty},
		{"no route", exchange{method: "GET", path: "/nope"}, 404, empty},
		{"no method", exchange{method: "PUT", path: "/submissions", body: good}, 404, empty},
		{"workers", exchange{method: "GET", path: "/workers"}, 200, `[{"available":2,"failed":0,"idle":2,"paused":0,"queue":"1.13.1","size":0,"working":0}]`},
		{"config", exchange{method: "GET", path: "/config_info/"}, 200, "~"},
		{"system", exchange{method: "GET", path: "/system_info"}, 200, "~"},
		{"statistics", exchange{method: "GET", path: "/statistics?invalidate_cache=true"}, 200, "~"},
		{"about", exchange{method: "GET", path: "/about"}, 200, "~"},
		{"head", exchange{method: "HEAD", path: "/version"}, 200, empty},

		{"create", exchange{method: "POST", path: "/submissions", body: good}, 201, token},
		{"create, slash", exchange{method: "POST", path: "/submissions/?base64_encoded=false", body: good}, 201, token},
		{"create, wait", exchange{method: "POST", path: "/submissions?wait=true", body: good}, 201, finished},
		{"create, wait in body", exchange{method: "POST", path: "/submissions", body: `{"source_code":"print(1)","language_id":"71","wait":"true"}`}, 201, finished},
		{"create, wait not text", exchange{method: "POST", path: "/submissions", body: `{"source_code":"print(1)","language_id":71,"wait":true}`}, 201, token},
		{"create, wait=1", exchange{method: "POST", path: "/submissions?wait=1", body: good}, 201, token},
		{"create, base64", exchange{method: "POST", path: "/submissions?wait=true&base64_encoded=true&fields=stdout,source_code", body: `{"source_code":"cHJp\nbnQ","language_id":71,"stdin":"IQ=="}`}, 201, `{"source_code":"cHJpbnQ=\n","stdout":"cHJpbnQh\n"}`},
		{"create, by query", exchange{method: "POST", path: "/submissions?source_code=print(1)&language_id=71&wait=true"}, 201, finished},
		{"create, by form", exchange{method: "POST", path: "/submissions", body: "source_code=print%281%29&language_id=71&wait=true", header: form}, 201, finished},
		{"create, query over body", exchange{method: "POST", path: "/submissions?wait=true&fields=stdout&source_code=q", body: good}, 201, `{"stdout":"q"}`},
		{"create, query over form", exchange{method: "POST", path: "/submissions?wait=true&fields=stdout&source_code=q", body: "source_code=f&language_id=71&wait=false", header: form}, 201, `{"stdout":"q"}`},
		{"create, other type", exchange{method: "POST", path: "/submissions", body: good, header: map[string]string{"Content-Type": "text/plain"}}, 422, missing},
		{"create, empty", exchange{method: "POST", path: "/submissions"}, 422, missing},
		{"create, text", exchange{method: "POST", path: "/submissions", body: `"x"`}, 422, missing},
		{"create, not JSON", exchange{method: "POST", path: "/submissions", body: `{not json`}, 400, empty},
		{"create, no such field", exchange{method: "POST", path: "/submissions?fields=nope", body: good}, 400, `{"error":"invalid fields: [nope]"}`},
		{"create, not UTF-8", exchange{method: "POST", path: "/submissions?wait=true&source_code=%FF&language_id=71"}, 201, `{"error":"` + notUTF8 + `","token":"<token>"}`},

		{"get", exchange{method: "GET", path: "/submissions/" + seed.Token}, 200, strings.Replace(finished, "print(1)", `seed\n`, 1)},
		{"get, slash, fields", exchange{method: "GET", path: "/submissions/" + seed.Token + "/?fields=token,stdin,status_id"}, 200, `{"status_id":3,"stdin":"\n","token":"<token>"}`},
		{"get, base64", exchange{method: "GET", path: "/submissions/" + seed.Token + "?base64_encoded=true&fields=stdout"}, 200, `{"stdout":"c2VlZAo=\n"}`},
		{"get, times", exchange{method: "GET", path: "/submissions/" + seed.Token + "?fields=created_at,queued_at,started_at,finished_at,updated_at"}, 200, `{"created_at":"<time>","finished_at":"<time>","queued_at":"<time>","started_at":"<time>","updated_at":"<time>"}`},
		{"get, no such field", exchange{method: "GET", path: "/submissions/" + seed.Token + "?fields=a,token,b"}, 400, `{"error":"invalid fields: [a, b]"}`},
		{"get, unknown", exchange{method: "GET", path: "/submissions/d85cd024-1548-4165-96c7-7bc88673f194"}, 404, empty},
		{"get, not UTF-8", exchange{method: "GET", path: "/submissions/" + bytes.Token}, 400, `{"error":"` + notUTF8 + `"}`},
		{"get, bytes", exchange{method: "GET", path: "/submissions/" + bytes.Token + "?base64_encoded=true&fields=stdout"}, 200, `{"stdout":"/w==\n"}`},

		{"batch", exchange{method: "POST", path: "/submissions/batch", body: batchOf(2)}, 201, `[` + token + `,` + token + `]`},
		{"batch, some wrong", exchange{method: "POST", path: "/submissions/batch/", body: `{"submissions":[{"language_id":71},` + good + `,7]}`}, 201, `[{"source_code":["can't be blank"]},` + token + `,` + missing + `]`},
		{"batch, all wrong", exchange{method: "POST", path: "/submissions/batch", body: `{"submissions":[{}]}`}, 422, `[` + missing + `]`},
		{"batch, by form", exchange{method: "POST", path: "/submissions/batch", body: "submissions[][source_code]=1&submissions[][language_id]=71&submissions[][source_code]=&submissions[][language_id]=71", header: form}, 201, `[` + token + `,{"source_code":["can't be blank"]}]`},
		{"batch, by form, in pieces", exchange{method: "POST", path: "/submissions/batch", body: "submissions[][source_code]=1&submissions[][language_id]=71&submissions[][source_code]=2", header: form}, 400, "~"},
		{"batch, missing", exchange{method: "POST", path: "/submissions/batch"}, 400, `{"error":"there should be at least one submission in a batch"}`},
		{"batch, empty", exchange{method: "POST", path: "/submissions/batch", body: batchOf(0)}, 400, `{"error":"there should be at least one submission in a batch"}`},
		{"batch, no list", exchange{method: "POST", path: "/submissions/batch", body: `{"submissions":"x"}`}, 400, "~"},
		{"batch, 21", exchange{method: "POST", path: "/submissions/batch", body: batchOf(21)}, 400, `{"error":"number of submissions in a batch should be less than or equal to 20"}`},
		{"get batch", exchange{method: "GET", path: "/submissions/batch?fields=stdout&tokens=" + seed.Token + ",junk," + seed.Token}, 200, `{"submissions":[{"stdout":"seed\n"},null,{"stdout":"seed\n"}]}`},
		{"get batch, header", exchange{method: "GET", path: "/submissions/batch?fields=stdout", header: map[string]string{"tokens": seed.Token}}, 200, `{"submissions":[{"stdout":"seed\n"}]}`},
		{"get batch, none", exchange{method: "GET", path: "/submissions/batch"}, 400, `{"error":"there should be at least one submission in a batch"}`},
		{"get batch, 21", exchange{method: "GET", path: "/submissions/batch?tokens=" + strings.Repeat("a,", 21)}, 400, `{"error":"number of submissions in a batch should be less than or equal to 20"}`},
		{"get batch, not UTF-8", exchange{method: "GET", path: "/submissions/batch?tokens=" + bytes.Token}, 400, `{"error":"` + strings.Replace(notUTF8, "this submission", "one or more submissions", 1) + `"}`},
		{"get batch, empty ones", exchange{method: "GET", path: "/submissions/batch?fields=stdout&tokens=,a,,b,,"}, 200, `{"submissions":[null,null,null,null]}`},
		{"get batch, header first", exchange{method: "GET", path: "/submissions/batch?fields=stdout&tokens=a,b", header: map[string]string{"tokens": seed.Token}}, 200, `{"submissions":[{"stdout":"seed\n"}]}`},
		{"get batch, no such field", exchange{method: "GET", path: "/submissions/batch?fields=zzz"}, 400, `{"error":"invalid fields: [zzz]"}`},

		{"authenticate", exchange{method: "POST", path: "/authenticate"}, 200, empty},
		{"authorize", exchange{method: "POST", path: "/authorize", header: authorized}, 200, empty},
		{"authorize, no token", exchange{method: "POST", path: "/authorize"}, 403, empty},
		{"list, no token", exchange{method: "GET", path: "/submissions"}, 403, empty},
		{"list, wrong token", exchange{method: "GET", path: "/submissions?X-Auth-User=no"}, 403, empty},
		{"list", exchange{method: "GET", path: "/submissions?base64_encoded=true&X-Auth-User=let%20me"}, 200, "~"},
		{"list, bad page", exchange{method: "GET", path: "/submissions?page=-4", header: authorized}, 400, `{"error":"invalid page: -4"}`},
		{"list, no page", exchange{method: "GET", path: "/submissions?page=x3", header: authorized}, 400, `{"error":"invalid page: 0"}`},
		{"list, empty page", exchange{method: "GET", path: "/submissions?page=", header: authorized}, 400, `{"error":"invalid page: 0"}`},
		{"list, no such page", exchange{method: "GET", path: "/submissions?page=99999999999999999999", header: authorized}, 400, `{"error":"invalid page: 2147483647"}`},
		{"list, bad length", exchange{method: "GET", path: "/submissions?per_page=-2", header: authorized}, 400, `{"error":"invalid per_page: -2"}`},
		{"delete, no token", exchange{method: "DELETE", path: "/submissions/" + seed.Token}, 403, empty},
		{"delete, unknown", exchange{method: "DELETE", path: "/submissions/junk", header: authorized}, 404, empty},
		{"too many values", exchange{method: "POST", path: "/submissions", body: `{"x":[` + strings.Repeat("0,", 16<<20-10) + `0]}`}, 413, `{"error":"request body is too large (maximum is 20000 values)"}`},
		{"as many values in a text", exchange{method: "POST", path: "/submissions", body: `{"language_id":71,"source_code":"` + strings.Repeat("[,", 100_000) + `"}`}, 201, token},
		{"too large", exchange{method: "POST", path: "/submissions", body: strings.Repeat("x", 32<<20+1)}, 413, `{"error":"request body is too large (maximum is 33554432 bytes)"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response, body := send(t, base, tc.x)
			if response.StatusCode != tc.status || tc.want != "~" && normal(body) != tc.want {
				t.Errorf("got %d %s\nwant %d %s", response.StatusCode, normal(body), tc.status, tc.want)
			}
			if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
				if kind := response.Header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
					t.Errorf("its type is %q", kind)
				}
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	base := start(t, echo)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("language_id", "71")
	file, _ := form.CreateFormFile("source_code", "a.py")
	_, _ = file.Write([]byte("from a file"))
	_ = form.Close()
	response, answer := send(t, base, exchange{method: "POST", path: "/submissions?wait=true&fields=stdout", body: body.String(), header: map[string]string{"Content-Type": form.FormDataContentType()}})
	if response.StatusCode != 201 || answer != `{"stdout":"from a file"}` {
		t.Errorf("got %d %s", response.StatusCode, answer)
	}
}

func TestPagesAndDeletion(t *testing.T) {
	t.Parallel()
	base := start(t, echo)
	authorized := map[string]string{"X-Auth-User": authz}
	var tokens []string
	for i := range 3 {
		_, body := send(t, base, exchange{method: "POST", path: "/submissions?wait=true&fields=token", body: fmt.Sprintf(`{"source_code":"%d","language_id":71}`, i)})
		tokens = append(tokens, strings.Split(body, `"`)[3])
	}
	list := func(query string) string {
		_, body := send(t, base, exchange{method: "GET", path: "/submissions?fields=stdout&" + query, header: authorized})
		return body
	}
	for query, want := range map[string]string{
		"":                  `{"meta":{"current_page":1,"next_page":null,"prev_page":null,"total_pages":1,"total_count":3},"submissions":[{"stdout":"2"},{"stdout":"1"},{"stdout":"0"}]}`,
		"page=1&per_page=2": `{"meta":{"current_page":1,"next_page":2,"prev_page":null,"total_pages":2,"total_count":3},"submissions":[{"stdout":"2"},{"stdout":"1"}]}`,
		"page=2&per_page=2": `{"meta":{"current_page":2,"next_page":null,"prev_page":1,"total_pages":2,"total_count":3},"submissions":[{"stdout":"0"}]}`,
		"page=9":            `{"meta":{"current_page":9,"next_page":null,"prev_page":8,"total_pages":1,"total_count":3},"submissions":[]}`,
	} {
		if got := list(query); got != want {
			t.Errorf("%q: got %s, want %s", query, got, want)
		}
	}
	response, body := send(t, base, exchange{method: "DELETE", path: "/submissions/" + tokens[1] + "?fields=stdout", header: authorized})
	if response.StatusCode != 200 || body != `{"stdout":"MQ==\n"}` {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	if response, _ := send(t, base, exchange{method: "GET", path: "/submissions/" + tokens[1]}); response.StatusCode != 404 {
		t.Errorf("the deleted submission is answered with %d", response.StatusCode)
	}
}

func TestWhatIsSwitchedOff(t *testing.T) {
	t.Parallel()
	base := start(t, never, func(o *judge0.Options) {
		o.Config.EnableWaitResult, o.Config.EnableBatchedSubmissions = false, false
	})
	authorized := map[string]string{"X-Auth-User": authz}
	_, body := send(t, base, exchange{method: "POST", path: "/submissions", body: good})
	token := strings.Split(body, `"`)[3]
	off := start(t, never, func(o *judge0.Options) {
		o.Config.EnableSubmissionDelete, o.Config.MaintenanceMode, o.Config.MaintenanceMessage = false, true, "back soon"
	})
	noMessage := start(t, never, func(o *judge0.Options) { o.Config.MaintenanceMode = true })
	network := start(t, never, func(o *judge0.Options) { o.Config.AllowEnableNetwork, o.Config.EnableNetwork = true, true })
	barred := start(t, never, func(o *judge0.Options) {
		c := &o.Config
		c.EnableCompilerOptions, c.EnableCommandLineArguments, c.EnableCallbacks, c.EnableAdditionalFiles = false, false, false, false
		c.AllowPerProcessTime, c.AllowPerProcessMemory = false, false
	})
	noDelete := start(t, never, func(o *judge0.Options) { o.Config.EnableSubmissionDelete = false })
	for _, tc := range []struct {
		base   string
		x      exchange
		status int
		want   string
	}{
		{base, exchange{method: "POST", path: "/submissions?wait=true", body: good}, 400, `{"error":"wait not allowed"}`},
		{base, exchange{method: "POST", path: "/submissions/batch", body: batchOf(1)}, 400, `{"error":"batched submissions are not allowed"}`},
		{base, exchange{method: "GET", path: "/submissions/batch?tokens=x"}, 400, `{"error":"batched submissions are not allowed"}`},
		{noDelete, exchange{method: "DELETE", path: "/submissions/x", header: authorized}, 400, `{"error":"delete not allowed"}`},
		{off, exchange{method: "POST", path: "/submissions", body: good}, 503, `{"error":"back soon"}`},
		{off, exchange{method: "POST", path: "/submissions/batch", body: batchOf(1)}, 503, `{"error":"back soon"}`},
		{off, exchange{method: "DELETE", path: "/submissions/x", header: authorized}, 503, `{"error":"back soon"}`},
		{off, exchange{method: "GET", path: "/languages/71/"}, 200, "~"},
		{noMessage, exchange{method: "POST", path: "/submissions", body: good}, 503, `{"error":"Judge0 is currently in maintenance."}`},
		{barred, exchange{method: "POST", path: "/submissions", body: `{"source_code":"x","language_id":50,"compiler_options":"a","command_line_arguments":"b","callback_url":"http://x","additional_files":"UEs=",` +
			`"enable_network":true,"enable_per_process_and_thread_time_limit":true,"enable_per_process_and_thread_memory_limit":true}`}, 422,
			`{"additional_files":["setting additional files is not allowed"],"callback_url":["setting callback is not allowed"],"command_line_arguments":["setting command line arguments is not allowed"],` +
				`"compiler_options":["setting compiler options is not allowed"],"enable_network":["enabling network is not allowed"],` +
				`"enable_per_process_and_thread_memory_limit":["this option cannot be enabled"],"enable_per_process_and_thread_time_limit":["this option cannot be enabled"]}`},
		// A network is never given, whatever the settings say.
		{network, exchange{method: "POST", path: "/submissions", body: `{"source_code":"x","language_id":71,"enable_network":true}`}, 422, `{"enable_network":["enabling network is not allowed"]}`},
		{off, exchange{method: "GET", path: "/submissions/x"}, 404, ``},
	} {
		if response, body := send(t, tc.base, tc.x); response.StatusCode != tc.status || body != tc.want && tc.want != "~" {
			t.Errorf("%s %s: got %d %s, want %d %s", tc.x.method, tc.x.path, response.StatusCode, body, tc.status, tc.want)
		}
	}
	response, body := send(t, base, exchange{method: "DELETE", path: "/submissions/" + token, header: authorized})
	if response.StatusCode != 400 || !regexp.MustCompile(`^{"error":"submission cannot be deleted because its status is (1 \(In Queue\)|2 \(Processing\))"}$`).MatchString(body) {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	base := start(t, echo, func(o *judge0.Options) {
		o.Access = server.Access{AuthnTokens: []string{"one", "two"}, AuthnHeader: "X-Key", AllowOrigins: []string{"https://a.test"}}
	})
	for _, tc := range []struct {
		x      exchange
		status int
	}{
		{exchange{method: "POST", path: "/authenticate"}, 401},
		{exchange{method: "POST", path: "/authenticate", header: map[string]string{"X-Key": "three"}}, 401},
		{exchange{method: "POST", path: "/authenticate", header: map[string]string{"X-Key": "one two"}}, 401},
		{exchange{method: "POST", path: "/authenticate", header: map[string]string{"X-Auth-Token": "one"}}, 401},
		{exchange{method: "POST", path: "/authenticate", header: map[string]string{"X-Key": "two"}}, 200},
		{exchange{method: "POST", path: "/authenticate?X-Key=one"}, 200},
		{exchange{method: "POST", path: "/submissions", body: good}, 401},
		{exchange{method: "GET", path: "/languages"}, 401},
		{exchange{method: "GET", path: "/metrics"}, 401},
		{exchange{method: "GET", path: "/healthz"}, 200},
		{exchange{method: "GET", path: "/readyz"}, 200},
		{exchange{method: "POST", path: "/authorize?X-Key=one&X-Auth-User="}, 403},
		{exchange{method: "GET", path: "/submissions?X-Key=one&X-Auth-User="}, 403},
	} {
		if response, body := send(t, base, tc.x); response.StatusCode != tc.status || tc.status > 400 && body != "" {
			t.Errorf("%s %s %v: got %d %q, want %d", tc.x.method, tc.x.path, tc.x.header, response.StatusCode, body, tc.status)
		}
	}
	authorized := start(t, echo, func(o *judge0.Options) {
		o.Access = server.Access{AuthzTokens: []string{"one", "two"}, AuthzHeader: "X-Boss"}
	})
	for _, tc := range []struct {
		x      exchange
		status int
	}{
		{exchange{method: "POST", path: "/authorize", header: map[string]string{"X-Boss": "two"}}, 200},
		{exchange{method: "POST", path: "/authorize/?X-Boss=one"}, 200},
		{exchange{method: "POST", path: "/authorize", header: map[string]string{"X-Auth-User": "one"}}, 403},
		{exchange{method: "GET", path: "/submissions/?X-Boss=two"}, 200},
		{exchange{method: "GET", path: "/submissions?X-Boss=three"}, 403},
		{exchange{method: "DELETE", path: "/submissions/x?X-Boss=three"}, 403},
		{exchange{method: "POST", path: "/authenticate"}, 200},
	} {
		if response, _ := send(t, authorized, tc.x); response.StatusCode != tc.status {
			t.Errorf("%s %s %v: got %d, want %d", tc.x.method, tc.x.path, tc.x.header, response.StatusCode, tc.status)
		}
	}
	response, _ := send(t, base, exchange{method: "OPTIONS", path: "/submissions", header: map[string]string{"Origin": "https://a.test", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-key"}})
	if response.StatusCode != 200 || response.Header.Get("Access-Control-Allow-Headers") != "x-key" {
		t.Errorf("preflight: %d %v", response.StatusCode, response.Header)
	}

	// As judge0.conf has it, an origin may come without its scheme.
	for _, tc := range []struct{ allow, disallow, origin, want string }{
		{"", "", "https://a.test", "*"},
		{"https://a.test", "", "https://a.test", "https://a.test"},
		{"https://a.test", "", "http://a.test", ""},
		{"a.test b.test:8080", "", "http://a.test", "http://a.test"},
		{"a.test b.test:8080", "", "https://b.test:8080", "https://b.test:8080"},
		{"a.test b.test:8080", "", "https://b.test", ""},
		{"a.test", "", "https://evil.a.test", ""},
		{"a.test", "", "null", ""},
		{"*", "", "https://x.test", "https://x.test"},
		{"", "a.test", "https://a.test", ""},
		{"", "a.test", "https://b.test", "https://b.test"},
		{"a.test b.test", "b.test", "https://b.test", ""},
	} {
		base := start(t, echo, func(o *judge0.Options) {
			o.Access = server.Access{AllowOrigins: strings.Fields(tc.allow), DisallowOrigins: strings.Fields(tc.disallow)}
		})
		response, _ := send(t, base, exchange{method: "GET", path: "/version", header: map[string]string{"Origin": tc.origin}})
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != tc.want || response.StatusCode != 200 {
			t.Errorf("%+v: %d, allowed %q", tc, response.StatusCode, got)
		}
		response, _ = send(t, base, exchange{method: "OPTIONS", path: "/submissions", header: map[string]string{"Origin": tc.origin, "Access-Control-Request-Method": "POST"}})
		if ok := response.StatusCode == 200; ok != (tc.want != "") {
			t.Errorf("%+v: a preflight gives %d", tc, response.StatusCode)
		}
	}

	for _, tc := range []struct {
		allow, disallow string
		status          int
	}{{"127.0.0.0/8", "", 200}, {"10.0.0.0/8", "", 403}, {"", "127.0.0.1", 403}, {"", "10.1.2.3", 200}} {
		allow, err := server.ParsePrefixes(tc.allow)
		if err != nil {
			t.Fatal(err)
		}
		disallow, err := server.ParsePrefixes(tc.disallow)
		if err != nil {
			t.Fatal(err)
		}
		base := start(t, echo, func(o *judge0.Options) { o.Access = server.Access{AllowIP: allow, DisallowIP: disallow} })
		if response, _ := send(t, base, exchange{method: "GET", path: "/version", header: map[string]string{"X-Forwarded-For": "127.0.0.1"}}); response.StatusCode != tc.status {
			t.Errorf("%+v: got %d", tc, response.StatusCode)
		}
	}
	if _, err := server.ParsePrefixes("1.2.3 x"); err == nil {
		t.Error("junk passed for addresses")
	}
}

// What clients with typed models of these answers look for; the library for Python fails without one of the first.
func TestInformation(t *testing.T) {
	t.Parallel()
	base := start(t, echo, func(o *judge0.Options) { o.Config.CompilerOptionsLanguages, o.Holds = []string{"C", "C++"}, "thin air" })
	var config map[string]any
	read := func(path string, into any) {
		t.Helper()
		if _, body := send(t, base, exchange{method: "GET", path: path}); json.Unmarshal([]byte(body), into) != nil {
			t.Fatalf("%s: %s", path, body)
		}
	}
	read("/config_info", &config)
	for _, key := range strings.Fields(`allow_enable_network allow_enable_per_process_and_thread_memory_limit allow_enable_per_process_and_thread_time_limit
		allowed_languages_for_compile_options callbacks_max_tries callbacks_timeout cpu_extra_time cpu_time_limit enable_additional_files enable_batched_submissions
		enable_callbacks enable_command_line_arguments enable_compiler_options enable_network enable_per_process_and_thread_memory_limit
		enable_per_process_and_thread_time_limit enable_submission_delete enable_wait_result maintenance_mode max_cpu_extra_time max_cpu_time_limit max_extract_size
		max_file_size max_max_file_size max_max_processes_and_or_threads max_memory_limit max_number_of_runs max_processes_and_or_threads max_queue_size max_stack_limit
		max_submission_batch_size max_wall_time_limit memory_limit number_of_runs redirect_stderr_to_stdout stack_limit submission_cache_duration use_docs_as_homepage
		wall_time_limit`) {
		if config[key] == nil {
			t.Errorf("config_info lacks %s", key)
		}
		delete(config, key)
	}
	if len(config) > 0 {
		t.Errorf("config_info has %v, which no client knows", config)
	}
	var names struct {
		Some []string `json:"allowed_languages_for_compile_options"`
	}
	if read("/config_info", &names); len(names.Some) != 2 {
		t.Errorf("got %v", names)
	}
	if _, body := send(t, start(t, echo), exchange{method: "GET", path: "/config_info"}); !strings.Contains(body, `"allowed_languages_for_compile_options":[]`) {
		t.Errorf("got %s", body)
	}
	var system map[string]string
	if read("/system_info/", &system); system["Sandbox"] != "thin air" || system["CPU(s)"] == "" || system["Architecture"] == "" || system["Mem"] == "" || system["Swap"] == "" {
		t.Errorf("got %v", system)
	}
	if _, body := send(t, base, exchange{method: "GET", path: "/isolate"}); body != "Sandgate sandbox: thin air\n" {
		t.Errorf("got %q", body)
	}

	type statistics struct {
		CreatedAt   string `json:"created_at"`
		CachedUntil string `json:"cached_until"`
		Submissions struct {
			Total, Today int
			Days         map[string]int `json:"last_30_days"`
		}
		Languages []struct {
			Language api.Language
			Count    int
		}
		Statuses []struct {
			Status api.Status
			Count  int
		}
		Database struct {
			Pretty string `json:"size_pretty"`
			Bytes  int    `json:"size_in_bytes"`
		}
	}
	var none, cached, some statistics
	read("/statistics", &none)
	for range 3 {
		send(t, base, exchange{method: "POST", path: "/submissions?wait=true", body: good})
	}
	if read("/statistics", &cached); cached.CreatedAt != none.CreatedAt || cached.Submissions.Total != 0 {
		t.Errorf("it is not cached: %+v, then %+v", none, cached)
	}
	read("/statistics/?invalidate_cache=true", &some)
	days := 0
	for day, n := range some.Submissions.Days {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			t.Error(err)
		}
		days += n
	}
	if some.Submissions.Total != 3 || some.Submissions.Today > 3 || days != 3 || len(some.Languages) != 1 || some.Languages[0].Language.ID != 71 || some.Languages[0].Language.Name != "Python (3.11.2)" ||
		some.Languages[0].Count != 3 || len(some.Statuses) != 1 || some.Statuses[0].Status != api.StatusOf(api.Accepted) || some.Database.Bytes <= 0 || some.Database.Pretty == "" ||
		!timePattern.MatchString(some.CreatedAt) || len(some.CreatedAt) != 24 || len(some.CachedUntil) != 24 {
		t.Errorf("got %+v", some)
	}
}

// Every route is there with a slash at its end too, without a redirect.
func TestTrailingSlashes(t *testing.T) {
	t.Parallel()
	handler := server.New(server.Options{Config: api.DefaultConfig(), Languages: languages, Store: fakes{}, Queue: fakes{}, Results: fakes{}, Workers: fakes{}, Ready: func() error { return nil },
		Access: server.Access{AuthzTokens: []string{authz}}, Gatherer: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler)})
	routes := handler.Routes()
	if len(routes) < 30 {
		t.Errorf("only %d routes", len(routes))
	}
	for _, route := range routes {
		path := strings.NewReplacer(":id", "71", ":token", "x").Replace(route.Path)
		var answers [2]*httptest.ResponseRecorder
		for i, slash := range []string{"", "/"} {
			r := httptest.NewRequest(route.Method, path+slash, nil)
			r.Header.Set("X-Auth-User", authz)
			answers[i] = httptest.NewRecorder()
			handler.Handler().ServeHTTP(answers[i], r)
		}
		volatile := route.Path == "/statistics"
		if answers[0].Code != answers[1].Code || answers[0].Code/100 == 3 || !volatile && answers[0].Body.String() != answers[1].Body.String() {
			t.Errorf("%s %s: %d %s, with a slash %d %s", route.Method, path, answers[0].Code, answers[0].Body, answers[1].Code, answers[1].Body)
		}
	}
}

// fakes make a server without anything behind it.
type fakes struct{ panics bool }

func (f fakes) Create(_ context.Context, list []store.New) ([]string, error) {
	if f.panics {
		panic("ouch")
	}
	tokens := make([]string, len(list))
	for i, entry := range list {
		tokens[i] = entry.Submission.Token
	}
	return tokens, nil
}
func (fakes) Tokens(context.Context, []string) (map[string]string, error) { return nil, nil }
func (fakes) Get(context.Context, []string, bool) (map[string]*api.Submission, error) {
	return nil, nil
}
func (fakes) List(context.Context, int, int, bool) (store.Page, error) { return store.Page{}, nil }
func (fakes) Delete(context.Context, string) (*api.Submission, error) {
	return nil, store.ErrNotFound
}
func (fakes) Statistics(context.Context, time.Time) (store.Statistics, error) {
	return store.Statistics{}, nil
}
func (fakes) Reserve(int) error       { return nil }
func (fakes) Push(int, ...queue.Item) {}
func (fakes) Len() int                { return 0 }
func (fakes) State() (int, int, int)  { return 1, 0, 0 }

// Subscribe says at once that everything has finished.
func (fakes) Subscribe(token string) (<-chan *api.Submission, func(), error) {
	c := make(chan *api.Submission, 1)
	c <- &api.Submission{Token: token, Result: api.Result{Status: api.Accepted}}
	return c, func() {}, nil
}

func fakeServer(f fakes) http.Handler {
	return server.New(server.Options{Config: api.DefaultConfig(), Languages: languages, Store: f, Queue: f, Results: f, Workers: f, Ready: func() error { return nil }, Logger: slog.New(slog.DiscardHandler)}).Handler()
}

func TestAPanicIsAnswered(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/submissions", strings.NewReader(good))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	fakeServer(fakes{panics: true}).ServeHTTP(w, r)
	if w.Code != 500 || strings.Contains(w.Body.String(), "ouch") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// serve answers on a real connection, which has deadlines.
func serve(t *testing.T, o server.Options) (address string) {
	t.Helper()
	f := fakes{}
	o.Config, o.Languages, o.Logger = api.DefaultConfig(), languages, slog.New(slog.DiscardHandler)
	o.Store, o.Queue, o.Workers, o.Ready = f, f, f, func() error { return nil }
	if o.Results == nil {
		o.Results = f
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(o).HTTPServer()
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	return listener.Addr().String()
}

func dial(t *testing.T, address, request string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	return connection
}

func TestABodyThatNobodyReadsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	address := serve(t, server.Options{BodyTime: 50 * time.Millisecond, Access: server.Access{AuthnTokens: []string{"secret"}}})
	for _, path := range []string{"/authenticate", "/submissions", "/nowhere"} {
		connection := dial(t, address, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
		if _, err := io.ReadAll(connection); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// slowly tells of the end after a while.
type slowly time.Duration

func (s slowly) Subscribe(token string) (<-chan *api.Submission, func(), error) {
	c := make(chan *api.Submission, 1)
	timer := time.AfterFunc(time.Duration(s), func() { c <- &api.Submission{Token: token, Result: api.Result{Status: api.Accepted}} })
	return c, func() { timer.Stop() }, nil
}

func TestWaitingTakesLongerThanABodyMay(t *testing.T) {
	t.Parallel()
	address := serve(t, server.Options{BodyTime: 20 * time.Millisecond, AnswerTime: 20 * time.Millisecond, Results: slowly(100 * time.Millisecond)})
	for name, request := range map[string]string{
		"body":  "POST /submissions?wait=true HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(good)) + "\r\n\r\n" + good,
		"query": "POST /submissions?wait=true&language_id=71&source_code=x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	} {
		response, err := http.ReadResponse(bufio.NewReader(dial(t, address, request)), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if body, err := io.ReadAll(response.Body); response.StatusCode != 201 || err != nil || !strings.Contains(string(body), "Accepted") {
			t.Errorf("%s: got %d %s, %v", name, response.StatusCode, body, err)
		}
		_ = response.Body.Close()
	}
}

func TestMadeUpMethodsAreNoLabels(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	f := fakes{}
	handler := server.New(server.Options{Config: api.DefaultConfig(), Store: f, Queue: f, Results: f, Workers: f, Metrics: metrics.New(registry), Logger: slog.New(slog.DiscardHandler)}).Handler()
	for i := range 10 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(fmt.Sprintf("MADEUP%d", i), "/", nil))
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if n := len(family.GetMetric()); n > 1 {
			t.Errorf("%s has %d series", family.GetName(), n)
		}
	}
}

func FuzzSubmissionBody(f *testing.F) {
	handler := fakeServer(fakes{})
	f.Add("/submissions", "wait=true&fields=*", "application/json", []byte(good))
	f.Add("/submissions/batch", "base64_encoded=true", "application/json", []byte(`{"submissions":[{"source_code":null,"idempotency_key":1e999},[],7]}`))
	f.Add("/submissions", "", "multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"source_code\"\r\n\r\nx\r\n--x--"))
	f.Add("/submissions/", "source_code=%FF&language_id=71&stdin[]=1", "application/x-www-form-urlencoded", []byte("a=%zz;b"))
	f.Fuzz(func(t *testing.T, path, query, kind string, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.URL = &url.URL{Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
