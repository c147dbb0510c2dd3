package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/sandgate/sandgate/gateway/limit"
)

func env(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := values[name]; return v, ok }
}

func TestSourcesInOrder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte("port: 1\nqueue_limit: 7\nwait_timeout: 9s\nallow_private_callbacks: true\nlog_format: json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load([]string{"--port=3", "--config", file}, env(map[string]string{"SANDGATE_PORT": "2", "SANDGATE_QUEUE_LIMIT": "8", "SANDGATE_ENGINE_TOKEN": "s", "SANDGATE_HOST": ""}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 3 || c.QueueLimit != 8 || c.WaitTimeout != 9*time.Second || !c.AllowPrivateCallbacks || c.EngineToken != "s" || c.Host != "127.0.0.1" || c.LogFormat != "json" || !c.MetricsOpen {
		t.Errorf("got %+v", c)
	}
}

func TestDefaultsAreWhatLoadGives(t *testing.T) {
	t.Parallel()
	c, err := Load(nil, env(nil))
	if err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := Load(nil, env(map[string]string{"SANDGATE_HOST": "0.0.0.0", "SANDGATE_PORT": "0"})); err != nil || c.MetricsOpen || c.Port != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte("prot: 1\nqueue_limit: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load([]string{"--port=-1"}, env(map[string]string{"SANDGATE_CONFIG": file, "SANDGATE_ENGINE_URL": "ftp://x", "SANDGATE_LOG_LEVEL": "loud", "SANDGATE_BOOTSTRAP_KEY": "short", "SANDGATE_METRICS": "x"}))
	if err == nil {
		t.Fatal("nothing was found")
	}
	for _, word := range []string{`unknown key "prot"`, "queue_limit", "port", "engine_url", "log_level", "bootstrap_key", "metrics"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not named in:\n%v", word, err)
		}
	}
	if strings.Contains(err.Error(), "short\"") {
		t.Error("a secret is named")
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	if _, err := Load([]string{"--help"}, env(nil)); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("got %v", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	c, err := Load(nil, env(map[string]string{
		"SANDGATE_RATE": "2.5", "SANDGATE_BURST": "7", "SANDGATE_DAILY_SUBMISSIONS": "100", "SANDGATE_DAILY_CPU": "2h", "SANDGATE_RETENTION": "30d",
		"SANDGATE_USER_RATE": "0", "SANDGATE_TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.1", "SANDGATE_REDIS_URL": "redis://localhost",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := limit.Bounds{Rate: limit.Rate{PerSecond: 2.5, Burst: 7}, DailySubmissions: 100, DailyCPU: 2 * time.Hour}
	if c.Accounts != want || c.Retention != 30*24*time.Hour || c.Users.Rate.Limited() || len(c.TrustedProxies) != 2 {
		t.Errorf("got %+v", c)
	}
	for setting, bad := range map[string][]string{
		"RATE": {"-1", "0.0001", "1e9", "NaN", "x"}, "RETENTION": {"-1h", "1w", "40000d", "d"}, "DAILY_CPU": {"7"},
		"TRUSTED_PROXIES": {"all"}, "CLIENT_IP_HEADER": {"X-Mine"}, "REDIS_URL": {"localhost:hush"},
	} {
		for _, value := range bad {
			if _, err := Load(nil, env(map[string]string{"SANDGATE_" + setting: value})); err == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("%s=%s: %v", setting, value, err)
			}
		}
	}
}

func TestJWTSettingsGoTogether(t *testing.T) {
	t.Parallel()
	for want, values := range map[string]map[string]string{
		"needs jwt_audience":   {"SANDGATE_JWT_ISSUER": "https://id.example"},
		"need jwt_issuer":      {"SANDGATE_JWT_AUDIENCE": "a"},
		"no http or https URL": {"SANDGATE_JWT_ISSUER": "id.example", "SANDGATE_JWT_AUDIENCE": "a"},
	} {
		if _, err := Load(nil, env(values)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", values, err)
		}
	}
	c, err := Load(nil, env(map[string]string{"SANDGATE_JWT_ISSUER": "https://id.example", "SANDGATE_JWT_AUTHORIZED_PARTIES": "https://a.example, https://b.example"}))
	if err != nil || !reflect.DeepEqual(c.JWTParties, []string{"https://a.example", "https://b.example"}) || c.JWTAudiences != nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"WAIT_TIMEOUT=1ms", "WAIT_TIMEOUT=24h", "ENGINE_TIMEOUT=0s", "SHUTDOWN_TIMEOUT=1h", "RETENTION=1s", "AUDIT_RETENTION=1h", "USAGE_RETENTION=1h",
		"TRUSTED_PROXIES=10.0.0.0/8,0.0.0.0/0", "TRUSTED_PROXIES=::/0", "ACCOUNT_IN_FLIGHT=1001",
	} {
		name, value, _ := strings.Cut(setting, "=")
		if _, err := Load(nil, env(map[string]string{"SANDGATE_" + name: value})); err == nil || !strings.Contains(err.Error(), strings.ToLower(name)) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

func TestCalledElsewhere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		host, engine, callback string
		want                   bool
	}{
		{"127.0.0.1", "http://127.0.0.1:2358", "", false},
		{"0.0.0.0", "http://localhost:2358", "", false},
		{"0.0.0.0", "http://judge0:2358", "", true},
		{"127.0.0.1", "http://10.0.0.1:2358", "", true},
		{"0.0.0.0", "http://judge0:2358", "http://gateway:8080", false},
		{"10.0.0.2", "http://10.0.0.1:2358", "", false},
	} {
		c := Config{Host: tc.host, EngineURL: tc.engine, CallbackURL: tc.callback}
		if got := c.CalledElsewhere(); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
