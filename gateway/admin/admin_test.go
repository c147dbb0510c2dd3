package admin

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/httpapi"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
)

const adminKey = "admin-key-of-the-tests"

// shell runs commands with an environment of its own.
type shell struct {
	t   *testing.T
	env map[string]string
}

func (s shell) run(args ...string) (code int, out, errs string) {
	s.t.Helper()
	var o, e bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := s.env[name]; return v, ok }
	code = Run(s.t.Context(), "gateway", args, lookup, &o, &e)
	return code, o.String(), e.String()
}

func (s shell) must(args ...string) string {
	s.t.Helper()
	code, out, errs := s.run(args...)
	if code != 0 {
		s.t.Fatalf("%q: %d %s", args, code, errs)
	}
	return out
}

// read runs a command with --json.
func (s shell) read(into any, args ...string) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must(append(args, "--json")...)), into); err != nil {
		s.t.Fatal(err)
	}
}

func onStore(t *testing.T) shell {
	dir := t.TempDir()
	store, err := sqlite.Open(filepath.Join(dir, "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return shell{t, map[string]string{"SANDGATE_DATA_DIR": dir}}
}

// throughGateway is a shell beside a gateway that runs.
func throughGateway(t *testing.T) shell {
	c := config.Default()
	c.Port, c.DataDir, c.BootstrapKey, c.EngineURL = 0, t.TempDir(), adminKey, "http://127.0.0.1:1"
	g := gateway.New(gateway.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Stop(t.Context()) })
	return shell{t, map[string]string{"SANDGATE_DATA_DIR": c.DataDir, "SANDGATE_URL": g.URL(), "SANDGATE_API_KEY": adminKey}}
}

// TestCommands does the same on a store and through a gateway.
func TestCommands(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T) shell{"store": onStore, "gateway": throughGateway} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			made := s.must("keys", "create", "--account", "web/alice", "--name", "ci", "--scopes", "read,delete", "--expires", "720h")
			if !strings.Contains(made, "shown this once:\n\n    sg_") {
				t.Errorf("got %q", made)
			}
			var key, successor httpapi.Key
			s.read(&key, "keys", "create", "--account", "web/alice", "--name", "second")
			if key.Account != "web/alice" || key.Scopes.String() != "submit read" || len(key.Secret) != 46 {
				t.Errorf("got %+v", key)
			}
			table := s.must("keys", "list", "--account", "web/alice")
			if !strings.Contains(table, "ID") || !strings.Contains(table, "read delete") || !strings.Contains(table, key.ID) || strings.Contains(table, key.Secret) || strings.Count(table, "works") != 2 {
				t.Errorf("got\n%s", table)
			}
			s.read(&successor, "keys", "rotate", key.ID, "--overlap", "1h")
			if successor.Name != "second" || successor.Secret == key.Secret {
				t.Errorf("got %+v", successor)
			}
			if out := s.must("keys", "revoke", key.ID, successor.ID); strings.Count(out, "revoked") != 2 {
				t.Errorf("got %q", out)
			}
			var keys []httpapi.Key
			s.read(&keys, "keys", "list")
			works := 0
			for _, k := range keys {
				if k.Account == "web/alice" && k.RevokedAt == nil {
					works++
				}
				if k.Secret != "" {
					t.Error("a secret is listed")
				}
			}
			if works != 1 {
				t.Errorf("got %+v", keys)
			}

			policy := filepath.Join(t.TempDir(), "policy.json")
			if err := os.WriteFile(policy, []byte(`{"languages":{"python":{}}}`), 0o600); err != nil {
				t.Fatal(err)
			}
			s.must("accounts", "set", "shop", "--name", "The shop", "--rate", "2.5", "--retention", "720h", "--policy", policy)
			s.must("accounts", "set", "shop", "--disabled", "--daily-submissions=-1")
			var shop httpapi.Account
			s.read(&shop, "accounts", "show", "shop")
			if shop.Name != "The shop" || shop.Limits.Rate != 2.5 || shop.RetentionSeconds != 2_592_000 || !shop.Disabled || shop.Limits.DailySubmissions != -1 || !strings.Contains(string(shop.Policy), "python") {
				t.Errorf("got %+v", shop)
			}
			if table := s.must("accounts", "list"); !strings.Contains(table, "The shop") || !strings.Contains(table, "720h0m0s") || !strings.Contains(table, "none") {
				t.Errorf("got\n%s", table)
			}
			if code, _, errs := s.run("accounts", "delete", "shop"); code != 2 || !strings.Contains(errs, "--yes") {
				t.Errorf("got %d %s", code, errs)
			}
			s.must("accounts", "delete", "shop", "--yes")
			if code, _, errs := s.run("accounts", "show", "shop"); code != 1 || !strings.Contains(errs, "there is no such account") {
				t.Errorf("got %d %s", code, errs)
			}
			var entries []httpapi.Entry
			s.read(&entries, "audit", "--limit", "200")
			actions := map[string]int{}
			for _, e := range entries {
				actions[e.Action]++
			}
			if actions["key.create"] != 3 || actions["key.revoke"] != 2 || actions["account.delete"] != 1 {
				t.Errorf("got %v", actions)
			}
			if table := s.must("audit", "--limit", "2"); strings.Count(table, "\n") != 3 {
				t.Errorf("got\n%s", table)
			}
			for want, args := range map[string][]string{
				"scopes":               {"keys", "create", "--scopes", "root"},
				"there is no key":      {"keys", "revoke", "nope"},
				"printable characters": {"keys", "create", "--name", "a\x1b[31m"},
			} {
				if code, _, errs := s.run(args...); code != 1 || !strings.Contains(errs, want) {
					t.Errorf("%q: %d %s", args, code, errs)
				}
			}
		})
	}
}

func TestWhichWay(t *testing.T) {
	t.Parallel()
	s := throughGateway(t)
	url := s.env["SANDGATE_URL"]
	with := func(env map[string]string, args ...string) (int, string) {
		env["SANDGATE_DATA_DIR"] = s.env["SANDGATE_DATA_DIR"]
		code, _, errs := shell{t, env}.run(append([]string{"accounts", "list"}, args...)...)
		return code, errs
	}
	if code, errs := with(map[string]string{}); code != 1 || !strings.Contains(errs, "has the store") || !strings.Contains(errs, "SANDGATE_API_KEY") {
		t.Errorf("while a gateway runs: %d %s", code, errs)
	}
	if code, errs := with(map[string]string{}, "--url", url, "--key", adminKey); code != 0 {
		t.Errorf("with flags: %d %s", code, errs)
	}
	if code, errs := with(map[string]string{"SANDGATE_BOOTSTRAP_KEY": adminKey, "SANDGATE_PORT": url[strings.LastIndexByte(url, ':')+1:]}); code != 0 {
		t.Errorf("with the gateway's own settings: %d %s", code, errs)
	}
	if code, errs := with(map[string]string{"SANDGATE_URL": url}); code != 1 || !strings.Contains(errs, "SANDGATE_API_KEY") {
		t.Errorf("without a key: %d %s", code, errs)
	}
	if code, errs := with(map[string]string{"SANDGATE_URL": url, "SANDGATE_API_KEY": "bad"}); code != 1 || !strings.Contains(errs, "a valid API key is needed") {
		t.Errorf("with a bad key: %d %s", code, errs)
	}
	if code, errs := with(map[string]string{}, "--data-dir", t.TempDir()); code != 1 || !strings.Contains(errs, "there is no store") {
		t.Errorf("with a folder of nothing: %d %s", code, errs)
	}
	if code, errs := with(map[string]string{"SANDGATE_PORT": "x"}); code != 1 || !strings.Contains(errs, "port") {
		t.Errorf("with wrong settings: %d %s", code, errs)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	s := shell{t, nil}
	for _, args := range [][]string{{"keys"}, {"keys", "steal"}, {"keys", "revoke"}, {"keys", "list", "x"}, {"keys", "list", "--nope"}, {"audit", "x"}, {"accounts"}} {
		if code, _, errs := s.run(args...); code != 2 || !strings.Contains(errs, "gateway accounts set ID") {
			t.Errorf("%q: %d %s", args, code, errs)
		}
	}
	for want, args := range map[string][]string{"gateway keys revoke ID…": {"keys", "--help"}, "--overlap": {"keys", "rotate", "--help"}} {
		if code, out, _ := s.run(args...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
	for args, want := range map[string]bool{"keys": true, "audit --json": true, "--port 1": false, "": false} {
		if Is(strings.Fields(args)) != want {
			t.Errorf("%q", args)
		}
	}
	if got := printable("a\x1b[31m\n"); got != "a\uFFFD[31m\uFFFD" {
		t.Errorf("got %q", got)
	}
}
