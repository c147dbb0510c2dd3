// Package badrequest makes requests as careless and hostile clients send them: right and wrong values
// of every attribute, bodies of every kind that are cut off or lie, archives that break rules, odd
// headers, methods and paths. Each is made of a seed, so that one which finds a fault can be made
// again.
//
// It knows Judge0's attributes and the gateway's own. What a server must do with such a request is for
// the test to say; the least is Client.Send: an answer, in good time, that is no fault of the server.
package badrequest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// Route is one that a server has; segments of the path that begin with ":" or "*" stand for anything.
type Route struct{ Method, Path string }

// Target is what requests are made for.
type Target struct {
	URL    string
	Routes []Route
	// Headers are what a client that may do all sends; some requests leave them out.
	Headers map[string]string
	// Token gives the token of a submission that is there, or "".
	Token func() string
}

// maker makes one request.
type maker struct {
	*rand.Rand
	target Target
	raw    []byte // what a fuzzer gave: put in wherever there is room for anything
}

// New makes the request of a seed; raw is put in at some of the places where a client may put anything.
func New(target Target, seed uint64, raw []byte) *http.Request {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x5a4d)), target: target, raw: raw}
	route := target.Routes[m.IntN(len(target.Routes))]
	for range 4 { // what takes a body has more to get wrong
		if route.Method != "GET" && route.Method != "HEAD" {
			break
		}
		route = target.Routes[m.IntN(len(target.Routes))]
	}
	method := route.Method
	if m.oneIn(12) {
		method = pick(m, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "get", "X")
	}
	base, err := url.Parse(target.URL)
	if err != nil {
		panic(err)
	}
	path := m.path(route.Path)
	query := m.query(path)
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Opaque: "//" + base.Host + path, RawQuery: query}
	r := &http.Request{Method: method, URL: u, Host: base.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if !m.oneIn(15) {
		for name, value := range target.Headers {
			r.Header.Set(name, value)
		}
	}
	m.headers(r)
	if method != "GET" && method != "HEAD" || m.oneIn(10) {
		body, kind := m.body(path)
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.ContentLength = int64(len(body)); m.oneIn(8) {
			r.ContentLength = -1 // in chunks
		}
	}
	return r
}

func (m *maker) oneIn(n int) bool { return m.IntN(n) == 0 }

func pick[T any](m *maker, list ...T) T { return list[m.IntN(len(list))] }

// path fills a route's pattern in.
func (m *maker) path(pattern string) string {
	if m.oneIn(30) {
		return "/" + url.PathEscape(m.text())
	}
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, ":") || strings.HasPrefix(segment, "*") {
			segments[i] = url.PathEscape(m.segment())
		}
	}
	path := strings.Join(segments, "/")
	switch {
	case m.oneIn(10):
		path += "/"
	case m.oneIn(40):
		path = strings.ReplaceAll(path, "/", "//")
	case m.oneIn(40):
		path += pick(m, "/..", "/.", "/%2e%2e/", "/%00", ";a=b", "%20")
	}
	return path
}

func (m *maker) segment() string {
	if token := m.token(); token != "" && m.oneIn(2) {
		return token
	}
	switch m.IntN(4) {
	case 0:
		return m.text()
	case 1:
		return m.number()
	}
	return pick(m, "batch", "all", "d85cd024-1548-4165-96c7-7bc88673f194", "D85CD024-1548-4165-96C7-7BC88673F194", "71", "50", "..", ".", " ", "null", "*", "events")
}

func (m *maker) token() string {
	if m.target.Token == nil {
		return ""
	}
	return m.target.Token()
}

// queryNames are the parameters that some route reads.
var queryNames = []string{
	"base64_encoded", "wait", "fields", "page", "per_page", "tokens", "invalidate_cache", "X-Auth-Token", "X-Auth-User", "callback_url",
	"cursor", "limit", "status", "language", "since", "until", "program", "from", "to", "state", "after", "EIO", "transport", "sid",
}

func (m *maker) query(path string) string {
	if m.oneIn(4) {
		return ""
	}
	if m.oneIn(20) {
		return strings.Map(func(c rune) rune {
			if c <= ' ' || c >= 0x7f || c == '#' {
				return '%'
			}
			return c
		}, string(m.raw))
	}
	values := url.Values{}
	for range m.IntN(5) {
		name := pick(m, queryNames...)
		if m.oneIn(4) {
			name = pick(m, attributes...)
		}
		values.Add(name+pick(m, "", "", "", "", "", "", "[]", "[a]"), m.parameter(name))
	}
	if strings.HasPrefix(path, "/submissions") && m.oneIn(2) {
		values.Set("wait", pick(m, "true", "false", "1", "TRUE"))
	}
	return values.Encode() + pick(m, "", "", "", "&", "&=", "&%zz", "&a;b")
}

func (m *maker) parameter(name string) string {
	switch name {
	case "fields":
		return pick(m, "*", "token", "stdout,time", "nonsense", ",", "token,token,*", "", "status_id,language,source_code,stdin,created_at", m.text())
	case "tokens":
		return strings.Join([]string{m.token(), m.segment(), m.token(), m.text()}[m.IntN(4):], ",")
	case "base64_encoded", "wait", "invalidate_cache", "program":
		return pick(m, "true", "false", "", "True", "1", m.text())
	case "since", "until", "from", "to":
		return pick(m, "2026-01-01", "2026-01-01T00:00:00Z", "9999999999999", "0000-00-00", "-1", m.text())
	}
	switch m.IntN(3) {
	case 0:
		return m.number()
	case 1:
		return m.text()
	}
	return pick(m, "", "71", "1", "true")
}

// number gives what a number may be written as.
func (m *maker) number() string {
	return pick(m, "0", "1", "-1", "-4", "2", "71", "50", "89", "43", "44", "1.5", "-0", "1e3", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "0x10", "１２", "2147483647", "2147483648",
		"9223372036854775807", "9223372036854775808", "-9223372036854775809", "99999999999999999999999999", "1_000", " 7 ", "7x", "+3", "", ".", "1e", "00012", "3.0000000000000001")
}

// text gives a string that may be in the way somewhere.
func (m *maker) text() string {
	switch m.IntN(6) {
	case 0:
		return string(m.raw)
	case 1:
		return strings.Repeat(pick(m, "a", "ß", "\x00", "漢", "\xff", "'", "%s", "\n", "=", "../"), m.IntN(2000))
	case 2:
		b := make([]byte, m.IntN(64))
		for i := range b {
			b[i] = byte(m.IntN(256))
		}
		return string(b)
	}
	return pick(m, "", " ", "x", "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "null", "undefined", "[]", "{}", "'; DROP TABLE submissions; --", "$(id)", "`id`", "${jndi:x}", "<script>",
		"../../etc/passwd", "/etc/passwd", "%n%n%s", "\r\nX-Injected: 1", "\u202e", "\ufeff", "print(1)", "a\tb", "ＡＢＣ", "\\", "\"", "𝕏")
}

// attributes are those of a submission, and of what /api/v1 takes.
var attributes = []string{
	"source_code", "language_id", "compiler_options", "command_line_arguments", "stdin", "expected_output", "cpu_time_limit", "cpu_extra_time", "wall_time_limit", "memory_limit",
	"stack_limit", "max_processes_and_or_threads", "enable_per_process_and_thread_time_limit", "enable_per_process_and_thread_memory_limit", "max_file_size", "redirect_stderr_to_stdout",
	"enable_network", "number_of_runs", "additional_files", "callback_url", "idempotency_key", "token", "status_id", "stdout", "created_at",
	"code", "language", "expectedOutput", "arguments", "compilerOptions", "additionalFiles", "limits", "check", "name", "scopes", "expires", "expiresAt", "webhook", "id", "file",
}

// value gives what an attribute may be set to, right or wrong.
func (m *maker) value(name string) any {
	if m.oneIn(5) {
		return m.anything(3)
	}
	switch name {
	case "language_id":
		return pick[any](m, 71, 71, 71, 50, 54, 62, 89, 43, 44, 46, 82, 4, 0, -1, 9999, "71", 71.9, nil, json.RawMessage(m.jsonNumber()))
	case "additional_files", "additionalFiles":
		return pick(m, base64.StdEncoding.EncodeToString(m.archive()), m.text(), "")
	case "source_code", "stdin", "expected_output", "code", "expectedOutput":
		text := m.text()
		return pick(m, text, "print(1)", base64.StdEncoding.EncodeToString([]byte(text)), EncodeBroken(text))
	case "callback_url", "webhook":
		return pick(m, "http://127.0.0.1:1/x", "http://[::1]:1", "http://example.invalid/", "ftp://x", "//x", "http://", "http://a b", "http://x:99999/", "javascript:1", m.text())
	case "limits":
		return map[string]any{pick(m, "cpuTime", "wallTime", "memory", "processes", "x"): m.anything(1)}
	case "language":
		return pick[any](m, "python", "c", "Python (3.11.2)", 71, "", "nonsense", m.text())
	case "scopes":
		return pick[any](m, []string{"submit"}, []string{"admin", "x"}, []any{1, nil}, "submit", nil)
	}
	if m.oneIn(3) {
		return m.number()
	}
	return pick[any](m, json.RawMessage(m.jsonNumber()), true, false, nil, "", m.text())
}

// EncodeBroken encodes in Base64 with what lenient decoders pass over.
func EncodeBroken(text string) string {
	encoded := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "=")
	if len(encoded) > 3 {
		encoded = encoded[:2] + "\r\n \x00-" + encoded[2:]
	}
	return encoded + "=== x"
}

func (m *maker) jsonNumber() string {
	return pick(m, "0", "1", "-1", "5", "15.0", "15.0001", "-0.0", "2048", "2047", "128000", "512001", "1e999", "-1e999", "1e-999", "2147483648", "9223372036854775808", "0.1e1", "1E400", "4", "20", "21", "120", "121")
}

// anything gives any JSON value, no more than so deep, and sometimes very deep.
func (m *maker) anything(depth int) any {
	switch {
	case m.oneIn(60):
		deep := pick(m, 10, 1000, 20_000)
		return json.RawMessage(strings.Repeat("[", deep) + strings.Repeat("]", deep))
	case depth > 0 && m.oneIn(3):
		list := make([]any, m.IntN(4))
		for i := range list {
			list[i] = m.anything(depth - 1)
		}
		return list
	case depth > 0 && m.oneIn(2):
		object := map[string]any{}
		for range m.IntN(4) {
			object[pick(m, attributes...)] = m.anything(depth - 1)
		}
		return object
	}
	return pick[any](m, nil, true, false, json.RawMessage(m.jsonNumber()), m.text(), m.number())
}

func (m *maker) submission() map[string]any {
	s := map[string]any{}
	if !m.oneIn(4) {
		s["source_code"], s["language_id"] = m.value("source_code"), 71
		s["code"], s["language"] = s["source_code"], "python"
	}
	for range m.IntN(6) {
		name := pick(m, attributes...)
		s[name] = m.value(name)
	}
	return s
}

// body gives a body and its type, which need not be true.
func (m *maker) body(path string) (body []byte, kind string) {
	switch m.IntN(12) {
	case 0:
		body, kind = m.raw, pick(m, "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "")
	case 1:
		values := url.Values{}
		for name, value := range m.submission() {
			values.Set(name, fmt.Sprint(value))
		}
		body, kind = []byte(values.Encode()+pick(m, "", "&%", "&a=%f", ";")), "application/x-www-form-urlencoded"
	case 2:
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		for name, value := range m.submission() {
			_ = w.WriteField(name, fmt.Sprint(value))
		}
		if m.oneIn(2) {
			_ = w.Close()
		}
		body, kind = form.Bytes(), w.FormDataContentType()
	case 3:
		body, kind = mustJSON(m.anything(4)), "application/json"
	case 4:
		body, kind = []byte(pick(m, "", " ", "null", "[]", "{", "}", "\"", "{}{}", "[[", "{\"a\":1,\"a\":2}", "\xef\xbb\xbf{}", "{\"source_code\":\"\\ud800\",\"language_id\":71}", "nul", "1", "{\"submissions\":null}")), "application/json"
	default:
		var value any = m.submission()
		if strings.Contains(path, "batch") != m.oneIn(10) {
			list := make([]any, pick(m, 0, 1, 2, 3, 20, 21))
			for i := range list {
				if list[i] = any(m.submission()); m.oneIn(8) {
					list[i] = m.anything(2)
				}
			}
			value = map[string]any{"submissions": pick[any](m, list, list, list, m.anything(2))}
		}
		body, kind = mustJSON(value), pick(m, "application/json", "application/json", "application/json; charset=utf-8", "application/vnd.api+json", "Application/JSON;charset=x")
	}
	switch {
	case m.oneIn(15) && len(body) > 0:
		body = body[:m.IntN(len(body))]
	case m.oneIn(15) && len(body) > 0:
		body = bytes.Clone(body)
		body[m.IntN(len(body))] = byte(m.IntN(256))
	case m.oneIn(30):
		kind = pick(m, "", "application/json", "multipart/form-data", "multipart/form-data; boundary=", "x", ";;;", "application/x-www-form-urlencoded", m.printable())
	}
	return body, kind
}

func mustJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return []byte("{")
	}
	return text
}

// archive makes a zip, most often one that breaks a rule.
func (m *maker) archive() []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for range m.IntN(6) {
		header := &zip.FileHeader{
			Name:   pick(m, "run", "compile", "run.sh", "a/b/c", "../x", "/etc/passwd", "a/../../b", "script.py", "", ".", "/", "a\\b", "x\x00y", strings.Repeat("d/", 300), m.text()),
			Method: pick(m, zip.Deflate, zip.Store, uint16(99)),
		}
		header.SetMode(pick(m, 0o644, 0o755, 0o755|fs.ModeSetuid, fs.ModeSymlink|0o777, fs.ModeDir|0o755, fs.ModeNamedPipe))
		f, err := w.CreateHeader(header)
		if err != nil {
			continue
		}
		_, _ = f.Write(bytes.Repeat([]byte(pick(m, "\x00", "echo 1\n", "x")), pick(m, 0, 1, 100, 100_000)))
	}
	_ = w.Close()
	archive := out.Bytes()
	for range m.IntN(4) {
		if len(archive) > 0 {
			archive[m.IntN(len(archive))] = byte(m.IntN(256))
		}
	}
	if m.oneIn(5) && len(archive) > 0 {
		archive = archive[:m.IntN(len(archive))]
	}
	return archive
}

// printable is text that a header may hold.
func (m *maker) printable() string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f {
			return '~'
		}
		return c
	}, m.text())
}

func (m *maker) headers(r *http.Request) {
	for range m.IntN(4) {
		name, value := "", m.printable()
		switch m.IntN(12) {
		case 0:
			name, value = "Idempotency-Key", pick(m, value, "k1", "k2", strings.Repeat("k", 300))
		case 1:
			name, value = pick(m, "X-Auth-Token", "X-Auth-User", "X-RapidAPI-Key", "Authorization"), pick(m, value, "Bearer", "Bearer "+value, "Basic eDp5", "Bearer a.b.c", "")
		case 2:
			name, value = "Origin", pick(m, value, "null", "http://evil.example")
		case 3:
			name, value = pick(m, "Access-Control-Request-Method", "Access-Control-Request-Headers"), pick(m, value, "POST")
		case 4:
			name, value = pick(m, "X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"), pick(m, value, "1.2.3.4", "::1", "1.2.3.4, 5.6.7.8,,", "999.1.1.1")
		case 5:
			name, value = pick(m, "Last-Event-ID", "If-None-Match", "If-Modified-Since", "Range"), pick(m, value, "1", "*", "bytes=0-1,5-", "-1")
		case 6:
			name, value = pick(m, "Accept", "Accept-Encoding", "Accept-Language"), pick(m, value, "text/event-stream", "*/*;q=x", "gzip;q=0")
		case 7:
			name, value = pick(m, "X-Request-Id", "Traceparent", "X-HTTP-Method-Override", "X-Sandgate-User"), pick(m, value, "DELETE", "00-0-0-0")
		case 8:
			name, value = pick(m, "Cookie", "Referer", "User-Agent"), "x="+value
		case 9:
			name, value = "tokens", pick(m, value, m.token())
		case 10:
			name = "Content-Encoding"
			value = "gzip"
			if r.Body == nil && m.oneIn(2) {
				var packed bytes.Buffer
				z := gzip.NewWriter(&packed)
				_, _ = z.Write(bytes.Repeat([]byte{0}, 1<<20))
				_ = z.Close()
				r.Body, r.ContentLength = io.NopCloser(&packed), int64(packed.Len())
			}
		default:
			name, value = "Content-Type", pick(m, value, "application/json")
		}
		r.Header.Set(name, value)
	}
}
