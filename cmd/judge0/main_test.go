package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
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

// Without user namespaces nothing can be held: the program ends at once, and says what an operator can do.
func TestAHostWithoutNamespaces(t *testing.T) {
	t.Parallel()
	if err := exec.Command("unshare", "-Ur", "true").Run(); err != nil {
		t.Skip("needs unshare and user namespaces, to take them away:", err)
	}
	if err := built(); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && exec "+filepath.Join(folder, "bin", "judge0"))
	command.Env = append(os.Environ(), "DATA_DIR="+folder, "PORT=0", "LOG_FORMAT=text")
	out, err := command.CombinedOutput()
	if command.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "this host can't isolate programs") || !strings.Contains(string(out), "user.max_user_namespaces") {
		t.Errorf("%v\n%s", err, out)
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
