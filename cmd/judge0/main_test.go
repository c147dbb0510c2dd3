package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestWrongSettingsAreAllReported(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PORT": "high", "COUNT": "-1", "CPU_TIME_LIMIT": "long"}
	var stderr bytes.Buffer
	code := run(context.Background(), func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &stderr)
	for name := range env {
		if code != 2 || !strings.Contains(stderr.String(), name) {
			t.Errorf("exit code %d, %s is not named in %s", code, name, &stderr)
		}
	}
}
