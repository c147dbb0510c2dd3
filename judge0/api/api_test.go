package api

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var testLanguages = NewLanguages([]Language{
	{ID: 71, Name: "Python (3.11.2)", SourceFile: "script.py", RunCmd: "/usr/bin/python3 script.py"},
	{ID: 50, Name: "C (GCC 12.2.0)", SourceFile: "main.c", CompileCmd: "/usr/bin/gcc %s main.c", RunCmd: "./a.out"},
	{ID: MultiFile, Name: "Multi-file program"},
	{ID: 4, Name: "C (gcc 7.2.0)", IsArchived: true},
})

func TestNewSubmissionRules(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, body, want string }{
		{"nothing", `{}`, `{"source_code":["can't be blank"],"language_id":["can't be blank","language with id  doesn't exist"]}`},
		{"blank source", `{"source_code":"  \n","language_id":71}`, `{"source_code":["can't be blank"]}`},
		{"list as source", `{"source_code":["x"],"language_id":71}`, `{"source_code":["can't be blank"]}`},
		{"unknown language", `{"source_code":"x","language_id":9999}`, `{"language_id":["language with id 9999 doesn't exist"]}`},
		{"junk language", `{"source_code":"x","language_id":"abc"}`, `{"language_id":["language with id 0 doesn't exist"]}`},
		{"archived language", `{"source_code":"x","language_id":4}`, `{"language_id":["language with id 4 is archived and cannot be used anymore"]}`},
		{"language as float", `{"source_code":"x","language_id":71.9}`, ``},
		{"time above", `{"source_code":"x","language_id":71,"cpu_time_limit":15.1}`, `{"cpu_time_limit":["must be less than or equal to 15.0"]}`},
		{"time as text", `{"source_code":"x","language_id":71,"cpu_time_limit":"2.5"}`, ``},
		{"time not finite", `{"source_code":"x","language_id":71,"cpu_time_limit":"NaN"}`, `{"cpu_time_limit":["is not a number"]}`},
		{"time huge", `{"source_code":"x","language_id":71,"cpu_time_limit":"1e999"}`, `{"cpu_time_limit":["must be less than or equal to 15.0"]}`},
		{"time in hex", `{"source_code":"x","language_id":71,"cpu_time_limit":"0x2"}`, `{"cpu_time_limit":["is not a number"]}`},
		{"time empty", `{"source_code":"x","language_id":71,"cpu_time_limit":""}`, ``},
		{"time as truth", `{"source_code":"x","language_id":71,"cpu_time_limit":true}`, `{"cpu_time_limit":["is not a number"]}`},
		{"wall below", `{"source_code":"x","language_id":71,"wall_time_limit":0.5}`, `{"wall_time_limit":["must be greater than or equal to 1"]}`},
		{"memory below", `{"source_code":"x","language_id":71,"memory_limit":2047}`, `{"memory_limit":["must be greater than or equal to 2048"]}`},
		{"memory fraction", `{"source_code":"x","language_id":71,"memory_limit":100000.7}`, ``},
		{"no processes", `{"source_code":"x","language_id":71,"max_processes_and_or_threads":0}`, `{"max_processes_and_or_threads":["must be greater than 0"]}`},
		{"options, interpreted", `{"source_code":"x","language_id":71,"compiler_options":"-O2"}`, `{"compiler_options":["setting compiler options is only allowed for compiled languages"]}`},
		{"options, compiled", `{"source_code":"x","language_id":50,"compiler_options":"-O2"}`, ``},
		{"options too long", `{"source_code":"x","language_id":50,"compiler_options":"` + strings.Repeat("é", 513) + `"}`, `{"compiler_options":["is too long (maximum is 512 characters)"]}`},
		{"options at the limit", `{"source_code":"x","language_id":50,"compiler_options":"` + strings.Repeat("é", 512) + `"}`, ``},
		{"files missing", `{"language_id":89}`, `{"additional_files":["can't be blank"]}`},
		{"files with source", `{"language_id":89,"source_code":"x","additional_files":"UEs="}`, `{"source_code":["must be blank"]}`},
		{"network", `{"source_code":"x","language_id":71,"enable_network":true}`, `{"enable_network":["enabling network is not allowed"]}`},
		{"long callback", `{"source_code":"x","language_id":71,"callback_url":"http://x/` + strings.Repeat("a", 2040) + `"}`, `{"callback_url":["is too long (maximum is 2048 characters)"]}`},
		{"callback", `{"source_code":"x","language_id":71,"callback_url":"nowhere"}`, `{"callback_url":["is not a valid URL"]}`},
		{"unknown attribute", `{"source_code":"x","language_id":71,"frobnicate":1}`, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			params, err := ParamsFromJSON([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			s, errs := NewSubmission(params, false, DefaultConfig(), testLanguages)
			if tc.want == "" {
				if errs != nil || s == nil || s.Status != InQueue {
					t.Fatalf("refused: %v", errs)
				}
				return
			}
			var want Errors
			if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(errs, want) {
				t.Errorf("got %v, want %v", errs, want)
			}
		})
	}
}

func TestOptionsByLanguage(t *testing.T) {
	t.Parallel()
	config := DefaultConfig()
	config.CompilerOptionsLanguages = names{"Go", "C++", "Rust"}
	_, errs := NewSubmission(Params{"source_code": "x", "language_id": "50", "compiler_options": "-O2"}, false, config, testLanguages)
	if got := errs["compiler_options"]; len(got) != 1 || got[0] != "setting compiler options is only allowed for Go, C++ and Rust" {
		t.Errorf("got %v", errs)
	}
}

func TestBase64(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"cHJpbnQoMSk", "print(1)"}, {"cHJp\nbnQo\nMSk=\n", "print(1)"}, {"", ""}, {"=", ""}, {"!!!", ""}, {"cHJpbnQoMSk=ignored", "print(1)"}, {"c", ""},
	} {
		if got := DecodeBase64(tc.in); got != tc.want {
			t.Errorf("DecodeBase64(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
	if got := EncodeBase64(strings.Repeat("x", 46)); got != strings.Repeat("eHh4", 15)+"\neA==\n" {
		t.Errorf("a long text is not broken after 60 characters: %q", got)
	}
	if got := EncodeBase64(strings.Repeat("x", 45)); got != strings.Repeat("eHh4", 15)+"\n" {
		t.Errorf("a full line is not ended once: %q", got)
	}
}

func FuzzDecodeBase64(f *testing.F) {
	f.Add("cHJpbnQoMSk=")
	f.Fuzz(func(t *testing.T, s string) {
		if back := DecodeBase64(EncodeBase64(s)); back != s {
			t.Errorf("%q came back as %q", s, back)
		}
		DecodeBase64(s)
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"token":"t","status":{"id":3},"stdout":"eA==\n","time":"0.012","wall_time":null,"memory":3500,"exit_code":0,"finished_at":"2026-03-04T05:06:07.891Z"}`))
	f.Add([]byte(`{"status_id":13,"memory":1e308,"time":1e999}`))
	f.Add([]byte(`{"status":{"id":15}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseAnswer(body)
		if err != nil {
			return
		}
		if a.Status < InQueue || a.Status > ExecFormatError {
			t.Errorf("status %d passed", a.Status)
		}
		if a.Memory != nil && *a.Memory < 0 {
			t.Errorf("memory %d", *a.Memory)
		}
		if _, err := (&Submission{Result: a.Result}).Render(DefaultFields(), true, Language{}); err != nil {
			t.Error(err)
		}
	})
}

func FuzzNewSubmission(f *testing.F) {
	f.Add([]byte(`{"source_code":"x","language_id":71,"cpu_time_limit":"1e3"}`), true)
	f.Fuzz(func(t *testing.T, body []byte, base64 bool) {
		params, err := ParamsFromJSON(body)
		if err != nil {
			return
		}
		s, errs := NewSubmission(params, base64, DefaultConfig(), testLanguages)
		if (s == nil) == (len(errs) == 0) {
			t.Fatalf("neither a submission nor an error, or both: %v %v", s, errs)
		}
		if s != nil && (s.CPUTimeLimit < 0 || s.CPUTimeLimit > 15 || s.MemoryLimit < 2048 || s.MemoryLimit > 512000 || s.MaxProcesses < 1 && s.MaxProcesses != 0) {
			t.Fatalf("limits out of bounds: %+v", s)
		}
	})
}

func TestFields(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   string
		want Fields
		bad  string
	}{
		{"", defaultFields, ""}, {",", defaultFields, ""}, {"*", allFields, ""}, {"status,*", allFields, ""},
		{"token,stdout", Fields{"token", "stdout"}, ""},
		{"stdout,nope,bad", nil, "invalid fields: [nope, bad]"}, {" stdout", nil, "invalid fields: [ stdout]"},
	} {
		got, err := ParseFields(tc.in)
		if tc.bad != "" {
			if err == nil || err.Error() != tc.bad {
				t.Errorf("%q: got %v, want %q", tc.in, err, tc.bad)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: got %v, %v", tc.in, got, err)
		}
	}
}

func TestRenderAndParseAgree(t *testing.T) {
	t.Parallel()
	out, code, seconds, kb := "a\xff", 0, 0.0125, 3504
	s := &Submission{Token: "t", LanguageID: 71, CPUTimeLimit: 5, Result: Result{Status: Accepted, Stdout: &out, ExitCode: &code, Time: &seconds, Memory: &kb}}
	if _, err := s.Render(DefaultFields(), false, Language{}); !errors.Is(err, ErrNotUTF8) {
		t.Errorf("bytes that are no text were shown as text: %v", err)
	}
	body, err := s.Render(allFields, true, Language{Name: "Python"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `"cpu_time_limit":"5.0"`) || !strings.Contains(string(body), `"stderr":null`) {
		t.Errorf("unexpected form: %s", body)
	}
	a, err := ParseAnswer(body)
	if err != nil || !a.Complete || a.Status != Accepted || *a.Stdout != out || *a.Memory != kb || *a.Time != 0.013 || a.Stderr != nil {
		t.Errorf("read back as %+v, %v", a, err)
	}
	body, _ = s.Render(DefaultFields(), true, Language{})
	if a, err = ParseAnswer(body); err != nil || a.Complete {
		t.Errorf("the default fields counted as all: %+v, %v", a, err)
	}
}

func TestConfigFromEnv(t *testing.T) {
	t.Parallel()
	env := map[string]string{"MAX_CPU_TIME_LIMIT": "30", "ENABLE_NETWORK": "false", "MAX_QUEUE_SIZE": ""}
	c, err := ConfigFromEnv(func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil || c.MaxCPUTimeLimit != 30 || c.MaxQueueSize != 100 {
		t.Fatalf("got %+v, %v", c, err)
	}
	env = map[string]string{"MAX_CPU_TIME_LIMIT": "x", "MEMORY_LIMIT": "-1", "ENABLE_CALLBACKS": "perhaps"}
	_, err = ConfigFromEnv(func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	for _, name := range []string{"MAX_CPU_TIME_LIMIT", "MEMORY_LIMIT", "ENABLE_CALLBACKS"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
	env = map[string]string{"CPU_TIME_LIMIT": "16"}
	if _, err = ConfigFromEnv(func(k string) (string, bool) { v, ok := env[k]; return v, ok }); err == nil {
		t.Error("a default above its maximum passed")
	}
}

func TestTooManyValues(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("0,", MaxValues)
	for body, want := range map[string]bool{
		"":                       false,
		`{"a":[1,2]}`:            false,
		"[" + many + "0]":        true,
		strings.Repeat("[", 1e6): true, // no JSON, and as dear
		`{"a":"` + many + `"}`:   false,
		`{"a":"\"` + many + `"}`: false,
		`{"a":"\\",` + many:      true,
		`{"a":"` + many:          false, // a text that does not end
	} {
		if got := TooManyValues([]byte(body)); got != want {
			t.Errorf("%.20q: got %v", body, got)
		}
	}
}
