package redisclient

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := Options("redis://:secret@host:6380/3")
	if err != nil || o.Addr != "host:6380" || o.DB != 3 || o.Password != "secret" || o.MaxRetries != -1 || !o.ContextTimeoutEnabled {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestErrorsShowNoPassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"redis://:secret@host:port", "redis://:secret@host/%zz", "secret", "http://:secret@host", "redis://:secret@host/x"} {
		if _, err := Options(address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
