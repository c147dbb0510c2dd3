// Package profiling serves Go's profiles of this process, for `go tool pprof` and collectors of profiles.
package profiling

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"
)

// How closely waits are looked at: one in so many nanoseconds of blocking, one in so many waits for a lock.
const (
	blockRate = 10_000
	mutexRate = 10
)

// Serve serves profiles at address, below /debug/pprof/, until stop is called. They tell whoever reaches them about
// the process, so that the address should be one of this host or of a private network.
func Serve(address string, log *slog.Logger) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve profiles: %w", err)
	}
	runtime.SetBlockProfileRate(blockRate)
	runtime.SetMutexProfileFraction(mutexRate)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // and the profiles by their names
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("profiles are not served any more", "error", err)
		}
	}()
	log.Info("profiles are served", "url", "http://"+listener.Addr().String()+"/debug/pprof/")
	return func() {
		_ = server.Close() // who takes a profile is not waited for
		<-ended
		runtime.SetBlockProfileRate(0)
		runtime.SetMutexProfileFraction(0)
	}, nil
}
