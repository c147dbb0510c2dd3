// Package conformance replays exchanges that were recorded from a Judge0 CE 1.13.1 against a server,
// and tells where its answers differ. It is for tests.
//
// Status codes, error texts, keys and results are compared to the letter; tokens, times, memory,
// hosts, compiler texts and the versions of languages by kind. A recording may leave fields free, ask
// for its keys only, or list other right answers.
package conformance

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
)

//go:embed testdata/exchanges.json
var recorded []byte

type exchange struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
		Raw          *string
	}
	Response answer
	Also     []answer
	Free     []string
	Compare  string
	Keep     string
}

type answer struct {
	Status int
	JSON   any
	Text   *string
}

// Difference is an exchange that a server answers otherwise than Judge0.
type Difference struct {
	Name    string
	Details []string
}

func (d Difference) String() string { return d.Name + ": " + strings.Join(d.Details, "; ") }

// Replay sends all exchanges in order to the server at base, each with the headers given, and gives
// their number and the differences.
func Replay(base string, headers map[string]string) (int, []Difference, error) {
	var exchanges []exchange
	if err := json.Unmarshal(recorded, &exchanges); err != nil {
		return 0, nil, err
	}
	client := &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	tokens := map[string]string{}
	var differences []Difference
	for _, x := range exchanges {
		got, err := send(client, base, x, headers, tokens)
		if err != nil {
			return len(exchanges), differences, fmt.Errorf("%s: %w", x.Name, err)
		}
		if object, ok := got.JSON.(map[string]any); ok {
			if token, ok := object["token"].(string); ok {
				tokens[x.Name] = token
				if x.Keep != "" {
					tokens[x.Keep] = token
				}
			}
		}
		if details := judge(x, got); len(details) > 0 {
			differences = append(differences, Difference{x.Name, details})
		}
	}
	return len(exchanges), differences, nil
}

var tokenOf = regexp.MustCompile(`\{token:([^}]*)\}`)

func send(client *http.Client, base string, x exchange, headers, tokens map[string]string) (answer, error) {
	path := tokenOf.ReplaceAllStringFunc(x.Request.Path, func(s string) string {
		if token, ok := tokens[tokenOf.FindStringSubmatch(s)[1]]; ok {
			return token
		}
		return "missing"
	})
	var body io.Reader
	switch {
	case x.Request.Raw != nil:
		body = strings.NewReader(*x.Request.Raw)
	case x.Request.Body != nil:
		body = bytes.NewReader(x.Request.Body)
	}
	request, err := http.NewRequest(x.Request.Method, base+path, body)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, set := range []map[string]string{headers, x.Request.Headers} {
		for name, value := range set {
			request.Header.Set(name, value)
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return answer{}, err
	}
	got := answer{Status: response.StatusCode}
	if json.Unmarshal(text, &got.JSON) != nil {
		plain := string(text)
		got.JSON, got.Text = nil, &plain
	}
	return got, nil
}

// judge gives the differences from the nearest right answer.
func judge(x exchange, got answer) []string {
	var nearest []string
	for i, want := range append([]answer{x.Response}, x.Also...) {
		var details []string
		if want.Status != got.Status {
			details = append(details, fmt.Sprintf("status %d, got %d", want.Status, got.Status))
		}
		switch {
		case want.JSON != nil:
			a, b := want.JSON, got.JSON
			if x.Compare == "keys" {
				a, b = keysOf(a), keysOf(b)
			}
			details = append(details, compare(normal(a, ""), normal(b, ""), x.Free, "")...)
		case want.Text != nil && *want.Text != "":
			if got.Text == nil || strings.TrimSpace(*want.Text) != strings.TrimSpace(*got.Text) {
				details = append(details, fmt.Sprintf("text %q, got %v", *want.Text, got.JSON))
			}
		}
		if i == 0 || len(details) < len(nearest) {
			nearest = details
		}
	}
	return nearest
}

// more are fields that an answer may have beyond the recorded ones.
var more = []string{"queued_at", "started_at", "updated_at", "queue_host", "execution_host", "diagnostics"}

var (
	number  = regexp.MustCompile(`^\d+(\.\d+)?$`)
	stamp   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|\+00:00)$`)
	uuid    = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	version = regexp.MustCompile(` \(.*\)$`)
)

// normal puts words in the place of values that differ from run to run.
func normal(v any, key string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, value := range v {
			out[k] = normal(value, k)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = normal(value, key)
		}
		return out
	case float64:
		if key == "memory" {
			return "<kilobytes>"
		}
	case string:
		switch {
		case (key == "time" || key == "wall_time") && number.MatchString(v):
			return "<seconds>"
		case (key == "compile_output" || key == "stderr") && v != "":
			return "<text>"
		case key == "queue_host" || key == "execution_host":
			return "<host>"
		case key == "name":
			return version.ReplaceAllString(v, " (<version>)")
		case stamp.MatchString(v):
			return "<time>"
		}
		return uuid.ReplaceAllString(v, "<token>")
	}
	return v
}

func keysOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = nil
		}
		return out
	case []any:
		if len(v) > 0 {
			return []any{keysOf(v[0])}
		}
	}
	return fmt.Sprintf("%T", v)
}

func compare(want, got any, free []string, path string) []string {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			return compareObjects(want, got, free, path)
		}
	case []any:
		got, ok := got.([]any)
		if !ok {
			break
		}
		if len(want) != len(got) {
			return []string{fmt.Sprintf("%s: %d items, got %d", path, len(want), len(got))}
		}
		var details []string
		for i := range want {
			details = append(details, compare(want[i], got[i], free, fmt.Sprintf("%s[%d]", path, i))...)
		}
		return details
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %.80v, got %.80v", path, want, got)}
}

func compareObjects(want, got map[string]any, free []string, path string) []string {
	var details []string
	for key, value := range want {
		switch other, ok := got[key]; {
		case slices.Contains(free, key):
		case !ok:
			details = append(details, path+"."+key+" is missing")
		default:
			details = append(details, compare(value, other, free, path+"."+key)...)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok && !slices.Contains(more, key) {
			details = append(details, path+"."+key+" is not Judge0's")
		}
	}
	sort.Strings(details)
	return details
}
