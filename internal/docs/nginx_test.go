package docs

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sandgate/sandgate/internal/testservers"
)

// A gateway takes 16 MiB and sends the engine a program of them in Base64, a third more: the balancer in between lets
// that through, and no more than the engine's servers take.
func TestLargeProgramsThroughTheEnginesBalancer(t *testing.T) {
	t.Parallel()
	engine := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(engine.Close)
	balancer := testservers.For(t, func() (*testservers.Nginx, error) {
		return testservers.StartNginx("judge0-lb", testservers.NginxSettings{}, strings.TrimPrefix(engine.URL, "http://"))
	})
	for size, want := range map[int]int{16<<20/3*4 + 1<<20: http.StatusOK, 33 << 20: http.StatusRequestEntityTooLarge} {
		response, err := http.Post(balancer.URL+"/submissions", "application/json", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%d bytes: %d", size, response.StatusCode)
		}
	}
}
