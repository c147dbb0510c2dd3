package diagnose

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files")

// keyOf gives the language of a folder of samples: c-clang is C.
func keyOf(folder string) string {
	key, _, _ := strings.Cut(folder, "-")
	return key
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// The samples are programs with what the real toolchains print for them, recorded by the test of the
// whole in cmd/sandgate. Lines with the word HERE must be named.
func TestSamples(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("testdata/samples/*/*")
	if err != nil || len(samples) < 50 {
		t.Fatal("samples are missing", len(samples), err)
	}
	for _, sample := range samples {
		language, name := filepath.Base(filepath.Dir(sample)), filepath.Base(sample)
		t.Run(language+"/"+name, func(t *testing.T) {
			t.Parallel()
			found := append(Compiler(keyOf(language), read(t, filepath.Join(sample, "compile_output.txt"))),
				Program(keyOf(language), read(t, filepath.Join(sample, "stderr.txt")))...)
			got, err := json.MarshalIndent(found, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join(sample, "diagnostics.json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := strings.TrimSpace(read(t, golden)); string(got) != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			sources, err := filepath.Glob(filepath.Join(sample, "[Mms][ac][ir]*.*")) // main, Main or script
			if err != nil || len(sources) != 1 {
				t.Fatalf("%v, %v", sources, err)
			}
			lines := strings.Split(read(t, sources[0]), "\n")
			for i, line := range lines {
				if strings.Contains(line, "HERE") && !slices.ContainsFunc(found, func(d Diagnostic) bool { return d.Line == i+1 }) {
					t.Errorf("line %d is not named", i+1)
				}
			}
			for _, d := range found {
				if d.File != strings.TrimSuffix(filepath.Base(sources[0]), ".sample") || d.Line > len(lines) {
					t.Errorf("%+v is not in the user's source", d)
				}
			}
		})
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, language string
		program        bool
		text           string
		want           []Diagnostic
	}{
		{"nothing", "c", false, "", nil},
		{"another language", "cobol", false, "main.cob:3: error: x", nil},
		{"Windows line ends", "c", false, "main.c:1:2: error: x\r\n", []Diagnostic{{"main.c", 1, 2, Error, "x"}}},
		{"a library", "c", false, "/usr/include/stdio.h:1:2: error: x", nil},
		{"out of the box", "c", false, "../x.c:1:2: error: x", nil},
		{"a folder", "multi-file", false, "./src/a/b.c:7:2: warning: x", []Diagnostic{{"src/a/b.c", 7, 2, Warning, "x"}}},
		{"several languages", "multi-file", true, "Traceback (most recent call last):\n  File \"/box/a.py\", line 2, in <module>\nValueError: x\n", []Diagnostic{{"a.py", 2, 0, Error, "ValueError: x"}}},
		{"a debugged linker", "c", false, "/usr/bin/ld: /tmp/x.o: in function `main':\nmain.c:(.text+0x5): undefined reference to `f'", nil},
		{"AddressSanitizer", "c", true, "==1==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1\nREAD of size 1\n    #0 0x1 in memcpy (/usr/lib/libasan.so+0x1)\n    #1 0x2 in main /box/main.c:5:3\n    #2 0x2 in f /box/main.c:9", []Diagnostic{{"main.c", 5, 3, Error, "AddressSanitizer: heap-buffer-overflow on address 0x1"}}},
		{"Rust before 1.73", "rust", true, "thread 'main' panicked at 'it's bad', main.rs:2:5\nnote: run", []Diagnostic{{"main.rs", 2, 5, Error, "panicked: it's bad"}}},
		{"a panic in Rust's library", "rust", true, "thread 'main' panicked at /rustc/abc/library/core/src/x.rs:2:5:\nx", nil},
		{"pretty TypeScript", "typescript", false, "script.ts:3:7 - error TS2322: No.\n\n3 const", []Diagnostic{{"script.ts", 3, 7, Error, "No. (TS2322)"}}},
		{"TypeScript's continued message", "typescript", false, "script.ts(3,7): error TS2322: No.\n  Because.\n", []Diagnostic{{"script.ts", 3, 7, Error, "No. (TS2322) Because."}}},
		{"TypeScript without a map", "typescript", true, "/box/script.js:2\nthrow x\n^\n\nError: x\n    at /box/script.js:2:3\n", nil},
		{"an error that the program printed", "javascript", true, "Error: x\n    at f (/box/script.js:2:3)\n    at node:internal/x:1:2\n", []Diagnostic{{"script.js", 2, 3, Error, "Error: x"}}},
		{"a module", "javascript", true, "file:///box/a.mjs:2\nthrow x\n^\n\nError: x\n    at async f (file:///box/a.mjs:3:4)\n", []Diagnostic{{"a.mjs", 3, 4, Error, "Error: x"}}},
		{"a caught exception, then the fatal one", "java", true, "java.lang.RuntimeException: a\n\tat Main.f(Main.java:3)\nException in thread \"main\" java.lang.Error: b\n\tat Main.main(Main.java:9)\n",
			[]Diagnostic{{"Main.java", 3, 0, Note, "java.lang.RuntimeException: a"}, {"Main.java", 9, 0, Error, "java.lang.Error: b"}}},
		{"a goroutine", "go", true, "panic: x\n\ngoroutine 5 [running]:\nmain.f()\n\t/box/main.go:4 +0x1\ncreated by main.main in goroutine 1\n\t/box/main.go:9 +0x2\n", []Diagnostic{{"main.go", 4, 0, Error, "panic: x"}}},
		{"vet", "go", false, "# command-line-arguments\nvet: ./main.go:3:2: undefined: x", []Diagnostic{{"main.go", 3, 2, Error, "undefined: x"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			read := Compiler
			if tc.program {
				read = Program
			}
			if got := read(tc.language, tc.text); !slices.Equal(got, tc.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 2_000 {
		many.WriteString("main.c:" + strings.Repeat("1", 1+i%5) + ":2: error: " + strings.Repeat("é", i%2000) + "\n")
	}
	found := Compiler("c", many.String())
	if len(found) == 0 || len(found) > MaxDiagnostics {
		t.Errorf("%d diagnostics", len(found))
	}
	for _, d := range found {
		if len(d.Message) > maxMessage+len("…") {
			t.Errorf("a message of %d bytes", len(d.Message))
		}
	}
	// A program may print much before it fails, and its runtime much after it says why.
	python := strings.Repeat("noise\n", 20_000) + "Traceback (most recent call last):\n  File \"script.py\", line 7, in <module>\nValueError: x\n"
	if found := Program("python", python); len(found) != 1 || found[0].Line != 7 {
		t.Errorf("after much noise: %+v", found)
	}
	deadlock := "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/box/main.go:5 +0x25\n" + strings.Repeat("\ngoroutine 2 [x]:\nmain.f()\n\t/box/main.go:9 +0x2\n", 3_000)
	if found := Program("go", deadlock); len(found) != 1 || found[0].Line != 5 {
		t.Errorf("before many goroutines: %+v", found)
	}
}

func FuzzDiagnose(f *testing.F) {
	files, err := filepath.Glob("testdata/samples/*/*/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(keyOf(filepath.Base(filepath.Dir(filepath.Dir(path)))), string(text))
	}
	f.Fuzz(func(t *testing.T, language, text string) {
		for _, read := range []func(string, string) []Diagnostic{Compiler, Program} {
			for _, key := range []string{language, MultiFile} {
				found := read(key, text)
				if len(found) > MaxDiagnostics {
					t.Fatalf("%d diagnostics", len(found))
				}
				for _, d := range found {
					if d.Line < 1 || d.Column < 0 || d.Message == "" || !utf8.ValidString(d.Message) || strings.HasPrefix(d.File, "/") || d.File == "" {
						t.Fatalf("%+v", d)
					}
				}
			}
		}
	})
}
