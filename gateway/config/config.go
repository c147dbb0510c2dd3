// Package config reads the gateway's settings: from flags, over the environment (SANDGATE_*), over
// a YAML file, over defaults. Unknown keys and bad values are errors, all reported at once.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/sandgate/sandgate/gateway/clientip"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/internal/days"
)

// Config are the gateway's settings.
type Config struct {
	Host    string // to listen on
	Port    int    // 0: any free one
	DataDir string // of the store; it is made if it is not there

	DatabaseURL string // of the MongoDB that several gateways share; empty: SQLite in DataDir
	Instance    string // the name of this gateway among them; empty: a new one at each start

	BootstrapKey string // an API key with all rights; empty: one is made at the first start
	WebKey       string // the API key of a web client in front of several gateways; empty: none

	JWTIssuer      string   // an OpenID Connect issuer whose users may call; empty: none
	JWTAudiences   []string // one of which aud must hold; empty: not looked at
	JWTParties     []string // one of which azp must be; empty: not looked at
	JWTKeysURL     string   // of the issuer's JWKS; empty: by discovery
	FailedAttempts int      // failed authentications of an address in a minute; 0: no bound

	EngineURL     string        // of the Judge0 pool
	EngineToken   string        // its AUTHN_TOKEN
	EngineTimeout time.Duration // of one call to the pool
	CallbackURL   string        // the base URL under which the pool reaches this gateway; empty: by Host and Port

	TrustedProxies []netip.Prefix // peers whose ClientIPHeader is believed
	ClientIPHeader string

	QueueLimit            int           // submissions that may wait for the pool
	PoolWindow            int           // submissions that the pool may have at once
	AccountInFlight       int           // of them, those of one account; 0: three quarters
	MaxBodyBytes          int64         // of a request
	MaxStreams            int           // live connections at once
	MaxStreamsPerAccount  int           // live connections of one account at once
	WaitTimeout           time.Duration // how long wait=true may take
	ShutdownTimeout       time.Duration // how long requests may take to end at shutdown
	AllowPrivateCallbacks bool          // let webhooks go to private addresses
	MetricsOpen           bool          // serve /metrics without a key

	RedisURL  string        // of what gateways share; empty: each has its own, in memory
	Accounts  limit.Bounds  // of accounts of API keys
	Users     limit.Bounds  // of people: a JWT's users, and those for whom a key acts
	Key       limit.Rate    // of requests with one API key
	Address   limit.Rate    // of requests from one address
	Retention time.Duration // how long ended submissions are kept; 0: for ever

	AuditRetention time.Duration // how long the audit log is kept; 0: for ever
	UsageRetention time.Duration // how long the usage of a day is kept; 0: for ever

	Profiles  string // address to serve Go's profiles at; empty: nowhere
	LogFormat string // text or json
	LogLevel  slog.Level
}

// setting is one entry of the table that all sources share.
type setting struct {
	key      string
	fallback string
	usage    string
	secret   bool // not as a flag: command lines are seen by others
	set      func(*Config, string) error
}

var settings = []setting{
	{"host", "127.0.0.1", "address to listen on", false, func(c *Config, v string) error { c.Host = v; return nil }},
	{"port", "8080", "port to listen on; 0: any free one", false, func(c *Config, v string) error { return whole(&c.Port, v, 0, 65535) }},
	{"data_dir", "data", "folder of the store", false, func(c *Config, v string) error { c.DataDir = v; return filled(v) }},
	{"database_url", "", "mongodb:// or mongodb+srv:// URL of the database that several gateways share; empty: SQLite in data_dir", true, func(c *Config, v string) error {
		c.DatabaseURL = v
		if v != "" && !strings.HasPrefix(v, "mongodb://") && !strings.HasPrefix(v, "mongodb+srv://") {
			return errors.New("it is no mongodb:// or mongodb+srv:// URL") // it may hold a password
		}
		return nil
	}},
	{"instance", "", "name of this gateway among those that share a database; empty: a new one at each start, after the host", false, func(c *Config, v string) error {
		c.Instance = v
		if len(v) > 128 {
			return errors.New("it is longer than 128 characters")
		}
		return nil
	}},
	{"bootstrap_key", "", "an API key with all rights, of 16 characters or more", true, func(c *Config, v string) error { c.BootstrapKey = v; return keyText(v) }},
	{"web_key", "", "the web client's API key, which may submit, read and delete, also on behalf of its users, of 16 characters or more", true, func(c *Config, v string) error { c.WebKey = v; return keyText(v) }},
	{"jwt_issuer", "", "URL of the OpenID Connect issuer whose JWTs are taken, as their claim iss has it", false, func(c *Config, v string) error {
		c.JWTIssuer = v
		if v == "" {
			return nil
		}
		return address(v)
	}},
	{"jwt_audience", "", "what the claim aud of a JWT must hold; several with commas between", false, func(c *Config, v string) error { c.JWTAudiences = list(v); return nil }},
	{"jwt_authorized_parties", "", "what the claim azp of a JWT must be; several with commas between", false, func(c *Config, v string) error { c.JWTParties = list(v); return nil }},
	{"jwt_jwks_url", "", "URL of the issuer's keys; empty: by OpenID Connect discovery", false, func(c *Config, v string) error {
		c.JWTKeysURL = v
		if v == "" {
			return nil
		}
		return address(v)
	}},
	{"failed_attempts", "30", "failed authentications of an address in a minute, beyond which they are answered 429; 0: no bound", false, func(c *Config, v string) error {
		return whole(&c.FailedAttempts, v, 0, 1_000_000)
	}},
	{"engine_url", "http://127.0.0.1:2358", "URL of the Judge0 pool", false, func(c *Config, v string) error { c.EngineURL = v; return address(v) }},
	{"engine_token", "", "AUTHN_TOKEN of the Judge0 pool", true, func(c *Config, v string) error { c.EngineToken = v; return nil }},
	{"engine_timeout", "30s", "longest that a call to the pool may take", false, func(c *Config, v string) error { return span(&c.EngineTimeout, v, 10*time.Minute) }},
	{"callback_url", "", "base URL under which the pool reaches this gateway; empty: by host and port", false, func(c *Config, v string) error {
		c.CallbackURL = v
		if v == "" {
			return nil
		}
		return address(v)
	}},
	{"trusted_proxies", "", "networks and addresses of proxies whose word on the client's address counts, with commas between", false, func(c *Config, v string) (err error) {
		c.TrustedProxies, err = clientip.ParsePrefixes(v)
		if slices.ContainsFunc(c.TrustedProxies, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
			err = errors.New("it trusts everybody: whoever calls could make up an address")
		}
		return err
	}},
	{"client_ip_header", clientip.Forwarded, "header in which trusted proxies tell the client's address: " + strings.Join(clientip.Headers(), ", "), false, func(c *Config, v string) error {
		c.ClientIPHeader = v
		return among(v, clientip.Headers()...)
	}},
	{"queue_limit", "10000", "submissions that may wait for the pool", false, func(c *Config, v string) error { return whole(&c.QueueLimit, v, 1, 10_000_000) }},
	{"pool_window", "1000", "most submissions that the pool is handed at once; fewer if it is slow", false, func(c *Config, v string) error { return whole(&c.PoolWindow, v, 1, 1_000_000) }},
	{"account_in_flight", "0", "most of them that are of one account; 0: three quarters", false, func(c *Config, v string) error { return whole(&c.AccountInFlight, v, 0, 1_000_000) }},
	{"max_body_bytes", "16777216", "largest request body", false, func(c *Config, v string) error {
		var n int
		err := whole(&n, v, 1024, 1<<30)
		c.MaxBodyBytes = int64(n)
		return err
	}},
	{"max_streams", "10000", "live connections at once", false, func(c *Config, v string) error { return whole(&c.MaxStreams, v, 1, 10_000_000) }},
	{"max_streams_per_account", "5000", "live connections of one account at once", false, func(c *Config, v string) error {
		return whole(&c.MaxStreamsPerAccount, v, 1, 10_000_000)
	}},
	{"wait_timeout", "120s", "longest that wait=true waits; less than proxies before the gateway do: the cluster's nginx gives up after 150s", false, func(c *Config, v string) error {
		return span(&c.WaitTimeout, v, time.Hour)
	}},
	{"shutdown_timeout", "30s", "longest that requests may take to end at shutdown; less than what stops the gateway waits: the cluster's containers are killed after 60s", false, func(c *Config, v string) error {
		return span(&c.ShutdownTimeout, v, 10*time.Minute)
	}},
	{"allow_private_callbacks", "false", "let clients' callbacks go to private addresses", false, func(c *Config, v string) error { return truth(&c.AllowPrivateCallbacks, v) }},
	{"metrics", "auto", "who may read /metrics: open, key (scope admin), or auto: open on a loopback address", false, func(c *Config, v string) error {
		c.MetricsOpen = v == "open" || v == "auto" && loopback(c.Host)
		return among(v, "open", "key", "auto")
	}},
	{"redis_url", "", "URL of the Redis that several gateways share; empty: in memory", true, func(c *Config, v string) error {
		c.RedisURL = v
		if v != "" && !strings.HasPrefix(v, "redis://") && !strings.HasPrefix(v, "rediss://") {
			return errors.New("it is no redis:// or rediss:// URL") // it may hold a password
		}
		return nil
	}},
	{"rate", "0", "requests a second of an API key's account; 0: any number", false, func(c *Config, v string) error { return rate(&c.Accounts.Rate, v) }},
	{"burst", "0", "how many of them may come at once; 0: two seconds' worth", false, func(c *Config, v string) error { return whole(&c.Accounts.Rate.Burst, v, 0, limit.MostBurst) }},
	{"user_rate", "20", "requests a second of a person: a JWT's user, or somebody for whom a key acts; 0: any number", false, func(c *Config, v string) error { return rate(&c.Users.Rate, v) }},
	{"user_burst", "100", "how many of them may come at once; 0: two seconds' worth", false, func(c *Config, v string) error { return whole(&c.Users.Rate.Burst, v, 0, limit.MostBurst) }},
	{"key_rate", "0", "requests a second with one API key; 0: any number", false, func(c *Config, v string) error { return rate(&c.Key, v) }},
	{"key_burst", "0", "how many of them may come at once; 0: two seconds' worth", false, func(c *Config, v string) error { return whole(&c.Key.Burst, v, 0, limit.MostBurst) }},
	{"address_rate", "0", "requests a second from one address (of IPv6: one /64); 0: any number", false, func(c *Config, v string) error { return rate(&c.Address, v) }},
	{"address_burst", "0", "how many of them may come at once; 0: two seconds' worth", false, func(c *Config, v string) error { return whole(&c.Address.Burst, v, 0, limit.MostBurst) }},
	{"daily_submissions", "0", "submissions a day (UTC) of an API key's account; 0: any number", false, func(c *Config, v string) error { return count(&c.Accounts.DailySubmissions, v) }},
	{"daily_cpu", "0", "CPU time a day (UTC) of an API key's account, such as 2h; 0: any", false, func(c *Config, v string) error { return lasting(&c.Accounts.DailyCPU, v, 0) }},
	{"user_daily_submissions", "5000", "submissions a day (UTC) of a person; 0: any number", false, func(c *Config, v string) error { return count(&c.Users.DailySubmissions, v) }},
	{"user_daily_cpu", "2h", "CPU time a day (UTC) of a person; 0: any", false, func(c *Config, v string) error { return lasting(&c.Users.DailyCPU, v, 0) }},
	{"retention", "0", "how long ended submissions are kept, such as 30d or 12h; 0: for ever", false, func(c *Config, v string) error { return lasting(&c.Retention, v, time.Minute) }},
	{"audit_retention", "400d", "how long entries of the audit log are kept; 0: for ever", false, func(c *Config, v string) error { return lasting(&c.AuditRetention, v, 24*time.Hour) }},
	{"usage_retention", "400d", "how long the usage of a day is kept; 0: for ever", false, func(c *Config, v string) error { return lasting(&c.UsageRetention, v, 24*time.Hour) }},
	{"profiles", "", "address, such as 127.0.0.1:6060, to serve Go's profiles of this process at, under /debug/pprof/; whoever reaches it may read them; empty: nowhere", false, func(c *Config, v string) error {
		c.Profiles = v
		if v == "" {
			return nil
		}
		return hostPort(v)
	}},
	{"log_format", "text", "text or json", false, func(c *Config, v string) error { c.LogFormat = v; return among(v, "text", "json") }},
	{"log_level", "info", "debug, info, warn or error", false, func(c *Config, v string) error {
		if err := c.LogLevel.UnmarshalText([]byte(v)); err != nil {
			return fmt.Errorf("%q is none of debug, info, warn and error", v)
		}
		return nil
	}},
}

// hostPort tells what is wrong with an address to listen on.
func hostPort(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return fmt.Errorf("%q is no host and port", v)
	}
	var n int
	return whole(&n, port, 0, 65535)
}

// Default gives the settings that stand where nothing else is said.
func Default() Config {
	var c Config
	for _, s := range settings {
		if err := s.set(&c, s.fallback); err != nil {
			panic(fmt.Sprintf("the default of %s: %v", s.key, err))
		}
	}
	return c
}

// Load reads the settings. args are the program's arguments without its name; `--config` or
// SANDGATE_CONFIG names a YAML file. lookup is os.LookupEnv or a stand-in. pflag.ErrHelp is
// returned for --help, after the usage was written.
func Load(args []string, lookup func(string) (string, bool)) (Config, error) {
	flags := pflag.NewFlagSet("gateway", pflag.ContinueOnError)
	flags.SortFlags = false
	file := flags.String("config", "", "YAML file with settings")
	for _, s := range settings {
		if !s.secret {
			flags.String(flagName(s.key), s.fallback, s.usage)
		}
	}
	if err := flags.Parse(args); err != nil {
		return Config{}, err
	}
	var faults []error
	if rest := flags.Args(); len(rest) > 0 {
		faults = append(faults, fmt.Errorf("unexpected argument %q", rest[0]))
	}

	v := viper.New()
	if path, ok := lookup("SANDGATE_CONFIG"); ok && *file == "" {
		*file = path
	}
	if *file != "" {
		faults = append(faults, readFile(v, *file)...)
	}
	for _, s := range settings {
		v.SetDefault(s.key, s.fallback)
		// An empty variable counts as unset: compose files pass such.
		if value, ok := lookup(envName(s.key)); ok && value != "" {
			v.Set(s.key, value)
		}
		if flag := flags.Lookup(flagName(s.key)); flag != nil && flag.Changed {
			v.Set(s.key, flag.Value.String())
		}
	}
	var c Config
	for _, s := range settings {
		if err := s.set(&c, strings.TrimSpace(v.GetString(s.key))); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", s.key, err))
		}
	}
	return c, errors.Join(append(faults, c.together()...)...)
}

// together tells what is wrong with settings that depend on each other.
func (c Config) together() (faults []error) {
	restricted := len(c.JWTAudiences)+len(c.JWTParties) > 0
	switch {
	case c.JWTIssuer != "" && !restricted:
		faults = append(faults, errors.New("jwt_issuer: it needs jwt_audience or jwt_authorized_parties, or tokens that the issuer made for others would be taken"))
	case c.JWTIssuer == "" && (restricted || c.JWTKeysURL != ""):
		faults = append(faults, errors.New("jwt_audience, jwt_authorized_parties and jwt_jwks_url need jwt_issuer"))
	}
	if c.AccountInFlight > c.PoolWindow {
		faults = append(faults, fmt.Errorf("account_in_flight: %d is more than pool_window, %d: it would have no effect", c.AccountInFlight, c.PoolWindow))
	}
	return faults
}

// CalledElsewhere tells whether the pool is on another machine than the address that it is given to call back.
func (c Config) CalledElsewhere() bool {
	engine, err := url.Parse(c.EngineURL)
	return err == nil && c.CallbackURL == "" && !loopback(engine.Hostname()) && (loopback(c.Host) || unspecified(c.Host))
}

func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func readFile(v *viper.Viper, path string) []error {
	v.SetConfigFile(path)
	v.SetConfigType("yaml")
	if err := v.ReadInConfig(); err != nil {
		return []error{fmt.Errorf("read the settings: %w", err)}
	}
	var faults []error
	for _, key := range v.AllKeys() {
		if !slices.ContainsFunc(settings, func(s setting) bool { return s.key == key }) {
			faults = append(faults, fmt.Errorf("%s: unknown key %q", filepath.Base(path), key))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return faults
}

func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }
func envName(key string) string  { return "SANDGATE_" + strings.ToUpper(key) }

func whole(to *int, text string, least, most int) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%q is no whole number from %d to %d", text, least, most)
	}
	*to = n
	return nil
}

func count(to *int64, text string) error {
	var n int
	err := whole(&n, text, 0, math.MaxInt32)
	*to = int64(n)
	return err
}

func rate(to *limit.Rate, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != 0 && !(n >= limit.LeastRate && n <= limit.MostRate) {
		return fmt.Errorf("%q is neither 0 nor a number from %g to %g", text, limit.LeastRate, limit.MostRate)
	}
	to.PerSecond = n
	return nil
}

// lasting reads a time that may be long, of least or more; 0 stands for none.
func lasting(to *time.Duration, text string, least time.Duration) error {
	const most = 100 * 365 * 24 * time.Hour
	d, err := days.Parse(text)
	if err != nil || d < 0 || d > most {
		return fmt.Errorf("%q is no time such as 30d or 12h, nor 0", text)
	}
	if d > 0 && d < least {
		return fmt.Errorf("%q is less than %v", text, least)
	}
	*to = d
	return nil
}

// span reads a time that somebody waits, of a second or more.
func span(to *time.Duration, text string, most time.Duration) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > most {
		return fmt.Errorf("%q is no time from 1s to %v", text, most)
	}
	*to = d
	return nil
}

func truth(to *bool, text string) error {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	*to = b
	return nil
}

// list reads words with commas or spaces between.
func list(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	if len(words) == 0 {
		return nil
	}
	return words
}

func keyText(text string) error {
	if text != "" && len(text) < 16 {
		return errors.New("it is shorter than 16 characters")
	}
	return nil
}

func filled(text string) error {
	if text == "" {
		return errors.New("it can't be empty")
	}
	return nil
}

func address(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is no http or https URL", text)
	}
	return nil
}

func among(text string, words ...string) error {
	if !slices.Contains(words, text) {
		return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// NewLogger makes the logger that the settings ask for.
func (c Config) NewLogger(out *os.File) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
