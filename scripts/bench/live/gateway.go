package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/dispatch"
)

// profileRate is how many bytes the heap's profile samples one of.
const profileRate = 4096

const benchKey = "the-key-of-the-benchmark"

// gatewayRole is a gateway with room for just so many connections.
func gatewayRole(engine string, connections int) error {
	runtime.MemProfileRate = profileRate
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
	f := figures{Heap: int(m.HeapAlloc), Stacks: int(m.StackInuse), Routines: runtime.NumGoroutine(), Parts: parts()}
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

// parts tells what of the heap is whose, by module or package: the first in the stack that is not of Go itself, as it
// is who asked. The profile samples; small objects stand for those that were not seen.
func parts() map[string]float64 {
	n, _ := runtime.MemProfile(nil, false)
	records := make([]runtime.MemProfileRecord, n+100)
	n, ok := runtime.MemProfile(records, false)
	if !ok {
		return nil
	}
	of := map[string]float64{}
	for _, record := range records[:n] {
		if record.InUseObjects() == 0 {
			continue
		}
		bytes, mean := float64(record.InUseBytes()), float64(record.InUseBytes())/float64(record.InUseObjects())
		of[whose(record.Stack())] += bytes / (1 - math.Exp(-mean/float64(profileRate)))
	}
	return of
}

func whose(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		frame, more := frames.Next()
		module, rest, found := strings.Cut(frame.Function, "/")
		if found && strings.Contains(module, ".") {
			owner, rest, _ := strings.Cut(rest, "/")
			name, inner, nested := strings.Cut(rest, "/")
			name, _, _ = strings.Cut(name, ".")
			if nested && owner == "sandgate" {
				inner, _, _ = strings.Cut(inner, ".")
				return "sandgate: " + name + "/" + inner
			}
			return owner + "/" + name
		}
		if !more {
			return "Go"
		}
	}
}
