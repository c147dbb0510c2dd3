package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"
)

// TestBodiesTogether: requests that are large, and come slowly, take no more memory than there is for all of them,
// and leave small ones alone.
func TestBodiesTogether(t *testing.T) {
	all := semaphore.NewWeighted(100_000)
	r := gin.New()
	r.Use(answerErrors(slog.New(slog.DiscardHandler)), bound(1<<20, all))
	begun := make(chan struct{}, 1)
	r.POST("/", func(c *gin.Context) {
		if c.Query("slow") != "" {
			_, _ = io.ReadFull(c.Request.Body, make([]byte, bodyFree+90_000))
			begun <- struct{}{}
		}
		if _, err := readBody(c); err != nil {
			_ = c.Error(err)
			return
		}
		c.Status(http.StatusNoContent)
	})
	post := func(size int) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat(" ", size))))
		return answer
	}
	if a := post(bodyFree + 100_000); a.Code != http.StatusNoContent {
		t.Errorf("alone: %d %s", a.Code, a.Body)
	}
	slow, rest := io.Pipe()
	ended := make(chan int)
	go func() {
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, httptest.NewRequest("POST", "/?slow=1", slow))
		ended <- answer.Code
	}()
	_, _ = io.WriteString(rest, strings.Repeat(" ", bodyFree+90_000))
	<-begun
	if a := post(bodyFree + 10_001); a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" {
		t.Errorf("beside a slow one: %d %s", a.Code, a.Body)
	}
	for _, size := range []int{10, bodyFree, bodyFree + 10_000} {
		if a := post(size); a.Code != http.StatusNoContent {
			t.Errorf("%d bytes beside a slow one: %d %s", size, a.Code, a.Body)
		}
	}
	_ = rest.Close()
	if code := <-ended; code != http.StatusNoContent {
		t.Errorf("the slow one: %d", code)
	}
	if a := post(bodyFree + 100_000); a.Code != http.StatusNoContent {
		t.Errorf("after all: %d %s", a.Code, a.Body)
	}
	if a := post(1<<20 + 1); a.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", a.Code)
	}
}
