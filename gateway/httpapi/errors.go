package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// kinds maps the codes of the domain to HTTP, in one place.
var kinds = map[submission.Code]struct {
	status int
	name   string
}{
	submission.Internal:        {http.StatusInternalServerError, "internal"},
	submission.Malformed:       {http.StatusBadRequest, "malformed"},
	submission.Invalid:         {http.StatusUnprocessableEntity, "invalid"},
	submission.Unauthenticated: {http.StatusUnauthorized, "unauthenticated"},
	submission.Forbidden:       {http.StatusForbidden, "forbidden"},
	submission.NotFound:        {http.StatusNotFound, "not-found"},
	submission.Conflict:        {http.StatusConflict, "conflict"},
	submission.TooLarge:        {http.StatusRequestEntityTooLarge, "too-large"},
	submission.TooMany:         {http.StatusTooManyRequests, "too-many-requests"},
	submission.QuotaReached:    {http.StatusTooManyRequests, "quota-reached"},
	submission.QueueFull:       {http.StatusServiceUnavailable, "queue-full"},
	submission.Unavailable:     {http.StatusServiceUnavailable, "unavailable"},
}

// answerErrors answers with the last error of a handler: in Judge0's form on Judge0's routes, as
// problem details (RFC 9457) on ours.
func answerErrors(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		last := c.Errors.Last()
		if last == nil {
			return
		}
		fault := faultOf(last.Err)
		status := kinds[fault.Code].status
		if status >= http.StatusInternalServerError && fault.Code != submission.QueueFull && c.Request.Context().Err() == nil {
			level := slog.LevelError
			if fault.Code == submission.Unavailable {
				level = slog.LevelWarn
			}
			log.Log(c, level, "a request failed", "route", c.FullPath(), "token", token(c), "request", c.GetString(requestIDHeader), "error", last.Err)
		}
		if c.Writer.Written() {
			return
		}
		if fault.RetryAfter > 0 {
			c.Header("Retry-After", strconv.Itoa(int(math.Ceil(fault.RetryAfter.Seconds()))))
		}
		if strings.HasPrefix(c.Request.URL.Path, "/api/") {
			problem(c, fault)
			return
		}
		inJudge0Form(c, status, fault)
	}
}

func faultOf(err error) *submission.Error {
	var fault *submission.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &fault):
		return fault
	case errors.As(err, &tooLarge):
		return errTooLarge(tooLarge.Limit).(*submission.Error)
	case errors.Is(err, submission.ErrPoolDown):
		return &submission.Error{Code: submission.Unavailable, Message: "the engine can't be reached", RetryAfter: 5e9, Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &submission.Error{Code: submission.Unavailable, Message: "the request was given up", Err: err}
	}
	return &submission.Error{Code: submission.Internal, Message: "something went wrong here", Err: err}
}

// inJudge0Form: attributes with their messages, {"error": …}, or nothing where Judge0 says nothing.
func inJudge0Form(c *gin.Context, status int, fault *submission.Error) {
	switch {
	case fault.Fields != nil:
		c.JSON(status, fault.Fields)
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, fault == errUnreadable:
		c.Status(status)
		c.Writer.WriteHeaderNow()
	default:
		c.JSON(status, gin.H{"error": fault.Message})
	}
}

type problemDetails struct {
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Status int        `json:"status"`
	Detail string     `json:"detail,omitempty"`
	Errors api.Errors `json:"errors,omitempty"`
}

func problem(c *gin.Context, fault *submission.Error) {
	kind := kinds[fault.Code]
	c.Header("Content-Type", "application/problem+json")
	c.JSON(kind.status, problemDetails{"urn:sandgate:problem:" + kind.name, http.StatusText(kind.status), kind.status, fault.Message, fault.Fields})
}
