package language

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goPackages is what programs of courses and contests import. The rest of the standard library is
// compiled when a program asks for it.
const goPackages = `bufio bytes cmp container/heap container/list container/ring context crypto/md5 crypto/rand
crypto/sha1 crypto/sha256 crypto/sha512 encoding/base64 encoding/binary encoding/csv encoding/hex encoding/json
encoding/xml errors flag fmt hash/crc32 hash/fnv hash/maphash io iter log maps math math/big math/bits math/cmplx
math/rand math/rand/v2 net/url os os/signal path/filepath reflect regexp runtime runtime/debug slices sort strconv
strings sync sync/atomic testing text/tabwriter text/template time unicode unicode/utf16 unicode/utf8 unsafe`

// goCache compiles the standard library once for each version of Go, and gives the folder as boxes
// see it.
func (h *host) goCache(ctx context.Context, t tool) (string, error) {
	program := t.path
	if t.folder != nil {
		program = filepath.Join(t.folder.Host, strings.TrimPrefix(t.path, t.folder.Box))
	}
	version := output(program, "env", "GOVERSION")
	if version == "" {
		return "", errors.New("its version is not known")
	}
	dir, err := h.prepare("gocache-"+version, func(dir string) error {
		h.options.Logger.Info("compiling the standard library of Go, once", "version", version)
		var source strings.Builder
		source.WriteString("package main\n\n")
		for _, name := range strings.Fields(goPackages) {
			fmt.Fprintf(&source, "import _ %q\n", name)
		}
		source.WriteString("\nfunc main() {}\n")
		work, err := os.MkdirTemp("", "gocache-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(work)
		if err := os.WriteFile(filepath.Join(work, "main.go"), []byte(source.String()), 0o644); err != nil {
			return err
		}
		build := exec.CommandContext(ctx, program, "build", "-o", "main", "main.go")
		build.Dir = work
		build.Env = append(os.Environ(), "GOCACHE="+dir, "GOTOOLCHAIN=local", "GOTELEMETRY=off", "GOPROXY=off", "GOFLAGS=", "CGO_ENABLED=0", "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return h.show(dir, "/opt/gocache"), nil
}

// prepare gives the folder of that name: the one that came with the image, the one that was made
// before, or one that build fills now.
func (h *host) prepare(name string, build func(dir string) error) (string, error) {
	for _, root := range []string{h.options.Prepared, h.options.Cache} {
		if root == "" {
			continue
		}
		dir, err := filepath.Abs(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(dir); err == nil {
			return dir, nil
		}
	}
	if h.options.Cache == "" {
		return "", errors.New("there is no folder for caches")
	}
	if err := os.MkdirAll(h.options.Cache, 0o755); err != nil {
		return "", err
	}
	building, err := os.MkdirTemp(h.options.Cache, "building-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(building)
	if err := os.Chmod(building, 0o755); err != nil {
		return "", err
	}
	if err := build(building); err != nil {
		return "", err
	}
	dir, err := filepath.Abs(filepath.Join(h.options.Cache, name))
	if err != nil {
		return "", err
	}
	// Another process may have been faster; either result will do.
	if err := os.Rename(building, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}
