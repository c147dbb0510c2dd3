// Command gateway runs the Sandgate API gateway. See --help for its settings. With the words keys,
// accounts or audit it is the operator's command line instead: see "gateway keys --help".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/admin"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/internal/garbage"
)

func main() {
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

func run(args []string, lookup func(string) (string, bool), out, errs *os.File) int {
	if admin.Is(args) {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return admin.Run(ctx, "gateway", args, lookup, out, errs)
	}
	settings, err := config.Load(args, lookup)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "gateway: the settings are wrong:\n%v\n", err)
		return 2
	}
	garbage.Reserve()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	g := gateway.New(gateway.Options{Config: settings, Log: settings.NewLogger(errs)})
	if err := g.Start(ctx); err != nil {
		fmt.Fprintf(errs, "gateway: %v\n", err)
		return 1
	}
	if key := g.FirstKey(); key != "" {
		fmt.Fprintf(out, "The first API key, with all rights. It is shown this once:\n\n    %s\n\n", key)
	}
	garbage.Return()
	code := 0
	select {
	case <-ctx.Done():
	case err := <-g.Done():
		fmt.Fprintf(errs, "gateway: it stopped serving: %v\n", err)
		code = 1
	}
	stop() // a second signal ends the program at once
	if err := g.Stop(context.Background()); err != nil {
		fmt.Fprintf(errs, "gateway: %v\n", err)
		return 1
	}
	return code
}
