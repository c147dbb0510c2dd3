package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) { return t.TempDir(), name == "SANDGATE_DATA_DIR" }
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"keys --help": {0, "gateway keys create"}, "--help": {0, ""}, "keys steal": {2, "there is no command"},
		"accounts list": {1, "there is no store"}, "--port=x": {2, "the settings are wrong"},
	} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		code := run(strings.Fields(args), lookup, out, out)
		text, err := os.ReadFile(out.Name())
		if err != nil || out.Close() != nil {
			t.Fatal(err)
		}
		if code != want.code || !strings.Contains(string(text), want.text) {
			t.Errorf("%s: %d %s", args, code, text)
		}
	}
}
