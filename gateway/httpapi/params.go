package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// errUnreadable is given for a body that is no JSON; Judge0 answers it with an empty 400.
var errUnreadable = submission.Errorf(submission.Malformed, "the body is no JSON")

const multipartMemory = 1 << 20

// readParams reads a request's attributes: from the body, JSON or a form by its content type, and
// over them those of the query. A body of another type counts as empty, as with Judge0.
func readParams(c *gin.Context) (api.Params, error) {
	params := api.Params{}
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		body, err := readBody(c)
		if err != nil {
			return nil, err
		}
		if params, err = api.ParamsFromJSON(body); err != nil {
			return nil, errUnreadable
		}
		if params == nil {
			params = api.Params{}
		}
	case kind == "application/x-www-form-urlencoded":
		if err := c.Request.ParseForm(); err != nil {
			return nil, unreadableForm(err)
		}
		params.Merge(api.ParamsFromQuery(c.Request.PostForm))
	case kind == "multipart/form-data":
		if err := c.Request.ParseMultipartForm(multipartMemory); err != nil {
			return nil, unreadableForm(err)
		}
		defer func() { _ = c.Request.MultipartForm.RemoveAll() }()
		params.Merge(api.ParamsFromQuery(c.Request.MultipartForm.Value))
	}
	if c.Request.URL.RawQuery != "" {
		params.Merge(api.ParamsFromQuery(c.Request.URL.Query()))
	}
	return params, nil
}

// refusedBody tells whether a body was not read to its end because of its size, or that of all.
func refusedBody(err error) bool {
	return faultOf(err).Code == submission.TooLarge || errors.Is(err, errBodiesFull)
}

func unreadableForm(err error) error {
	if refusedBody(err) {
		return err
	}
	return &submission.Error{Code: submission.Malformed, Message: "the form can't be read", Err: err}
}

// readBody reads a body of JSON.
func readBody(c *gin.Context) (body []byte, err error) {
	if length := c.Request.ContentLength; length > 0 && length <= 64<<10 {
		body = make([]byte, length)
		_, err = io.ReadFull(c.Request.Body, body)
	} else {
		body, err = io.ReadAll(c.Request.Body)
	}
	if err == nil && api.TooManyValues(body) {
		err = submission.Errorf(submission.TooLarge, "the body has more than %d values", api.MaxValues)
	}
	return body, unfinished(err)
}

func unfinished(err error) error {
	if err == nil || refusedBody(err) {
		return err
	}
	return &submission.Error{Code: submission.Malformed, Message: "the body broke off", Err: err}
}

// text gives a parameter as a string; "" where it is none.
func text(params api.Params, name string) string {
	switch v := params[name].(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// isTrue: Judge0's switches are on for the word true only.
func isTrue(params api.Params, name string) bool { return text(params, name) == "true" }

// A client that does not know whether a request has arrived may send it again under the same key. An
// answer that was given before says so.
const (
	idempotencyKey = "Idempotency-Key"
	replayedHeader = "Idempotent-Replayed"
)

// replayed tells the client if a submission is that of an earlier request.
func replayed(c *gin.Context, sub *submission.Submission) bool {
	if sub.Repeated {
		c.Header(replayedHeader, "true")
	}
	return sub.Repeated
}

// shape is how a client wants submissions shown.
type shape struct {
	fields api.Fields
	base64 bool
}

func shapeOf(params api.Params) (shape, error) {
	fields, err := api.ParseFields(text(params, "fields"))
	if err != nil {
		return shape{}, submission.Errorf(submission.Malformed, "%s", err.Error())
	}
	return shape{fields, isTrue(params, "base64_encoded")}, nil
}

func queryShape(c *gin.Context) (shape, error) {
	return shapeOf(api.Params{"fields": c.Query("fields"), "base64_encoded": c.Query("base64_encoded")})
}

func rawJSON(c *gin.Context, status int, body []byte) {
	c.Data(status, "application/json; charset=utf-8", body)
}
