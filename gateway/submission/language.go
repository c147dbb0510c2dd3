package submission

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sandgate/sandgate/judge0/api"
)

// NamedLanguage is a language under a short key that people and programs can remember.
type NamedLanguage struct {
	api.Language
	Key     string // "cpp"
	Label   string // "C++"
	Version string // "GCC 12.2.0"; empty where the name has none
}

// keys are the short names that don't follow from Judge0's own.
var keys = map[string]string{
	"C++": "cpp", "C#": "csharp", "F#": "fsharp", "Multi-file program": "multi-file",
	"Plain Text": "text", "Visual Basic.Net": "vbnet", "Objective-C": "objective-c",
}

// KeyOf gives the short key of a language, "cpp" for every C++.
func KeyOf(language api.Language) string { return named(language).Key }

func named(language api.Language) NamedLanguage {
	label, version, _ := strings.Cut(language.Name, " (")
	n := NamedLanguage{Language: language, Label: label, Version: strings.TrimSuffix(version, ")")}
	if n.Key = keys[label]; n.Key == "" {
		n.Key = strings.Join(strings.FieldsFunc(strings.ToLower(label), func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9')
		}), "-")
	}
	return n
}

// NamedLanguages gives the active languages by key, one for each: for C and C++ the newest GCC, for
// Python the newest CPython, else the newest version, and of equal ones the highest id.
func NamedLanguages(languages api.Languages) []NamedLanguage {
	best := map[string]NamedLanguage{}
	for _, language := range languages.Active() {
		n := named(language)
		if other, taken := best[n.Key]; !taken || n.preferredTo(other) {
			best[n.Key] = n
		}
	}
	list := make([]NamedLanguage, 0, len(best))
	for _, n := range best {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b NamedLanguage) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// FindLanguage looks a language up by key, by Judge0's full name, or by id in digits.
func FindLanguage(languages api.Languages, name string) (api.Language, bool) {
	if id, err := strconv.Atoi(name); err == nil {
		return languages.Get(id)
	}
	wanted := strings.ToLower(strings.TrimSpace(name))
	for _, n := range NamedLanguages(languages) {
		if n.Key == wanted || strings.ToLower(n.Label) == wanted {
			return n.Language, true
		}
	}
	for _, language := range languages.Active() {
		if strings.EqualFold(language.Name, name) {
			return language, true
		}
	}
	return api.Language{}, false
}

// LanguageVersions gives the ids of all versions of a language, by its key or its label.
func LanguageVersions(languages api.Languages, name string) []int {
	wanted := strings.ToLower(strings.TrimSpace(name))
	var ids []int
	for _, language := range languages.All() {
		if n := named(language); n.Key == wanted || strings.ToLower(n.Label) == wanted {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

func (n NamedLanguage) preferredTo(other NamedLanguage) bool {
	if n.Key == "c" || n.Key == "cpp" {
		if a, b := strings.HasPrefix(n.Version, "GCC"), strings.HasPrefix(other.Version, "GCC"); a != b {
			return a
		}
	}
	if n.Key == "python" {
		if a, b := strings.HasPrefix(n.Version, "PyPy"), strings.HasPrefix(other.Version, "PyPy"); a != b {
			return b
		}
	}
	if order := slices.Compare(numbers(n.Version), numbers(other.Version)); order != 0 {
		return order > 0
	}
	return n.ID > other.ID
}

// numbers are the runs of digits in a version, in order.
func numbers(version string) []int {
	var found []int
	for _, digits := range strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' }) {
		n, _ := strconv.Atoi(digits)
		found = append(found, n)
	}
	return found
}
