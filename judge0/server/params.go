package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/judge0/api"
)

// badRequest is a fault of the request that has a status of its own.
type badRequest struct {
	status  int
	message string
}

func (b badRequest) Error() string { return b.message }

// tooManyValues is the answer to a small body that would be large in memory.
var tooManyValues = badRequest{http.StatusRequestEntityTooLarge, fmt.Sprintf("request body is too large (maximum is %d values)", api.MaxValues)}

// params reads the attributes of a request: those of the query over those of the body, as Rails
// merges them. On a fault it answers, and gives false.
func (s *Server) params(c *gin.Context) (api.Params, bool) {
	params, err := s.readParams(c)
	if err == nil {
		return params, true
	}
	var bad badRequest
	switch {
	case !errors.As(err, &bad):
		s.fail(c, err)
	case bad.message == "":
		c.AbortWithStatus(bad.status)
	default:
		s.refuse(c, bad.status, bad.message)
	}
	return nil, false
}

func (s *Server) readParams(c *gin.Context) (api.Params, error) {
	query := api.ParamsFromQuery(c.Request.URL.Query())
	body, err := s.readBody(c)
	if err != nil {
		return nil, err
	}
	kind, attributes, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return query, nil
	}
	params := api.Params{}
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if api.TooManyValues(body) {
			return nil, tooManyValues
		}
		given, err := api.ParamsFromJSON(body)
		if err != nil {
			return nil, badRequest{status: http.StatusBadRequest}
		}
		params.Merge(given) // which is nil for what is no object
	case kind == "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, badRequest{status: http.StatusBadRequest}
		}
		params = api.ParamsFromQuery(values)
	case kind == "multipart/form-data":
		params, err = paramsFromMultipart(body, attributes["boundary"])
		switch {
		case errors.Is(err, tooManyValues):
			return nil, tooManyValues
		case err != nil:
			return nil, badRequest{status: http.StatusBadRequest}
		}
	}
	params.Merge(query)
	return params, nil
}

// readBody reads all of the body within its bounds of size and time.
func (s *Server) readBody(c *gin.Context) ([]byte, error) {
	if c.Request.Body == nil || c.Request.ContentLength == 0 {
		return nil, nil
	}
	tooLarge := badRequest{http.StatusRequestEntityTooLarge, fmt.Sprintf("request body is too large (maximum is %d bytes)", s.o.MaxBody)}
	if c.Request.ContentLength > s.o.MaxBody {
		return nil, tooLarge
	}
	var body bytes.Buffer
	// A length that is only claimed gets no memory in advance.
	if n := c.Request.ContentLength; n > 0 {
		body.Grow(int(min(n, 64<<10)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(c.Writer, c.Request.Body, s.o.MaxBody))
	var size *http.MaxBytesError
	switch {
	case errors.As(err, &size):
		return nil, tooLarge
	case err != nil:
		return nil, badRequest{http.StatusBadRequest, "the request body could not be read"}
	}
	return body.Bytes(), nil
}

// paramsFromMultipart reads fields and files alike: what counts is the name.
func paramsFromMultipart(body []byte, boundary string) (api.Params, error) {
	if boundary == "" {
		return nil, errors.New("the boundary is missing")
	}
	params := api.Params{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		if n > api.MaxValues {
			return nil, tooManyValues
		}
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return params, nil
		}
		if err != nil {
			return nil, err
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		if name := part.FormName(); name != "" {
			if _, there := params[name]; !there {
				params[name] = string(value)
			}
		}
	}
}

// text gives a parameter that is a string.
func text(params api.Params, name string) string {
	value, _ := params[name].(string)
	return value
}

// maxIdempotencyKey bounds an idempotency key, in characters.
const maxIdempotencyKey = 200

// idempotencyKey takes the key of a submission from the header or the attribute, in this order.
func idempotencyKey(header string, params api.Params) (string, error) {
	key := header
	if key == "" {
		switch v := params["idempotency_key"].(type) {
		case string:
			key = v
		case json.Number:
			key = v.String()
		}
	}
	if len([]rune(key)) > maxIdempotencyKey {
		return "", fmt.Errorf("is too long (maximum is %d characters)", maxIdempotencyKey)
	}
	return key, nil
}
