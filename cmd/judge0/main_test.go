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
	code := run(context.Background(), nil, func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &stderr)
	for name := range env {
		if code != 2 || !strings.Contains(stderr.String(), name) {
			t.Errorf("exit code %d, %s is not named in %s", code, name, &stderr)
		}
	}
}

func TestWhatAClusterLacksIsNamed(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"server", "worker"} {
		var stderr bytes.Buffer
		code := run(context.Background(), []string{role}, func(string) (string, bool) { return "", false }, &stderr)
		for _, name := range []string{"POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "DATABASE_URL", "REDIS_HOST", "REDIS_URL"} {
			if code != 2 || !strings.Contains(stderr.String(), name) {
				t.Errorf("%s: exit code %d, %s is not named in %s", role, code, name, &stderr)
			}
		}
	}
	var stderr bytes.Buffer
	if code := run(context.Background(), []string{"serve"}, func(string) (string, bool) { return "", false }, &stderr); code != 2 || !strings.Contains(stderr.String(), "usage") {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}
