package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// webClient is the web client's server, a child of this process that is started again when it ends.
type webClient struct {
	host   string
	port   int
	client http.Client
	end    chan struct{}
	ended  chan struct{}
}

func startWeb(script, host string, port int, gateway, key, secret string, log *slog.Logger) *webClient {
	w := &webClient{host: host, port: port, client: http.Client{Timeout: 2 * time.Second}, end: make(chan struct{}), ended: make(chan struct{})}
	env := append(forWeb(os.Environ()),
		"NODE_ENV=production", "NEXT_TELEMETRY_DISABLED=1",
		"HOSTNAME="+host, "PORT="+strconv.Itoa(port),
		"SANDGATE_URL="+gateway, "SANDGATE_API_KEY="+key, "SANDGATE_WEB_SECRET="+secret,
	)
	go w.keep(script, env, log)
	return w
}

// webSecret gives what the web client signs its cookies with: what the operator chose, or what is kept
// in the data folder, so that guests and sign-ins outlive a restart.
func webSecret(chosen, dataDir string) (string, error) {
	if chosen != "" {
		return chosen, nil
	}
	path := filepath.Join(dataDir, "web-secret")
	kept, err := os.ReadFile(path)
	if err == nil && len(kept) > 0 {
		return string(kept), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the web client's secret: %w", err)
	}
	made := rand.Text() + rand.Text()
	if err := os.WriteFile(path, []byte(made), 0o600); err != nil {
		return "", fmt.Errorf("keep the web client's secret: %w", err)
	}
	return made, nil
}

// What the web client is told of this process's environment: its own settings, and what Node.js needs to find
// programs, certificates and proxies. Everything else stays here, as it may hold secrets: those of the gateway,
// of the engine, of databases, and others that the operator has.
var (
	webVariables = []string{
		"SANDGATE_WEB_URL", "SANDGATE_TRUSTED_PROXIES", "SANDGATE_GUESTS_PER_HOUR", "SANDGATE_OIDC_ISSUER", "SANDGATE_OIDC_CLIENT_ID", "SANDGATE_OIDC_CLIENT_SECRET", "SANDGATE_OIDC_NAME",
		"PATH", "HOME", "TMPDIR", "TZ", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "KEEP_ALIVE_TIMEOUT",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	}
	webPrefixes = []string{"NODE_", "LC_"}
)

// forWeb gives what of an environment the web client gets.
func forWeb(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(webVariables, name) && !slices.ContainsFunc(webPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
}

// keep runs the child until stop, with a pause that grows while it fails at once.
func (w *webClient) keep(script string, env []string, log *slog.Logger) {
	defer close(w.ended)
	// The kernel ends the child when the thread that started it ends: it must not end before.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const shortest, longest = 200 * time.Millisecond, 10 * time.Second
	pause := shortest
	for {
		began := time.Now()
		// Its young objects get little room: that costs it next to nothing, and saves 10 MB.
		child := exec.Command("node", "--max-semi-space-size=1", script)
		child.Dir = filepath.Dir(script)
		child.Env = env
		child.Stderr = os.Stderr
		// A group of its own: Ctrl-C at the terminal reaches us, and we end the child in order.
		child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := child.Start(); err != nil {
			log.Error("the web client can't be started", "error", err)
		} else {
			exited := make(chan error, 1)
			go func() { exited <- child.Wait() }()
			select {
			case err := <-exited:
				log.Error("the web client ended; it is started again", "error", err)
			case <-w.end:
				_ = child.Process.Signal(syscall.SIGTERM)
				select {
				case <-exited:
				case <-time.After(3 * time.Second):
					_ = child.Process.Kill()
					<-exited
				}
				return
			}
		}
		if time.Since(began) > longest {
			pause = shortest
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, longest)
		case <-w.end:
			return
		}
	}
}

func (w *webClient) url() string {
	host := w.host
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(w.port))
}

func (w *webClient) ready(ctx context.Context) error {
	host := w.host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, strconv.Itoa(w.port))+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}

func (w *webClient) stop(ctx context.Context) error {
	close(w.end)
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return errors.New("the web client did not end in time")
	}
}
