// Package sandboxtest gives tests the real sandbox and the languages of this host.
package sandboxtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/sandgate/sandgate/judge0/language"
	"github.com/sandgate/sandgate/judge0/sandbox"
)

// Root is the folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// BuildInit builds sandbox-init into dir and gives its path. Where SANDBOX_INIT names a program that
// was built before, as on a machine without Go and the repository, it is that one.
func BuildInit(dir string) (string, error) {
	if path := os.Getenv("SANDBOX_INIT"); path != "" {
		return path, nil
	}
	path := filepath.Join(dir, "sandbox-init")
	build := exec.Command("go", "build", "-o", path, "./judge0/sandbox/init")
	build.Dir = Root()
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sandbox-init: %w\n%s", err, out)
	}
	return path, nil
}

// fromEnv gives the folder that a variable of the environment names, or one of the repository.
func fromEnv(variable, place string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	return filepath.Join(Root(), place)
}

// Open gives a sandbox that shows the toolchains of this host, and the languages. What is compiled
// once stays in bin/cache of the repository. The function returned closes all.
func Open(ready int) (*sandbox.Sandbox, *language.Set, func(), error) {
	dir, err := os.MkdirTemp("", "sandboxtest-*")
	if err != nil {
		return nil, nil, nil, err
	}
	clean := func() { _ = os.RemoveAll(dir) }
	fail := func(err error) (*sandbox.Sandbox, *language.Set, func(), error) {
		clean()
		return nil, nil, nil, err
	}
	initPath, err := BuildInit(dir)
	if err != nil {
		return fail(err)
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelInfo}))
	languages, err := language.Find(context.Background(), language.Options{
		Toolchains: fromEnv("SANDBOX_TOOLCHAINS", "toolchains"), Cache: fromEnv("SANDBOX_CACHE", "bin/cache"), Logger: log,
	})
	if err != nil {
		return fail(err)
	}
	boxes, err := sandbox.New(sandbox.Options{Init: initPath, Ready: ready, Folders: languages.Folders(), Logger: log})
	if err != nil {
		return fail(err)
	}
	if err := languages.Load(context.Background(), boxes); err != nil {
		boxes.Close()
		return fail(err)
	}
	return boxes, languages, func() { boxes.Close(); clean() }, nil
}
