package language

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sandgate/sandgate/judge0/sandbox"
)

// tool is a program as a box sees it: its path there, and the folder to show where it is not in
// the parts of the host that every box has.
type tool struct {
	path   string
	folder *sandbox.Folder
}

// find looks for a program where distributions put it, and then where its own installer does. A
// wrapper in a home folder (a version manager's shim) is not followed blindly: it would look for
// files that no box has. What begins with a slash is a file that is looked for there only.
func (h *host) find(name string) (tool, bool) {
	if strings.HasPrefix(name, "/") {
		return tool{path: name}, visible(name) && isFile(name)
	}
	for _, dir := range []string{"/usr/bin", "/usr/local/bin", "/bin"} {
		path := filepath.Join(dir, name)
		if resolved, err := filepath.EvalSymlinks(path); err == nil && visible(resolved) && executable(resolved) {
			return tool{path: path}, true
		}
	}
	switch name {
	case "go":
		return h.fromRoot("go", []string{"go", "env", "GOROOT"}, "bin/go", "/usr/local/go")
	case "rustc":
		return h.fromRoot("rust", []string{"rustc", "--print", "sysroot"}, "bin/rustc")
	case "node":
		if path := output("node", "-p", "process.execPath"); path != "" {
			return h.inFolder("node", filepath.Dir(filepath.Dir(path)), "bin/node", executable)
		}
	case "java", "javac":
		if home := os.Getenv("JAVA_HOME"); home != "" {
			return h.inFolder("java", home, "bin/"+name, executable)
		}
	case "tsc":
		return h.typescript()
	case "kotlin-compiler":
		t, ok := h.inFolder("kotlin", filepath.Join(h.options.Toolchains, "kotlin"), "node_modules/kotlin-compiler/lib/kotlin-compiler.jar", isFile)
		h.values["kotlin-lib"] = filepath.Dir(t.path)
		return t, ok
	}
	return tool{}, false
}

// typescript is the native compiler that `npm ci` puts into toolchains/typescript.
func (h *host) typescript() (tool, bool) {
	const modules = "node_modules"
	root := filepath.Join(h.options.Toolchains, "typescript")
	found, err := filepath.Glob(filepath.Join(root, modules, "@typescript/typescript-linux-*/lib/tsc"))
	if err != nil || len(found) != 1 {
		return tool{}, false
	}
	inside, err := filepath.Rel(root, found[0])
	if err != nil {
		return tool{}, false
	}
	t, ok := h.inFolder("typescript", root, inside, executable)
	h.values["types"] = strings.TrimSuffix(t.path, inside) + modules + "/@types"
	return t, ok
}

// fromRoot asks a toolchain for its root, and then tries the places given.
func (h *host) fromRoot(name string, ask []string, inside string, places ...string) (tool, bool) {
	for _, root := range append([]string{output(ask[0], ask[1:]...)}, places...) {
		if t, ok := h.inFolder(name, root, inside, executable); ok {
			return t, true
		}
	}
	return tool{}, false
}

// inFolder gives the tool at root/inside; a root that no box sees is shown as /opt/name.
func (h *host) inFolder(name, root, inside string, usable func(path string) bool) (tool, bool) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil || root == "/" || !usable(filepath.Join(root, inside)) {
		return tool{}, false
	}
	if visible(root) {
		return tool{path: filepath.Join(root, inside)}, true
	}
	folder := sandbox.Folder{Host: root, Box: "/opt/" + name}
	return tool{path: filepath.Join(folder.Box, inside), folder: &folder}, true
}

// visible tells whether every box has a path anyway.
func visible(path string) bool {
	for _, root := range []string{"/usr/", "/bin/", "/lib/", "/lib64/"} {
		if strings.HasPrefix(path, root) {
			return true
		}
	}
	return false
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// output runs a program of the host's own PATH and gives the first line that it prints.
func output(name string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}
