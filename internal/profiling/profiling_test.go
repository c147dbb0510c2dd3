package profiling

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"testing"
)

func TestServe(t *testing.T) {
	var log bytes.Buffer
	stop, err := Serve("127.0.0.1:0", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://\S+/`).FindString(log.String())
	for _, path := range []string{"", "goroutine?debug=1", "block", "mutex", "allocs?seconds=1", "profile?seconds=1"} {
		answer, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != 200 || len(body) == 0 {
			t.Errorf("%s: %d, %d bytes, %v", path, answer.StatusCode, len(body), err)
		}
		_ = answer.Body.Close()
	}
	for _, path := range []string{"../../metrics", "cmdline/x", "nothing"} {
		if answer, err := http.Get(url + path); err != nil || answer.StatusCode != 404 {
			t.Errorf("%s: %v, %v", path, answer, err)
		}
	}
	stop()
	if _, err := http.Get(url); err == nil {
		t.Error("it serves after its end")
	}
	if _, err := Serve("256.0.0.1:1", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it serves at no address")
	}
}
