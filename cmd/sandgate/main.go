// Command sandgate is the whole of Sandgate as one thing: the gateway, the engine with its sandbox,
// and, as a child, the web client's server. Nothing needs to be installed for it, and its data is
// in one folder. The gateway talks to the engine over HTTP as it does in a cluster.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/admin"
	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/internal/garbage"
	"github.com/sandgate/sandgate/judge0"
	"github.com/sandgate/sandgate/judge0/server"
)

// How long the parts may take: to become ready, and to end. What does not end in time is taken up
// at the next start.
const (
	readyTime = 30 * time.Second
	stopTime  = 10 * time.Second
)

// engineRetention is how long the engine keeps what has ended, unless RETENTION says otherwise. The
// gateway has the result seconds after its end and keeps it itself. What the engine does not know any
// more when the gateway asks for it, having been away for longer, is run again.
const engineRetention = time.Hour

func main() {
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// run gives the exit code: 0 after a signal, 1 if something failed, 2 for wrong settings.
func run(args []string, lookup func(string) (string, bool), out, errs *os.File) int {
	if admin.Is(args) {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return admin.Run(ctx, "sandgate", args, lookup, out, errs)
	}
	s, err := loadSettings(args, lookup)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintf(errs, "sandgate: the settings are wrong:\n%v\n", err)
		return 2
	}
	garbage.Reserve()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second signal ends the program at once; one and the same may come both from the terminal and
	// from the script that started it.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	if err := s.serve(ctx, out, errs); err != nil {
		_, _ = fmt.Fprintf(errs, "sandgate: %v\n", err)
		return 1
	}
	return 0
}

type settings struct {
	gateway   config.Config
	engine    judge0.Settings
	webPort   int    // of the web client
	webServer string // the web client's server.js; "": no web client
	webSecret string // of its cookies; "": one is made and kept
}

func loadSettings(args []string, lookup func(string) (string, bool)) (settings, error) {
	get := func(name, fallback string) string {
		if value, ok := lookup(name); ok && value != "" {
			return value
		}
		return fallback
	}
	// The terminal is for people: it shows warnings, unless more is asked for.
	quiet := func(name string) (string, bool) {
		switch name {
		case "SANDGATE_LOG_LEVEL":
			return get(name, "warn"), true
		case "PORT", "LISTEN", "DATA_DIR": // the engine's own; here they are decided below
			return "", false
		}
		return lookup(name)
	}
	var s settings
	var gatewayErr, engineErr, webErr error
	s.gateway, gatewayErr = config.Load(args, quiet)
	s.engine, engineErr = judge0.SettingsFromEnv(judge0.Whole, quiet)
	s.webPort, webErr = strconv.Atoi(get("SANDGATE_WEB_PORT", "3000"))
	if webErr != nil || s.webPort < 0 || s.webPort > 65535 {
		webErr = fmt.Errorf("SANDGATE_WEB_PORT: %q is no port", get("SANDGATE_WEB_PORT", ""))
	}
	s.webServer, s.webSecret = get("SANDGATE_WEB_SERVER", ""), get("SANDGATE_WEB_SECRET", "")
	if errors.Is(gatewayErr, pflag.ErrHelp) {
		return s, gatewayErr
	}
	if s.engine.Retention == 0 {
		s.engine.Retention = engineRetention
		if keeps := s.gateway.Retention; keeps > 0 { // nor longer than the gateway does
			s.engine.Retention = min(keeps, engineRetention)
		}
	}
	return s, errors.Join(gatewayErr, engineErr, webErr)
}

// serve runs everything until ctx ends.
func (s settings) serve(ctx context.Context, out, errs *os.File) (err error) {
	log := s.gateway.NewLogger(errs)
	if err := s.checkPorts(); err != nil {
		return err
	}
	dataDir, err := filepath.Abs(s.gateway.DataDir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return fmt.Errorf("make the folder for the data: %w", err)
	}
	// Each part is ended in the reverse order, whatever made the program end.
	onExit := func(stop func(context.Context) error) {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if stopErr := stop(bound); stopErr != nil && err == nil {
			err = stopErr
		}
	}

	engineOptions := s.engine.Options
	engineOptions.Logger = log.With("part", "engine")
	engineOptions.DataDir = filepath.Join(dataDir, "engine")
	engineOptions.LazyStore = true // the gateway's store is the one that nothing may be lost from
	engineOptions.Addr = "127.0.0.1:0"
	token := rand.Text()
	engineOptions.Access = server.Access{AuthnTokens: []string{token}}
	// The gateway keeps the queue that clients see; the engine's need only hold what is forwarded.
	if _, ok := os.LookupEnv("MAX_QUEUE_SIZE"); !ok {
		engineOptions.Config.MaxQueueSize = 1000
	}
	if err := os.MkdirAll(engineOptions.DataDir, 0o700); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "Sandgate: looking for compilers and opening the sandbox")
	cache := filepath.Join(dataDir, "cache")
	if _, err := os.Stat(cache); err != nil {
		_, _ = fmt.Fprintln(out, "  (the first start prepares the standard libraries of Go and C++: up to a minute)")
	}
	host, err := judge0.Isolate(ctx, &engineOptions, judge0.Places{Cache: cache}, s.engine.RequireCgroup)
	if err != nil {
		return stopped(ctx, err)
	}
	defer host.Close()
	engine, err := judge0.New(engineOptions)
	if err != nil {
		return err
	}
	defer onExit(engine.Stop)
	if err := engine.Start(ctx); err != nil {
		return stopped(ctx, err)
	}

	s.gateway.EngineURL, s.gateway.EngineToken = engine.URL(), token
	g := gateway.New(gateway.Options{Config: s.gateway, Log: log.With("part", "gateway")})
	if err := g.Start(ctx); err != nil {
		return stopped(ctx, err)
	}
	defer onExit(g.Stop)
	if err := waitUntil(ctx, g.Ready); err != nil {
		return stopped(ctx, fmt.Errorf("the gateway did not become ready: %w", err))
	}

	var web *webClient
	if s.webServer != "" {
		key, err := g.EnsureKey(ctx, "web client", "web", auth.Submit, auth.Read, auth.Delete, auth.Act)
		if err != nil {
			return stopped(ctx, err)
		}
		secret, err := webSecret(s.webSecret, dataDir)
		if err != nil {
			return err
		}
		web = startWeb(s.webServer, s.gateway.Host, s.webPort, g.URL(), key, secret, log.With("part", "web"))
		defer onExit(web.stop)
		if err := waitUntil(ctx, web.ready); err != nil {
			return stopped(ctx, fmt.Errorf("the web client did not start: %w", err))
		}
	}
	if err := s.greet(ctx, out, g, host, engineOptions, web); err != nil {
		return stopped(ctx, err)
	}
	garbage.Return()

	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(out, "\nSandgate: stopping")
		return nil
	case err := <-g.Done():
		return fmt.Errorf("the gateway stopped serving: %w", err)
	case err := <-engine.Failed():
		return fmt.Errorf("the engine stopped serving: %w", err)
	}
}

// stopped turns a failure that a signal caused into a clean end.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// checkPorts names a port that is taken, before anything else is begun.
func (s settings) checkPorts() error {
	check := func(port int, what, setting string) error {
		address := net.JoinHostPort(s.gateway.Host, strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("port %d is taken by another program; %s needs one: set %s to a free port", port, what, setting)
		}
		if err != nil {
			return fmt.Errorf("%s can't listen on %s: %w", what, address, err)
		}
		return l.Close()
	}
	err := check(s.gateway.Port, "the gateway", "SANDGATE_PORT")
	if s.webServer != "" {
		err = errors.Join(err, check(s.webPort, "the web page", "SANDGATE_WEB_PORT"))
	}
	return err
}

// waitUntil asks until ready says yes.
func waitUntil(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// greet says where to look, in a few lines, with a command that works as it stands.
func (s settings) greet(ctx context.Context, out io.Writer, g *gateway.Gateway, host judge0.Host, o judge0.Options, web *webClient) error {
	key := g.FirstKey()
	made := key != ""
	if !made {
		// The keys of earlier starts are known by their hashes only: this one is for the line below.
		var err error
		if key, err = g.EnsureKey(ctx, "quick start", auth.FirstAccount, auth.Submit, auth.Read); err != nil {
			return err
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nSandgate is ready.\n\n")
	if web != nil {
		fmt.Fprintf(&b, "  Web page    %s\n", web.url())
	}
	fmt.Fprintf(&b, "  API         %s\n", g.URL())
	fmt.Fprintf(&b, "  Isolation   %s\n", host.Isolation)
	fmt.Fprintf(&b, "  Languages   %s\n", wrapped(strings.Join(families(o), ", ")))
	if len(host.Missing) > 0 {
		fmt.Fprintf(&b, "              %s\n", wrapped("not on this machine: "+strings.Join(host.Missing, ", ")))
	}
	fmt.Fprintf(&b, "  Data        %s\n", s.gateway.DataDir)
	if made {
		fmt.Fprintf(&b, "  API key     %s\n              it has all rights and is shown this once: keep it\n", key)
	}
	fmt.Fprintf(&b, "\nTry it:\n\n  curl -s '%s/submissions?wait=true' -H 'X-Auth-Token: %s' \\\n    -H 'Content-Type: application/json' -d '%s'\n", g.URL(), key, example(o))
	fmt.Fprintf(&b, "\nCtrl-C stops it.\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// example is a submission in the first language of these that is there.
func example(o judge0.Options) string {
	for _, e := range []struct {
		id     int
		source string
	}{{71, `print(6*7)`}, {63, `console.log(6*7)`}, {46, `echo $((6*7))`}} {
		if _, ok := o.Languages.Get(e.id); ok {
			return fmt.Sprintf(`{"language_id": %d, "source_code": "%s"}`, e.id, e.source)
		}
	}
	return `{"language_id": 43, "source_code": "42"}`
}

// wrapped breaks a long line, with the indent of what greet prints.
func wrapped(text string) string {
	const width, indent = 80, "\n              "
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteString(indent)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// families lists the languages without their versions and repetitions.
func families(o judge0.Options) []string {
	var names []string
	for _, l := range o.Languages.Active() {
		name, _, versioned := strings.Cut(l.Name, " (")
		if versioned && (len(names) == 0 || names[len(names)-1] != name) {
			names = append(names, name)
		}
	}
	return names
}
