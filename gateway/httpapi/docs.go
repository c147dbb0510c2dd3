package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/httpapi/docs"
)

// pagePolicy lets the page of the documents load what is ours, and run no script but its own file.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// documents adds the routes of the OpenAPI document and its page. The document is a part of the
// program: where it can't be read, the program is broken, and its tests say so.
func documents(r *gin.Engine, open gin.HandlerFunc) {
	d, err := docs.Load()
	if err != nil {
		panic(err)
	}
	for path, file := range map[string]struct {
		kind string
		body []byte
	}{
		"/docs":          {"text/html; charset=utf-8", d.Page},
		"/docs/docs.css": {"text/css; charset=utf-8", d.Style},
		"/docs/docs.js":  {"text/javascript; charset=utf-8", d.Script},
		"/openapi.json":  {"application/json; charset=utf-8", d.JSON},
		"/openapi.yaml":  {"application/yaml; charset=utf-8", d.YAML},
	} {
		sum := sha256.Sum256(file.body)
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		r.GET(path, open, func(c *gin.Context) {
			header := c.Writer.Header()
			header.Set("ETag", tag)
			header.Set("Cache-Control", "no-cache")
			header.Set("Content-Security-Policy", pagePolicy)
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("Referrer-Policy", "no-referrer")
			if c.GetHeader("If-None-Match") == tag {
				c.Status(http.StatusNotModified)
				return
			}
			c.Data(http.StatusOK, file.kind, file.body)
		})
	}
}
