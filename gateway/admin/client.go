package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// client calls the API.
type client struct {
	web *http.Client
	url string
	key string
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// fault is an answer other than success.
type fault struct {
	status int
	text   string
}

func (f *fault) Error() string { return f.text }

// call sends body as JSON, if it is not nil, and reads the answer into into, likewise.
func (c client) call(ctx context.Context, method, path string, body, into any) error {
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+"/api/v1"+path, text)
	if err != nil {
		return err
	}
	request.Header.Set("X-Auth-Token", c.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.web.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return refusal(response, answer)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s gave no answer of a gateway: %w", c.url, err)
	}
	return nil
}

// refusal puts an answer that is none into words.
func refusal(response *http.Response, answer []byte) error {
	var problem struct {
		Title, Detail string
		Errors        map[string][]string
	}
	_ = json.Unmarshal(answer, &problem)
	var texts []string
	for _, field := range slices.Sorted(maps.Keys(problem.Errors)) {
		texts = append(texts, field+" "+strings.Join(problem.Errors[field], ", "))
	}
	text := strings.Join(texts, "; ")
	for _, other := range []string{problem.Detail, problem.Title, response.Status} {
		if text == "" {
			text = other
		}
	}
	return &fault{response.StatusCode, text}
}

// inProcess carries requests to a handler of this process.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a := &answer{header: http.Header{}, status: http.StatusOK}
	p.handler.ServeHTTP(a, r)
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), Request: r,
	}, nil
}

type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header            { return a.header }
func (a *answer) WriteHeader(status int)         { a.status = status }
func (a *answer) Write(text []byte) (int, error) { return a.body.Write(text) }
