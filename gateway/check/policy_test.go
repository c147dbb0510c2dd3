package check

import (
	"archive/zip"
	"fmt"
	"strings"
	"testing"

	"github.com/sandgate/sandgate/gateway/diagnose"
	"github.com/sandgate/sandgate/judge0/api"
)

func policy(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		language, forbidden, source string
		line                        int // 0: it is allowed
	}{
		{"python", "os", "import os", 1},
		{"python", "os", "import sys, os.path as p", 1},
		{"python", "os", "x = 1\nif x: from os import path", 2},
		{"python", "os.path", "from os import (\n  sep,\n  path as p)", 1},
		{"python", "os.path", "from os import sep", 0},
		{"python", "os", "import oslo, sos\nfrom .os import x", 0},
		{"python", "os", "# import os\nx = 'import os'\n'''\nimport os\n'''\nprint(\"\"\"\nimport os\"\"\")", 0},
		{"python", "os", "x = 1; import \\\n  os", 1},
		{"python", "os", "__import__('os').system('x')", 1},
		{"python", "os", "import importlib\nimportlib.import_module(\"os.path\")", 2},
		{"python", "os", "x = r'\\'; import os'", 0},
		{"python", "os", "def f():\n  'doc'\n  import os", 3},
		{"c", "sys/socket.h", "#include <sys/socket.h>", 1},
		{"c", "sys", "int x;\n  #  include  <sys/socket.h>", 2},
		{"c", "other.h", "#include \"other.h\"", 1},
		{"c", "stdlib.h", "/* #include <stdlib.h>\n#include <stdlib.h> */ // \\\n#include <stdlib.h>\n#include <stdio.h>", 0},
		{"cpp", "<thread>", "const char* s = R\"x(\n#include <thread>\n)x\";\nint n = 1'000; char c = '\"';\n#include <thread>", 5},
		{"cpp", "thread", "import <thread>;", 1},
		{"java", "java.io", "import java.io.File;", 1},
		{"java", "java.io.File", "import java.io.*;\nclass A { File f; }", 1},
		{"java", "java.io.File", "import java.io.*;\nclass A { Reader f; }", 0},
		{"java", "java.io", "class A { java . io . File f; }", 1},
		{"java", "java.lang.Runtime", "class A {\n  Object o = Runtime.getRuntime();\n}", 2},
		{"java", "java.io", "// java.io.File\n/* import java.io.File; */ String s = \"java.io.File\"; String t = \"\"\"\n java.io.File \" \"\"\";", 0},
		{"go", "os", "package main\n\nimport (\n\t\"fmt\"\n\tx \"os/exec\"\n)", 5},
		{"go", "os", "package main\n\nimport `os`\nfunc main() {", 3},
		{"go", "os", "package main\n// import \"os\"\nvar s = \"import os\"", 0},
		{"rust", "std::process", "use std::process::Command;", 1},
		{"rust", "std::process", "use std::{fs, process::{self, Command}};", 1},
		{"rust", "std::process", "fn f<'a>(x: &'a str) -> char { '\"' }\nfn main() { std::process::exit(1) }", 2},
		{"rust", "std::process", "/* /* */ use std::process; */ let s = r#\"\" std::process \"#; // std::process", 0},
		{"rust", "libc", "extern crate libc;", 1},
		{"javascript", "fs", "const fs = require('fs')", 1},
		{"javascript", "fs", "import { a,\n b } from \"node:fs/promises\"", 1},
		{"javascript", "node:fs", "await import(`fs`)", 1},
		{"javascript", "fs", "// require('fs')\nconst s = \"require('fs')\", t = `require('fs') ${a}`, r = /require('fs')/g", 0},
		{"javascript", "fs", "const t = `${`${require('fs')}`}`", 1},
		{"javascript", "fs", "const x = a / b; const y = 'c' / require('fs')", 1},
		{"typescript", "fs", "import type { A } from 'x'\nimport fs = require(\"fs\")", 2},
		{"typescript", "fs", "export * from 'fs'", 1},
	} {
		findings := policy(t, fmt.Sprintf(`{"languages":{%q:{"imports":[{"name":%q}]}}}`, tc.language, tc.forbidden)).Check(tc.language, File{"", tc.source})
		switch {
		case tc.line == 0 && len(findings) > 0, tc.line > 0 && (len(findings) == 0 || findings[0].Line != tc.line):
			t.Errorf("%s, %s forbidden, %q: %+v", tc.language, tc.forbidden, tc.source, findings)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	p := policy(t, `{"mode":"enforce","languages":{
		"python":{"patterns":[{"pattern":"\\beval\\s*\\(","message":"no eval, please"},{"pattern":"/etc/\\w+","in":"text"}]},
		"*":{"patterns":[{"pattern":"(?i)secret"}]}}}`)
	findings := p.Check("python", File{"", "print('eval(1)') # eval(2)\näöü = eval (3)\nopen('/etc/passwd') # /etc/shadow\n"}, File{"b.py", "Secret = 1"})
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%s:%d:%d %s %s", f.File, f.Line, f.Column, f.Severity, f.Message))
	}
	want := []string{":2:7 error no eval, please", `:3:7 error the pattern /etc/\w+ is not allowed`, "b.py:1:1 error the pattern (?i)secret is not allowed"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
	if !p.Enforced() || p.Check("c", File{"", "int x;"}) != nil {
		t.Error("another language")
	}
	if findings := p.Check("c", File{"", strings.Repeat("x", MaxSource+1)}); len(findings) != 1 || findings[0].Rule != "size" || findings[0].Severity != diagnose.Error {
		t.Errorf("too long: %+v", findings)
	}
	if findings := p.Check("c", File{"", strings.Repeat("secret\n", 1000)}); len(findings) > MaxFindings {
		t.Errorf("%d findings", len(findings))
	}
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	if p := policy(t, ""); !p.Empty() || p.Enforced() || p.Check("c", File{"", "x"}) != nil {
		t.Error("no policy forbids something")
	}
	for text, words := range map[string]string{
		"{":                 "can't be read",
		`{"mode":"strict"}`: `"strict" is neither report nor enforce`,
		`{"modes":"x"}`:     "modes",
		`{} {}`:             "after its end",
		`{} }`:              "after its end",
		`{}]`:               "after its end",
		`{"languages":{"c":{"patterns":[{"pattern":"a)|(b"}]}}}`:         "unexpected )",
		`{"languages":{"ruby":{"imports":[{"name":"net/http"}]}}}`:       "languages.ruby.imports",
		`{"languages":{"c":{"imports":[{"name":" "}]}}}`:                 "imports[0].name",
		`{"languages":{"c":{"patterns":[{"pattern":"("}]}}}`:             "missing closing )",
		`{"languages":{"c":{"patterns":[{"pattern":"(?=x)"}]}}}`:         "invalid or unsupported",
		`{"languages":{"c":{"patterns":[{"pattern":"x*"}]}}}`:            "the empty text",
		`{"languages":{"c":{"patterns":[{"pattern":"x","in":"here"}]}}}`: "neither code nor text",
		`{"languages":{"":{}}}`:                                          "no key",
		strings.Repeat(" ", MaxPolicy+1):                                 "longer",
	} {
		_, err := ParsePolicy(text)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

// A policy sees a file whatever its archive does to hide it, or says that there is too much to see.
func TestHiddenFiles(t *testing.T) {
	t.Parallel()
	p := policy(t, `{"mode":"enforce","languages":{"c":{"imports":[{"name":"bad.h"}]}}}`)
	bad, large, source := "#include <bad.h>\n", strings.Repeat("x", MaxSource+1), "int x;"
	for name, tc := range map[string]struct {
		archive []byte
		rule    string // "": there is nothing to find
	}{
		"plain":                       {packed(t, zip.Deflate, "a.h", bad), "import"},
		"a name that is cleaned":      {packed(t, zip.Deflate, "a.h/.", bad), "import"},
		"behind what is not read":     {packed(t, zip.Deflate, "a.py", large, "a.h", bad), "import"},
		"behind too much":             {packed(t, zip.Deflate, "a.c", large, "b.h", bad), "size"},
		"one file listed many times":  {overlapping(packed(t, zip.Store, "a.h", strings.Repeat("x", 1000)), 500), "size"},
		"much that no rule is about":  {packed(t, zip.Deflate, "a.py", large), ""},
		"a folder with such a name":   {packed(t, zip.Store, "a.h/", ""), ""},
		"other files listed so often": {overlapping(packed(t, zip.Store, "a.txt", strings.Repeat("x", 1000)), 500), ""},
	} {
		given := string(tc.archive)
		findings := p.CheckProgram(gcc, &api.Submission{SourceCode: &source, AdditionalFiles: &given})
		if len(findings) == 0 != (tc.rule == "") || len(findings) > 0 && findings[0].Rule != tc.rule {
			t.Errorf("%s: %+v", name, findings)
		}
	}
}

// Whatever a program holds, all forms of it have one length, and the same lines.
func FuzzSource(f *testing.F) {
	for _, source := range []string{"x = '''a\n'''\n# c", "R\"(x)\" 'a' /* */", "`${`${a}`}` / x / 2", "r#\"\"# 'a 'b'", "\"\\", "/*", "import \\", "use a::{b,{c"} {
		for language := range syntaxes {
			f.Add(language, source)
		}
	}
	f.Fuzz(func(t *testing.T, language, text string) {
		s := newSource(language, text)
		if len(s.code) != len(text) || len(s.text) != len(text) || strings.Count(s.code, "\n") != strings.Count(text, "\n") {
			t.Fatalf("%q became %q, %q", text, s.text, s.code)
		}
		if find := importers[language]; find != nil {
			for _, found := range find(s) {
				if found.at < 0 || found.at >= len(text) {
					t.Fatalf("%+v", found)
				}
			}
		}
	})
}
