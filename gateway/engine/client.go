// Package engine is the gateway's client of a pool of Judge0 servers.
//
// It uses what stock Judge0 1.13.1 has, and sends along what only our engine honours
// (`idempotency_key`), which stock Judge0 ignores. Reads are repeated where they fail; a POST never
// is: whether the pool may have taken it is told by the error, and what follows from that is the
// dispatcher's to decide.
package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/sandgate/sandgate/gateway/requestid"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// maxAnswer bounds an answer of the pool, in bytes.
const maxAnswer = 256 << 20

// Options tell where the pool is.
type Options struct {
	URL     string
	Token   string        // AUTHN_TOKEN of the pool; empty: none is sent
	Header  string        // AUTHN_HEADER; empty: X-Auth-Token
	Timeout time.Duration // of one call; 0: 30 s
	Retries int           // of reads; 0: 2, negative: none
}

// Client calls the pool. Its methods may be called from any goroutine.
type Client struct {
	http      *resty.Client
	transport *http.Transport
}

// New makes a client; it calls nothing yet.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Header == "" {
		o.Header = "X-Auth-Token"
	}
	switch {
	case o.Retries == 0:
		o.Retries = 2
	case o.Retries < 0:
		o.Retries = 0
	}
	transport := &http.Transport{
		Proxy:                 nil, // the pool is on the private network
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       55 * time.Second, // less than the 60 s or more that servers keep theirs
		ResponseHeaderTimeout: o.Timeout,
		DisableCompression:    true,
	}
	client := resty.New().
		SetTransport(transport).
		SetBaseURL(strings.TrimRight(o.URL, "/")).
		SetTimeout(o.Timeout).
		SetResponseBodyLimit(maxAnswer).
		SetDisableWarn(true).
		SetLogger(silent{}).
		SetRedirectPolicy(resty.NoRedirectPolicy()).
		SetRetryCount(o.Retries).
		SetRetryWaitTime(50*time.Millisecond).
		SetRetryMaxWaitTime(500*time.Millisecond).
		SetHeader("User-Agent", "sandgate-gateway")
	client.RetryConditions = []resty.RetryConditionFunc{func(r *resty.Response, err error) bool {
		if r == nil || r.Request.Method != http.MethodGet {
			return false
		}
		return err != nil || r.StatusCode() == http.StatusBadGateway || r.StatusCode() == http.StatusServiceUnavailable || r.StatusCode() == http.StatusGatewayTimeout
	}}
	if o.Token != "" {
		client.SetHeader(o.Header, o.Token)
	}
	client.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
		if id := requestid.Of(r.Context()); id != "" {
			r.SetHeader(requestid.Header, id)
		}
		return nil
	})
	return &Client{http: client, transport: transport}
}

// Close ends the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// silent keeps resty from logging what is returned as an error anyway.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// order is a submission as the pool takes it.
type order struct {
	SourceCode           *string `json:"source_code,omitempty"`
	LanguageID           int     `json:"language_id"`
	CompilerOptions      *string `json:"compiler_options,omitempty"`
	CommandLineArguments *string `json:"command_line_arguments,omitempty"`
	Stdin                *string `json:"stdin,omitempty"`
	ExpectedOutput       *string `json:"expected_output,omitempty"`
	AdditionalFiles      *string `json:"additional_files,omitempty"`
	CPUTimeLimit         float64 `json:"cpu_time_limit"`
	CPUExtraTime         float64 `json:"cpu_extra_time"`
	WallTimeLimit        float64 `json:"wall_time_limit"`
	MemoryLimit          int     `json:"memory_limit"`
	StackLimit           int     `json:"stack_limit"`
	MaxProcesses         int     `json:"max_processes_and_or_threads"`
	MaxFileSize          int     `json:"max_file_size"`
	NumberOfRuns         int     `json:"number_of_runs"`
	PerProcessTime       bool    `json:"enable_per_process_and_thread_time_limit"`
	PerProcessMemory     bool    `json:"enable_per_process_and_thread_memory_limit"`
	RedirectStderr       bool    `json:"redirect_stderr_to_stdout"`
	EnableNetwork        bool    `json:"enable_network"`
	CallbackURL          string  `json:"callback_url,omitempty"`
	IdempotencyKey       string  `json:"idempotency_key"`
}

func encoded(s *string) *string {
	if s == nil {
		return nil
	}
	text := base64.StdEncoding.EncodeToString([]byte(*s))
	return &text
}

func orderOf(h submission.Handover) order {
	return order{
		encoded(h.SourceCode), h.LanguageID, h.CompilerOptions, h.CommandLineArguments,
		encoded(h.Stdin), encoded(h.ExpectedOutput), encoded(h.AdditionalFiles),
		h.CPUTimeLimit, h.CPUExtraTime, h.WallTimeLimit, h.MemoryLimit, h.StackLimit,
		h.MaxProcesses, h.MaxFileSize, h.NumberOfRuns, h.PerProcessTime, h.PerProcessMemory,
		h.RedirectStderr, h.EnableNetwork, h.CallbackURL, h.Token,
	}
}

// Create hands submissions over: one by POST /submissions, several by POST /submissions/batch.
func (c *Client) Create(ctx context.Context, batch []submission.Handover) ([]submission.Receipt, error) {
	path, body := "/submissions", any(nil)
	if len(batch) == 1 {
		body = orderOf(batch[0])
	} else {
		orders := make([]order, len(batch))
		for i, h := range batch {
			orders[i] = orderOf(h)
		}
		path, body = "/submissions/batch", map[string]any{"submissions": orders}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write submissions for the engine: %w", err)
	}
	status, answer, err := c.post(ctx, path, text)
	if err != nil {
		return nil, err
	}
	if len(batch) == 1 {
		answer = append(append([]byte{'['}, answer...), ']')
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(answer, &entries); err != nil || len(entries) != len(batch) {
		if status == http.StatusUnprocessableEntity {
			return nil, fmt.Errorf("%w: status 422: %s", submission.ErrPoolRefused, excerpt(answer))
		}
		return nil, fmt.Errorf("%w: it answered %s", submission.ErrPoolUnsure, excerpt(answer))
	}
	receipts := make([]submission.Receipt, len(batch))
	for i, entry := range entries {
		receipts[i] = receipt(entry)
	}
	return receipts, nil
}

// receipt reads {"token": …} or {attribute: [messages]}.
func receipt(entry json.RawMessage) submission.Receipt {
	var taken struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(entry, &taken); err == nil && taken.Token != "" {
		return submission.Receipt{EngineToken: taken.Token}
	}
	return submission.Receipt{Refused: "the engine refused the submission: " + excerpt(entry)}
}

func excerpt(text []byte) string {
	const most = 300
	if len(text) > most {
		text = append(text[:most:most], "…"...)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// statusClientLeft is said to a client that seems to have hung up, by our engine as by nginx: of a connection that
// was closed on one side only, somewhere on the way, the answer still arrives.
const statusClientLeft = 499

// post sends a POST once, and classifies its failure.
func (c *Client) post(ctx context.Context, path string, body []byte) (int, []byte, error) {
	var begun atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { begun.Store(true) }})
	response, err := c.http.R().SetContext(traced).SetQueryParam("base64_encoded", "true").
		SetHeader("Content-Type", "application/json").SetBody(body).Post(path)
	if err != nil {
		kind := submission.ErrPoolDown
		if begun.Load() {
			kind = submission.ErrPoolUnsure
		}
		return 0, nil, fmt.Errorf("%w: %w", kind, bare(err))
	}
	status, answer := response.StatusCode(), response.Body()
	switch {
	case status == http.StatusCreated || status == http.StatusOK || status == http.StatusUnprocessableEntity:
		return status, answer, nil
	case status == http.StatusServiceUnavailable && strings.Contains(string(answer), "queue is full"), status == http.StatusTooManyRequests:
		return status, nil, submission.ErrPoolFull
	case status == http.StatusServiceUnavailable, status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, status >= 300 && status < 400:
		// Wrong settings of ours look like this too: submissions wait until someone sets it right.
		return status, nil, fmt.Errorf("%w: status %d: %s", submission.ErrPoolDown, status, excerpt(answer))
	case status >= 500 || status < 300 || status == http.StatusRequestTimeout || status == statusClientLeft:
		return status, nil, fmt.Errorf("%w: status %d: %s", submission.ErrPoolUnsure, status, excerpt(answer))
	}
	return status, nil, fmt.Errorf("%w: status %d: %s", submission.ErrPoolRefused, status, excerpt(answer))
}

// bare strips the method and URL off an error of net/http: a callback address must not get into logs.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// Results asks how submissions went, with all fields. It asks after one without a batch: a pool may
// have batches switched off.
func (c *Client) Results(ctx context.Context, engineTokens []string) ([]*api.Answer, error) {
	if len(engineTokens) == 1 {
		result, err := c.result(ctx, engineTokens[0])
		return []*api.Answer{result}, err
	}
	var answer struct {
		Submissions []json.RawMessage `json:"submissions"`
	}
	query := map[string]string{"tokens": strings.Join(engineTokens, ","), "base64_encoded": "true", "fields": "*"}
	if err := c.getJSON(ctx, "/submissions/batch", query, &answer); err != nil {
		return nil, err
	}
	if len(answer.Submissions) != len(engineTokens) {
		return nil, fmt.Errorf("%w: asked for %d submissions, it gave %d", submission.ErrPoolDown, len(engineTokens), len(answer.Submissions))
	}
	results := make([]*api.Answer, len(engineTokens))
	for i, text := range answer.Submissions {
		if string(text) == "null" {
			continue
		}
		result, err := api.ParseAnswer(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", submission.ErrPoolDown, err)
		}
		results[i] = &result
	}
	return results, nil
}

// result gives nil for a token that the pool does not know.
func (c *Client) result(ctx context.Context, engineToken string) (*api.Answer, error) {
	const path = "/submissions/{token}"
	response, err := c.http.R().SetContext(ctx).SetPathParam("token", engineToken).
		SetQueryParams(map[string]string{"base64_encoded": "true", "fields": "*"}).Get(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: GET %s: %w", submission.ErrPoolDown, path, bare(err))
	case response.StatusCode() == http.StatusNotFound:
		return nil, nil
	case response.StatusCode() != http.StatusOK:
		return nil, fmt.Errorf("%w: GET %s: status %d", submission.ErrPoolDown, path, response.StatusCode())
	}
	answer, err := api.ParseAnswer(response.Body())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", submission.ErrPoolDown, err)
	}
	return &answer, nil
}

func (c *Client) getJSON(ctx context.Context, path string, query map[string]string, to any) error {
	response, err := c.http.R().SetContext(ctx).SetQueryParams(query).Get(path)
	if err != nil {
		return fmt.Errorf("%w: GET %s: %w", submission.ErrPoolDown, path, bare(err))
	}
	if response.StatusCode() != http.StatusOK {
		return fmt.Errorf("%w: GET %s: status %d", submission.ErrPoolDown, path, response.StatusCode())
	}
	if err := json.Unmarshal(response.Body(), to); err != nil {
		return fmt.Errorf("%w: GET %s: %w", submission.ErrPoolDown, path, err)
	}
	return nil
}

// Page is an answer of the pool that is passed on as it is.
type Page struct {
	Status      int
	ContentType string
	Body        []byte
}

// Page asks the pool for one of its read-only pages.
func (c *Client) Page(ctx context.Context, path, query string) (Page, error) {
	response, err := c.http.R().SetContext(ctx).SetQueryString(query).Get(path)
	if err != nil {
		return Page{}, fmt.Errorf("%w: GET %s: %w", submission.ErrPoolDown, path, bare(err))
	}
	return Page{response.StatusCode(), response.Header().Get("Content-Type"), response.Body()}, nil
}

// Languages lists the pool's languages. Commands and source files are not part of the list: see
// Language.
func (c *Client) Languages(ctx context.Context) ([]api.Language, error) {
	var languages []api.Language
	err := c.getJSON(ctx, "/languages/all", nil, &languages)
	return languages, err
}

// Language gives one language with its commands.
func (c *Client) Language(ctx context.Context, id int) (api.Language, error) {
	var language api.Language
	err := c.getJSON(ctx, "/languages/"+strconv.Itoa(id), nil, &language)
	return language, err
}

// ConfigInfo gives the pool's settings; what it does not tell is as Judge0 has it by default.
func (c *Client) ConfigInfo(ctx context.Context) (api.Config, error) {
	config := api.DefaultConfig()
	err := c.getJSON(ctx, "/config_info", nil, &config)
	return config, err
}

// Workers gives the number of workers that the pool has, and whether it has nothing to do.
func (c *Client) Workers(ctx context.Context) (available int, idle bool, err error) {
	var queues []struct {
		Size      int `json:"size"`
		Available int `json:"available"`
		Idle      int `json:"idle"`
	}
	if err := c.getJSON(ctx, "/workers", nil, &queues); err != nil {
		return 0, false, err
	}
	idle = true
	for _, queue := range queues {
		available += queue.Available
		idle = idle && queue.Size == 0 && queue.Idle == queue.Available
	}
	return available, idle && available > 0, nil
}

// Ready asks the pool whether it can run programs, and gives its reason why not. Of several servers one that
// can is enough: who says no is asked again, as other reads are, and a load balancer asks the next.
// Stock Judge0 has no such page, which says nothing against it.
func (c *Client) Ready(ctx context.Context) error {
	response, err := c.http.R().SetContext(ctx).Get("/readyz")
	if err != nil {
		return fmt.Errorf("%w: GET /readyz: %w", submission.ErrPoolDown, bare(err))
	}
	if response.StatusCode() == http.StatusServiceUnavailable {
		return fmt.Errorf("%w: %s", submission.ErrPoolNotReady, excerpt(response.Body()))
	}
	return nil
}

var _ submission.Engine = (*Client)(nil)
