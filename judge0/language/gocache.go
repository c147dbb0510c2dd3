package language

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sandgate/sandgate/judge0/sandbox"
)

// goPackages is what programs of courses and contests import. The rest of the standard library is
// compiled when a program asks for it.
const goPackages = `bufio bytes cmp container/heap container/list container/ring context crypto/md5 crypto/rand
crypto/sha1 crypto/sha256 crypto/sha512 encoding/base64 encoding/binary encoding/csv encoding/hex encoding/json
encoding/xml errors flag fmt hash/crc32 hash/fnv hash/maphash io iter log maps math math/big math/bits math/cmplx
math/rand math/rand/v2 net/url os os/signal path/filepath reflect regexp runtime runtime/debug slices sort strconv
strings sync sync/atomic testing text/tabwriter text/template time unicode unicode/utf16 unicode/utf8 unsafe`

// goCache compiles the standard library once for each version of Go. Boxes see the result read-only.
func goCache(ctx context.Context, tool tool, options Options) (sandbox.Folder, error) {
	program := tool.path
	if tool.folder != nil {
		program = filepath.Join(tool.folder.Host, strings.TrimPrefix(tool.path, tool.folder.Box))
	}
	version := output(program, "env", "GOVERSION")
	if version == "" || options.Cache == "" {
		return sandbox.Folder{}, errors.New("its version or the folder for caches is not known")
	}
	dir, err := filepath.Abs(filepath.Join(options.Cache, "gocache-"+version))
	if err != nil {
		return sandbox.Folder{}, err
	}
	folder := sandbox.Folder{Host: dir, Box: "/opt/gocache"}
	if _, err := os.Stat(dir); err == nil {
		return folder, nil
	}
	options.Logger.Info("compiling the standard library of Go, once", "version", version)
	if err := os.MkdirAll(options.Cache, 0o755); err != nil {
		return folder, err
	}
	building, err := os.MkdirTemp(options.Cache, "building-*")
	if err != nil {
		return folder, err
	}
	defer os.RemoveAll(building)
	cache := filepath.Join(building, "cache")
	var source strings.Builder
	source.WriteString("package main\n\n")
	for _, name := range strings.Fields(goPackages) {
		fmt.Fprintf(&source, "import _ %q\n", name)
	}
	source.WriteString("\nfunc main() {}\n")
	if err := os.WriteFile(filepath.Join(building, "main.go"), []byte(source.String()), 0o644); err != nil {
		return folder, err
	}
	build := exec.CommandContext(ctx, program, "build", "-o", "main", "main.go")
	build.Dir = building
	build.Env = append(os.Environ(), "GOCACHE="+cache, "GOTOOLCHAIN=local", "GOTELEMETRY=off", "GOPROXY=off", "GOFLAGS=", "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return folder, fmt.Errorf("%w: %s", err, out)
	}
	if err := os.Chmod(building, 0o755); err != nil {
		return folder, err
	}
	// Another process may have been faster; either result will do.
	if err := os.Rename(cache, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return folder, err
		}
	}
	return folder, nil
}
