package judge0

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sandgate/sandgate/internal/days"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/server"
)

const (
	defaultHost = "127.0.0.1"
	defaultPort = "2358"

	defaultWorkerPort = "2359"

	// A server that requeues and sweeps holds two connections for the right to do so, and does it with others.
	leastConnections = 4
)

var defaultAbout = server.About{
	Homepage:   "https://github.com/sandgate/sandgate",
	SourceCode: "https://github.com/sandgate/sandgate",
	Maintainer: "The Sandgate authors",
	License:    "Sandgate is released under the MIT License; see LICENSE in its source code.\n",
}

// Settings are what an operator decides: the settings of judge0.conf, and a few of our own.
type Settings struct {
	Options              // Config, Access, Addr, DataDir and Workers are set
	RequireCgroup bool   // refuse to hold programs by resource limits alone
	LogFormat     string // text or json
	LogLevel      slog.Level
}

// SettingsFromEnv reads the settings of an engine in this role through lookup (os.LookupEnv in a program). An empty value
// counts as unset. All faults are reported at once. Besides those of api.Config:
//
//	COUNT                             submissions that run at a time (the number of cores, at least 2)
//	LISTEN, PORT                      the address to listen on (127.0.0.1) and its port (2358)
//	DATA_DIR                          the folder of the database (data)
//	AUTHN_HEADER, AUTHN_TOKEN         header (X-Auth-Token) and tokens, space separated, to use the API at all
//	AUTHZ_HEADER, AUTHZ_TOKEN         the same (X-Auth-User) for what needs authorization
//	ALLOW_IP, DISALLOW_IP             addresses and networks, space separated
//	ALLOW_ORIGIN, DISALLOW_ORIGIN     origins of browsers, space separated
//	CPU_RATE_LIMIT                    the share of a core that a program may use, such as 0.5 (no limit)
//	SANDBOX_REQUIRE_CGROUP            refuse to start where there is no writable control group (false)
//	RETENTION                         how long finished submissions are kept, as 30d or 12h (for ever)
//	LOG_FORMAT, LOG_LEVEL             text or json (json); debug, info, warn or error (info)
//
// and of servers and workers of a cluster:
//
//	DATABASE_URL                      of PostgreSQL; or POSTGRES_HOST, POSTGRES_PORT (5432), POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
//	POSTGRES_CONNECTIONS              at most, and 4 at least (10 of a server, COUNT and two more of a worker)
//	REDIS_URL                         of Redis; or REDIS_HOST, REDIS_PORT (6379), REDIS_PASSWORD
//	LEASE                             in which other workers take over from a lost one (30s)
//	WORKER_PORT                       of a worker's health and metrics (PORT, or 2359)
func SettingsFromEnv(role Role, lookup func(string) (string, bool)) (Settings, error) {
	var faults []error
	get := func(name, fallback string) string {
		if value, ok := lookup(name); ok && strings.TrimSpace(value) != "" {
			return strings.TrimSpace(value)
		}
		return fallback
	}
	check := func(name string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	var s Settings
	config, err := api.ConfigFromEnv(lookup)
	if err != nil {
		faults = append(faults, err)
	}
	s.Config = config
	s.Role = role
	s.DataDir = get("DATA_DIR", "data")
	duration := func(name, fallback string, least, most time.Duration) time.Duration {
		d, err := days.Parse(get(name, fallback))
		if err != nil || d < least || d > most {
			check(name, fmt.Errorf("%q is no duration from %v to %v", get(name, fallback), least, most))
		}
		return d
	}
	if get("RETENTION", "") != "" {
		s.Retention = duration("RETENTION", "", time.Minute, 100*365*24*time.Hour)
	}
	portName, portDefault := "PORT", defaultPort
	if role == WorkerRole {
		portDefault = get("PORT", defaultWorkerPort)
		portName = "WORKER_PORT"
	}
	if role != Whole {
		s.Postgres = address(get, check, "DATABASE_URL", "postgres", "POSTGRES_HOST", "POSTGRES_PORT", "5432", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB")
		s.Redis = address(get, check, "REDIS_URL", "redis", "REDIS_HOST", "REDIS_PORT", "6379", "", "REDIS_PASSWORD", "")
		s.Lease = duration("LEASE", defaultLease.String(), time.Second, 10*time.Minute)
		if n := get("POSTGRES_CONNECTIONS", ""); n != "" {
			if s.Connections, err = strconv.Atoi(n); err != nil || s.Connections < leastConnections || s.Connections > 1000 {
				check("POSTGRES_CONNECTIONS", fmt.Errorf("%q is no whole number from %d to 1000", n, leastConnections))
			}
		}
	}

	if count := get("COUNT", ""); count != "" {
		if s.Workers, err = strconv.Atoi(count); err != nil || s.Workers < 1 || s.Workers > 1024 {
			check("COUNT", fmt.Errorf("%q is no whole number from 1 to 1024", count))
		}
	}
	port := get(portName, portDefault)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		check(portName, fmt.Errorf("%q is no port", port))
	} else {
		port = strconv.FormatUint(n, 10)
	}
	s.Addr = net.JoinHostPort(strings.Trim(get("LISTEN", defaultHost), "[]"), port)

	s.Access = server.Access{
		AuthnHeader: get("AUTHN_HEADER", ""), AuthnTokens: strings.Fields(get("AUTHN_TOKEN", "")),
		AuthzHeader: get("AUTHZ_HEADER", ""), AuthzTokens: strings.Fields(get("AUTHZ_TOKEN", "")),
		AllowOrigins: strings.Fields(get("ALLOW_ORIGIN", "")), DisallowOrigins: strings.Fields(get("DISALLOW_ORIGIN", "")),
	}
	s.Access.AllowIP, err = server.ParsePrefixes(get("ALLOW_IP", ""))
	check("ALLOW_IP", err)
	s.Access.DisallowIP, err = server.ParsePrefixes(get("DISALLOW_IP", ""))
	check("DISALLOW_IP", err)

	switch s.LogFormat = get("LOG_FORMAT", "json"); s.LogFormat {
	case "text", "json":
	default:
		check("LOG_FORMAT", fmt.Errorf("%q is neither text nor json", s.LogFormat))
	}
	if rate := get("CPU_RATE_LIMIT", ""); rate != "" {
		if s.CPURate, err = strconv.ParseFloat(rate, 64); err != nil || !(s.CPURate > 0 && s.CPURate <= 1024) {
			check("CPU_RATE_LIMIT", fmt.Errorf("%q is no number of cores such as 0.5", rate))
		}
	}
	switch require := get("SANDBOX_REQUIRE_CGROUP", "false"); require {
	case "true", "false":
		s.RequireCgroup = require == "true"
	default:
		check("SANDBOX_REQUIRE_CGROUP", fmt.Errorf("%q is neither true nor false", require))
	}
	check("LOG_LEVEL", s.LogLevel.UnmarshalText([]byte(get("LOG_LEVEL", "info"))))
	return s, errors.Join(faults...)
}

// address gives the URL of a backend: that of one setting, or made of several. What is missing is
// named. Names that are empty stand for what there is not.
func address(get func(name, fallback string) string, check func(string, error), whole, scheme, host, port, defaultPort, user, password, database string) string {
	if given := get(whole, ""); given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Host == "" {
			check(whole, errors.New("is no URL")) // which may hold a password
		}
		return given
	}
	missing := func(name string) string {
		value := ""
		if name != "" {
			if value = get(name, ""); value == "" {
				check(name, fmt.Errorf("is missing; %s in place of all would do as well", whole))
			}
		}
		return value
	}
	u := url.URL{Scheme: scheme, Host: net.JoinHostPort(missing(host), get(port, defaultPort))}
	if user == "" { // a password is optional then
		if secret := get(password, ""); secret != "" {
			u.User = url.UserPassword("", secret)
		}
	} else {
		u.User = url.UserPassword(missing(user), missing(password))
	}
	u.Path = "/" + missing(database)
	return u.String()
}
