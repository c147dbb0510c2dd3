package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

func TestTheWebClientGetsNoSecretsOfOthers(t *testing.T) {
	t.Parallel()
	own := []string{"PATH=/bin", "SANDGATE_OIDC_CLIENT_SECRET=x=y", "NODE_EXTRA_CA_CERTS=/x", "LC_ALL=C", "https_proxy=http://proxy"}
	others := []string{
		"SANDGATE_BOOTSTRAP_KEY=x", "SANDGATE_WEB_KEY=x", "SANDGATE_ENGINE_TOKEN=x", "SANDGATE_DATABASE_URL=mongodb://a:b@c", "SANDGATE_REDIS_URL=redis://:x@y",
		"AUTHN_TOKEN=x", "AUTHZ_TOKEN=x=y", "POSTGRES_PASSWORD=x", "REDIS_PASSWORD=x", "AWS_SECRET_ACCESS_KEY=x", "PATHS=x", "SANDGATE_SOMETHING_NEW=x",
	}
	if got := forWeb(append(slices.Clone(others), own...)); !slices.Equal(got, own) {
		t.Errorf("got %q", got)
	}
}

// Every setting that the web client reads reaches it: as it is, or from startWeb.
func TestTheWebClientGetsItsSettings(t *testing.T) {
	t.Parallel()
	given := append([]string{"SANDGATE_URL", "SANDGATE_API_KEY", "SANDGATE_WEB_SECRET"}, webVariables...)
	setting := regexp.MustCompile(`\bSANDGATE_[A-Z_]+`)
	found := map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", "..", "web", "src"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range setting.FindAllString(string(text), -1) {
			found[name] = true
			if !slices.Contains(given, name) {
				t.Errorf("%s reads %s, which the web client does not get", path, name)
			}
		}
		return err
	})
	if err != nil || !found["SANDGATE_OIDC_CLIENT_SECRET"] {
		t.Errorf("found %v, %v", found, err)
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
