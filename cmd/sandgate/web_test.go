package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTheWebClientGetsNoKeysOfOthers(t *testing.T) {
	t.Parallel()
	got := withoutSecrets([]string{"PATH=/bin", "SANDGATE_BOOTSTRAP_KEY=x", "SANDGATE_ENGINE_TOKEN=x", "AUTHN_TOKEN=x", "AUTHZ_TOKEN=x=y", "SANDGATE_BOOTSTRAP_KEYS=1"})
	if want := []string{"PATH=/bin", "SANDGATE_BOOTSTRAP_KEYS=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestTheWebClientsSecretOutlivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made, err := webSecret("", dir)
	if err != nil || len(made) < 32 {
		t.Fatalf("got %q, %v", made, err)
	}
	if again, err := webSecret("", dir); err != nil || again != made {
		t.Errorf("the second start has %q, %v, not %q", again, err, made)
	}
	info, err := os.Stat(filepath.Join(dir, "web-secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
	if chosen, err := webSecret("the operator's own", dir); err != nil || chosen != "the operator's own" {
		t.Errorf("got %q, %v", chosen, err)
	}
}
