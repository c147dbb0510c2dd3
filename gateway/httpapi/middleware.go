package httpapi

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/sandgate/sandgate/gateway/requestid"
	"github.com/sandgate/sandgate/gateway/submission"
)

const requestIDHeader = requestid.Header

// observe counts and logs requests, names them, and turns a panic into an error. The log has the
// route and the submission's token, never a query, which may hold a key.
func observe(metrics Recorder, log *slog.Logger, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		begun := now()
		id := c.GetHeader(requestIDHeader)
		if !plainID(id) {
			id = rand.Text()[:16]
		}
		c.Header(requestIDHeader, id)
		c.Set(requestIDHeader, id)
		c.Request = c.Request.WithContext(requestid.With(c.Request.Context(), id))
		metrics.Begin()
		defer func() {
			if fault := recover(); fault != nil {
				log.Error("a handler panicked", "request", id, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
				if !c.Writer.Written() {
					c.AbortWithStatus(http.StatusInternalServerError)
				}
			}
			route := c.FullPath()
			if route == "" {
				route = "none"
			}
			took := now().Sub(begun)
			metrics.End(method(c.Request.Method), route, c.Writer.Status(), took)
			if log.Enabled(c, slog.LevelInfo) {
				log.LogAttrs(c, slog.LevelInfo, "request", slog.String("method", c.Request.Method), slog.String("route", route),
					slog.String("token", token(c)), slog.Int("status", c.Writer.Status()), slog.Duration("took", took), slog.String("request", id))
			}
		}()
		c.Next()
	}
}

// method keeps what a client makes up from becoming a label.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodOptions, http.MethodPatch:
		return name
	}
	return "other"
}

// token is the submission's token in the path, as logs show it: nothing that a client made up.
func token(c *gin.Context) string {
	if token := c.Param("token"); plainID(token) {
		return token
	}
	return ""
}

func plainID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// allowOrigins lets pages of any origin call, as Judge0 does. Keys travel in headers, never in
// cookies, so that a page has no rights but those of a key that it holds.
func allowOrigins(c *gin.Context) {
	if c.GetHeader("Origin") == "" {
		return
	}
	c.Header("Access-Control-Allow-Origin", "*")
	c.Header("Access-Control-Expose-Headers", requestIDHeader+", Retry-After, Location, "+replayedHeader+", "+limitHeaders)
	if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
		c.Header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
		c.Header("Access-Control-Allow-Headers", "Content-Type, Authorization, X-Auth-Token, X-Auth-User, X-RapidAPI-Key, X-RapidAPI-Host, X-Request-Id, Last-Event-ID, Idempotency-Key")
		c.Header("Access-Control-Max-Age", "86400")
		c.AbortWithStatus(http.StatusNoContent)
	}
}

// The bounds of what the bodies of all requests take in memory while these last: however many clients send, and
// however slowly. The beginning of each is free, so that small requests are taken in beside any number of large ones.
const (
	bodyFree  = 64 << 10
	bodiesAll = 192 << 20
)

var errBodiesFull = &submission.Error{Code: submission.Unavailable, Message: "too many large requests are being read", RetryAfter: time.Second}

// metered is a body that takes of what is left for all.
type metered struct {
	io.ReadCloser
	all  *semaphore.Weighted
	free int64 // what may be read before any is taken
	took int64
}

func (m *metered) Read(into []byte) (int, error) {
	n, err := m.ReadCloser.Read(into)
	more := int64(n) - m.free
	m.free = max(0, -more)
	if more > 0 {
		if !m.all.TryAcquire(more) {
			return 0, errBodiesFull
		}
		m.took += more
	}
	return n, err
}

// bound keeps bodies within most bytes, and all together within theirs. Callbacks have a bound of their own.
func bound(most int64, all *semaphore.Weighted) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Param("mac") != "" {
			return
		}
		if c.Request.ContentLength > most {
			_ = c.Error(errTooLarge(most))
			c.Abort()
			return
		}
		body := &metered{ReadCloser: http.MaxBytesReader(c.Writer, c.Request.Body, most), all: all, free: bodyFree}
		c.Request.Body = body
		defer func() { all.Release(body.took) }()
		c.Next()
	}
}

func errTooLarge(most int64) error {
	return submission.Errorf(submission.TooLarge, "the body is larger than %d bytes", most)
}

// unhurried lifts the server's deadlines for a request whose answer may take long. A read deadline
// that passes while a handler waits would end the request.
func unhurried(c *gin.Context) {
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
}

// hurried puts a deadline on writing the answer of an unhurried request.
func hurried(c *gin.Context) {
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(time.Minute))
}
