package submission

import (
	"testing"

	"github.com/sandgate/sandgate/judge0/api"
)

func TestKeysOfLanguages(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"C++ (GCC 9.2.0)": "cpp", "C# (Mono 6.6.0.161)": "csharp", "F# (.NET Core SDK 3.1.202)": "fsharp", "Multi-file program": "multi-file",
		"Plain Text": "text", "Assembly (NASM 2.14.02)": "assembly", "Common Lisp (SBCL 2.0.0)": "common-lisp", "Objective-C (Clang 7.0.1)": "objective-c",
		"Visual Basic.Net (vbnc 0.0.0.5943)": "vbnet", "JavaScript (Node.js 12.14.0)": "javascript", "Python for ML (3.11.2)": "python-for-ml",
	} {
		if got := named(api.Language{Name: name}).Key; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTheBestOfAKey(t *testing.T) {
	t.Parallel()
	languages := api.NewLanguages([]api.Language{
		{ID: 48, Name: "C (GCC 7.4.0)"}, {ID: 50, Name: "C (GCC 9.2.0)"}, {ID: 49, Name: "C (GCC 10.2.0)"}, {ID: 110, Name: "C (Clang 19.1.7)"},
		{ID: 70, Name: "Python (2.7.17)"}, {ID: 71, Name: "Python (3.8.1)"}, {ID: 92, Name: "Python (3.8.1)"}, {ID: 99, Name: "Python (3.9)", IsArchived: true},
		{ID: 1071, Name: "Python (PyPy 7.3.19)"},
	})
	for name, want := range map[string]int{"c": 49, "C": 49, " python ": 92, "70": 70, "C (Clang 19.1.7)": 110, "cobol": 0, "": 0} {
		got, _ := FindLanguage(languages, name)
		if got.ID != want {
			t.Errorf("%q: %d, want %d", name, got.ID, want)
		}
	}
}
