package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/dispatch"
)

const benchKey = "the-key-of-the-benchmark"

// gatewayRole is a gateway with room for just so many connections.
func gatewayRole(engine string, connections int) error {
	dir, err := os.MkdirTemp("", "sandgate-live-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := config.Default()
	c.Port, c.DataDir, c.BootstrapKey, c.EngineURL = 0, dir, benchKey, engine
	c.MaxStreams, c.MaxStreamsPerAccount, c.QueueLimit, c.ShutdownTimeout = connections, connections, 2*connections, 5*time.Second
	g := gateway.New(gateway.Options{Config: c, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Dispatch: func(o *dispatch.Options) {
		o.Grace = time.Hour // the engine is quiet until it is told to end everything
	}})
	ctx := context.Background()
	if err := g.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = g.Stop(ctx) }()
	return answers(func(command string) (figures, error) {
		switch command {
		case "ready":
			for deadline := time.Now().Add(time.Minute); g.Ready(ctx) != nil; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					return figures{}, g.Ready(ctx)
				}
			}
			return figures{URL: g.URL(), Key: benchKey}, nil
		case "memory":
			return memory()
		}
		return figures{}, fmt.Errorf("unknown command %q", command)
	})
}

// memory tells what the process holds once what it can give back is given back.
func memory() (figures, error) {
	// Stacks shrink by half with each collection.
	for range 4 {
		runtime.GC()
		time.Sleep(100 * time.Millisecond)
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f := figures{Heap: int(m.HeapAlloc), Stacks: int(m.StackInuse), Routines: runtime.NumGoroutine()}
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return f, err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); n == 1 {
			f.Resident = kilobytes << 10
		}
	}
	return f, nil
}
