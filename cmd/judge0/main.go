// Command judge0 is the engine by itself: the Judge0 API, a queue and workers, with its data in one
// folder. `judge0 server` and `judge0 worker` are the parts of a cluster, any number of each, which
// share PostgreSQL and Redis. Settings come from the environment, by the names of judge0.conf; see
// docs.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sandgate/sandgate/judge0"
)

// stopTime is how long runs may go on after a signal: as long as the longest that are common.
const stopTime = 25 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stderr))
}

// startTime is how long PostgreSQL may take to come up.
const startTime = time.Minute

// run gives the exit code: 0 after a signal, 1 if the engine failed, 2 for wrong settings.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stderr io.Writer) int {
	role := judge0.Whole
	switch {
	case len(args) == 0:
	case len(args) == 1 && args[0] == "server":
		role = judge0.ServerRole
	case len(args) == 1 && args[0] == "worker":
		role = judge0.WorkerRole
	default:
		_, _ = fmt.Fprintln(stderr, "usage: judge0 [server|worker]")
		return 2
	}
	settings, err := judge0.SettingsFromEnv(role, lookup)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "judge0: wrong settings:\n%v\n", err)
		return 2
	}
	var handler slog.Handler = slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: settings.LogLevel})
	if settings.LogFormat == "text" {
		handler = slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: settings.LogLevel})
	}
	log := slog.New(handler)
	settings.Logger = log
	if err := serve(ctx, settings); err != nil {
		log.Error("judge0 failed", "error", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, s judge0.Settings) error {
	o := s.Options
	if o.Role != judge0.ServerRole {
		host, err := judge0.Isolate(ctx, &o, judge0.Places{}, s.RequireCgroup)
		if err != nil {
			return err
		}
		defer host.Close()
		o.Logger.Info("sandbox opened", "isolation", host.Isolation.String(), "missing", host.Missing)
	}
	engine, err := judge0.New(o)
	if err != nil {
		return err
	}
	startContext, cancelStart := context.WithTimeout(ctx, startTime)
	failed := engine.Start(startContext)
	cancelStart()
	if failed == nil {
		select {
		case <-ctx.Done():
		case failed = <-engine.Failed():
		}
	}
	stopContext, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := engine.Stop(stopContext); failed == nil {
		failed = err
	}
	return failed
}
