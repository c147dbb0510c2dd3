package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/engine"
	"github.com/sandgate/sandgate/gateway/submission"
)

// keepPage is how long a page of the pool is answered from memory: open routes must not become a
// way to load the pool.
const keepPage = 2 * time.Second

// While the pool is slow, so many clients wait for its pages, for so long; more are refused.
const (
	pagesAtOnce = 16
	pageTime    = 10 * time.Second
)

// pages passes the pool's read-only pages on.
type pages struct {
	pool Pool
	now  func() time.Time
	busy chan struct{} // of length pagesAtOnce

	mu   sync.Mutex
	kept map[string]keptPage
}

var errNoPage = &submission.Error{Code: submission.Unavailable, Message: "the engine does not answer this now", RetryAfter: 5 * time.Second}

type keptPage struct {
	page engine.Page
	at   time.Time
}

func (p *pages) open(path string) gin.HandlerFunc {
	return func(c *gin.Context) { p.answer(c, path, "") }
}

func (p *pages) statistics(c *gin.Context) {
	query := ""
	if c.Query("invalidate_cache") == "true" {
		query = "invalidate_cache=true"
	}
	p.answer(c, "/statistics", query)
}

// language comes after judge0.language, which has checked the id.
func (p *pages) language(c *gin.Context) {
	id, _ := strconv.Atoi(c.Param("id"))
	p.answer(c, "/languages/"+strconv.Itoa(id), "")
}

func (p *pages) answer(c *gin.Context, path, query string) {
	page, err := p.page(c.Request.Context(), path, query)
	if err != nil {
		_ = c.Error(err)
		return
	}
	c.Data(page.Status, page.ContentType, page.Body)
}

func (p *pages) page(ctx context.Context, path, query string) (engine.Page, error) {
	now := p.now()
	p.mu.Lock()
	kept, ok := p.kept[path]
	p.mu.Unlock()
	if ok && query == "" && now.Sub(kept.at) < keepPage {
		return kept.page, nil
	}
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	default:
		return engine.Page{}, errNoPage
	}
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	page, err := p.pool.Page(ctx, path, query)
	if err != nil {
		return page, err
	}
	if page.Status != http.StatusOK && page.Status != http.StatusNotFound {
		// What the engine has against the gateway is not the client's affair.
		return page, errNoPage
	}
	if page.ContentType == "" || strings.HasPrefix(page.ContentType, "text/html") {
		page.ContentType = "text/plain; charset=utf-8"
	}
	p.mu.Lock()
	p.kept[path] = keptPage{page, now}
	p.mu.Unlock()
	return page, nil
}
