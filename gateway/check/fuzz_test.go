package check

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sandgate/sandgate/judge0/api"
)

// packed makes an archive of names and texts in turn.
func packed(t testing.TB, method uint16, texts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(texts); i += 2 {
		to, err := w.CreateHeader(&zip.FileHeader{Name: texts[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(to, texts[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// overlapping lists the one entry of an archive many times.
func overlapping(archive []byte, times int) []byte {
	const tail = 22
	end := archive[len(archive)-tail:]
	size, from := binary.LittleEndian.Uint32(end[12:]), binary.LittleEndian.Uint32(end[16:])
	made := append([]byte{}, archive[:from]...)
	for range times {
		made = append(made, archive[from:from+size]...)
	}
	end = append([]byte{}, end...)
	binary.LittleEndian.PutUint16(end[8:], uint16(times))
	binary.LittleEndian.PutUint16(end[10:], uint16(times))
	binary.LittleEndian.PutUint32(end[12:], size*uint32(times))
	return append(made, end...)
}

// unpacked gives what the engine would write of an archive, by the name of the file; false: it would refuse it.
func unpacked(given string, most int64) (map[string]string, bool) {
	files := map[string]string{}
	archive, err := zip.NewReader(strings.NewReader(given), int64(len(given)))
	if err != nil {
		return nil, false
	}
	for _, entry := range archive.File {
		name := filepath.Clean(entry.Name)
		_, taken := files[name]
		switch {
		case !filepath.IsLocal(name) || !entry.Mode().IsDir() && !entry.Mode().IsRegular():
			return nil, false
		case taken || entry.Mode().IsDir():
			continue
		}
		from, err := entry.Open()
		if err != nil {
			return nil, false
		}
		text, err := io.ReadAll(io.LimitReader(from, most+1))
		_ = from.Close()
		if most -= int64(len(text)); err != nil || most < 0 {
			return nil, false
		}
		files[name] = string(text)
	}
	return files, true
}

// FuzzArchive gives a program additional files of any kind. Neither check may make much more of them than they are,
// the checker's own files stay, and the policy looks at whatever the engine would unpack for the compiler.
func FuzzArchive(f *testing.F) {
	bad := "#include <bad.h>\n"
	f.Add(packed(f, zip.Store, "a.h", bad, "notes.txt", "x"), "int x;")
	f.Add(packed(f, zip.Deflate, "a.h", strings.Repeat("int x;\n", 20)+bad, "d/", "", "d/b.c", bad), "int x;")
	f.Add(packed(f, zip.Store, "compile", "rm -rf /", "./run", "x", "compile.sh", "x", "/run", "x", "x/../main.c", "x", "run/x", "x"), "int x;")
	f.Add(packed(f, zip.Store, "../a.h", bad, "b.c/.", bad, "c.c", bad), "int x;")
	f.Add(packed(f, zip.Store, "b.c/.", bad), "int x;")
	f.Add(packed(f, zip.Deflate, "large.py", strings.Repeat("x", MaxSource+1), "a.h", bad), "int x;")
	f.Add(overlapping(packed(f, zip.Store, "a.h", strings.Repeat("x", 4000)), 100), "int x;")
	f.Add([]byte("PK\x05\x06"), "")
	p, err := ParsePolicy(`{"mode":"enforce","languages":{"c":{"imports":[{"name":"bad.h"}]}}}`)
	if err != nil {
		f.Fatal(err)
	}
	r, _ := recipeOf(gcc, "")
	r.files = map[string]string{vetFile: vetScript}
	f.Fuzz(func(t *testing.T, archive []byte, source string) {
		given := string(archive)
		program := &api.Submission{SourceCode: &source, AdditionalFiles: &given}
		made, err := r.archive(gcc.SourceFile, program)
		if err == nil {
			if most := 5*len(given) + len(source) + 64<<10; len(made) > most {
				t.Fatalf("of %d bytes, %d were made", len(given), len(made))
			}
			read, err := zip.NewReader(strings.NewReader(made), int64(len(made)))
			if err != nil {
				t.Fatal(err)
			}
			own := map[string]string{"compile": "exit 0\n", "run": "exec 2>&1\n" + r.script + "\n", gcc.SourceFile: source, vetFile: vetScript}
			for i, entry := range read.File {
				want, ours := own[path.Clean(entry.Name)]
				if ours != (i < len(own)) {
					t.Fatalf("entry %d is %q", i, entry.Name)
				}
				if !ours {
					continue
				}
				content, err := entry.Open()
				if err != nil {
					t.Fatal(err)
				}
				if text, err := io.ReadAll(content); err != nil || string(text) != want {
					t.Fatalf("%q holds %q, %v", entry.Name, text, err)
				}
			}
		}
		findings := p.CheckProgram(gcc, program)
		if len(findings) > MaxFindings {
			t.Fatalf("%d findings", len(findings))
		}
		if files, ok := unpacked(given, 1<<20); ok && len(findings) == 0 {
			for name, text := range files {
				if ext := path.Ext(name); (ext == ".c" || ext == ".h") && len(p.Check("c", File{name, text})) > 0 {
					t.Fatalf("%q was not looked at", name)
				}
			}
		}
	})
}

// FuzzPolicy sets any policy and checks any source by it. What is taken is one JSON value, and its patterns are ones by
// themselves; findings are few and lie within the source.
func FuzzPolicy(f *testing.F) {
	for _, text := range []string{
		`{}`, `{} }`, `{"mode":"enforce"}]`, `{"mode":"strict"}`, `null`, `[]`, "", `{"languages":{"":{}}}`,
		`{"mode":"enforce","languages":{"python":{"imports":[{"name":"os","message":"no"}],"patterns":[{"pattern":"\\beval\\s*\\(","in":"text"},{"pattern":"\\b"}]},"*":{"patterns":[{"pattern":"(?i)x"}]}}}`,
		`{"languages":{"python":{"patterns":[{"pattern":"a)|(b"}]}}}`, `{"languages":{"python":{"patterns":[{"pattern":"$"},{"pattern":"(?=x)"},{"pattern":"(?s).","in":"code"}]}}}`,
		`{"languages":{"javascript":{"imports":[{"name":"node:fs"}]},"cpp":{"imports":[{"name":"<x>"}]},"java":{"imports":[{"name":"a.*"}]}}}`,
	} {
		f.Add(text, "python", "import os\nprint('eval(1)') # x\n")
		f.Add(text, "cpp", "#include <x>\r\n\xff/*")
	}
	f.Fuzz(func(t *testing.T, text, language, source string) {
		p, err := ParsePolicy(text)
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Errorf("got %v, %v", p, err)
			}
			return
		}
		if text != "" && !json.Valid([]byte(text)) {
			t.Errorf("%q was taken", text)
		}
		for _, rules := range p.rules {
			for _, rule := range rules.patterns {
				alone := strings.TrimSuffix(strings.TrimPrefix(rule.pattern.String(), "(?m:"), ")")
				if _, err := regexp.Compile(alone); err != nil {
					t.Errorf("the pattern %q was taken: %v", alone, err)
				}
			}
		}
		findings := p.Check(language, File{"", source}, File{"more", source})
		if len(findings) > MaxFindings || len(findings) > 0 && p.Empty() {
			t.Errorf("%d findings", len(findings))
		}
		lines := strings.Split(source, "\n")
		for _, finding := range findings {
			if finding.Line < 1 || finding.Line > len(lines) || finding.Column < 1 || finding.Column > utf8.RuneCountInString(lines[finding.Line-1])+2 || finding.Message == "" {
				t.Errorf("in %q: %+v", source, finding)
			}
		}
	})
}
