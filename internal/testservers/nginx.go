package testservers

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Nginx is one of the load balancers of the cluster, with the templates of the folder nginx.
type Nginx struct {
	*server
	// URL is where it answers, without a slash at the end.
	URL string
}

// NginxSettings are those of nginx/start.sh; what is empty is as it is there.
type NginxSettings struct{ ReadTimeout, LargeBodies string }

// StartNginx starts the load balancer of a role, runner-lb or judge0-lb, before upstreams such as
// 127.0.0.1:8080. It renders the templates as nginx/start.sh does, but for the ports.
func StartNginx(role string, settings NginxSettings, upstreams ...string) (*Nginx, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return nil, fmt.Errorf("nginx is %w", ErrMissing)
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	s, port, err := newServer("nginx")
	if err != nil {
		return nil, err
	}
	// Its workers give up root's rights, and their bodies go through this folder.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return nil, err
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	inner := probe.Addr().String()
	if err := probe.Close(); err != nil {
		return nil, err
	}
	n := &Nginx{server: s, URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	var servers strings.Builder
	for _, upstream := range upstreams {
		fmt.Fprintf(&servers, "\n    server %s max_fails=2 fail_timeout=5s;", upstream)
	}
	ports := strings.NewReplacer("listen 8080;", fmt.Sprintf("listen 127.0.0.1:%d;", port), "listen 8089;", "listen "+inner+";")
	variables := strings.NewReplacer("$SERVERS", servers.String(), "$TLS", "", "$HERE", filepath.Join(root, "nginx"), "$OUT", s.dir, "$MAX_BODY", "16m",
		"$READ_TIMEOUT", cmp.Or(settings.ReadTimeout, "15s"), "$LARGE_BODIES", cmp.Or(settings.LargeBodies, "32"))
	for _, name := range []string{role, "proxy"} {
		template, err := os.ReadFile(filepath.Join(root, "nginx", name+".conf.template"))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(s.dir, name+".conf"), []byte(ports.Replace(variables.Replace(string(template)))), 0o600); err != nil {
			return nil, err
		}
	}
	s.program = program
	s.args = []string{"-e", filepath.Join(s.dir, "errors"), "-c", filepath.Join(s.dir, role+".conf"), "-g", "daemon off;"}
	s.orphan = syscall.SIGTERM // it ends its workers then
	s.ping = func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+inner+"/healthz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	return n, n.Start()
}

// Bodies is how many files of request bodies there are on the disk.
func (n *Nginx) Bodies() (files int, err error) {
	err = filepath.WalkDir(filepath.Join(n.dir, "body"), func(_ string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files++
		}
		return err
	})
	return files, err
}

// Log is what was logged of requests so far: a line of JSON for each.
func (n *Nginx) Log() (string, error) {
	text, err := os.ReadFile(filepath.Join(n.dir, "log"))
	return string(text), err
}

// moduleRoot is the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
}
