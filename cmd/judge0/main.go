// Command judge0 is the engine by itself: the Judge0 API, a queue and workers, with its data in one
// folder. Settings come from the environment, by the names of judge0.conf; see docs.
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
	os.Exit(run(ctx, os.LookupEnv, os.Stderr))
}

// run gives the exit code: 0 after a signal, 1 if the engine failed, 2 for wrong settings.
func run(ctx context.Context, lookup func(string) (string, bool), stderr io.Writer) int {
	settings, err := judge0.SettingsFromEnv(lookup)
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
	host, err := judge0.Isolate(ctx, &o, judge0.Places{}, s.RequireCgroup)
	if err != nil {
		return err
	}
	defer host.Close()
	o.Logger.Info("sandbox opened", "isolation", host.Isolation.String(), "missing", host.Missing)
	engine, err := judge0.New(o)
	if err != nil {
		return err
	}
	failed := engine.Start(ctx)
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
