package api

import (
	"sort"
	"strings"
)

// The ids of languages that the contract treats in a way of their own.
const (
	PlainText  = 43
	Executable = 44
	MultiFile  = 89
)

// Language is an entry of the catalogue as GET /languages/{id} shows it. CompileCmd is empty for
// what needs no compiling.
type Language struct {
	ID         int    `json:"id"`
	Name       string `json:"name"`
	IsArchived bool   `json:"is_archived"`
	SourceFile string `json:"source_file,omitempty"`
	CompileCmd string `json:"compile_cmd,omitempty"`
	RunCmd     string `json:"run_cmd,omitempty"`
}

// Languages is an immutable list of languages, ordered by name as Judge0 orders it.
type Languages struct {
	sorted []Language
	byID   map[int]Language
}

// NewLanguages makes the list. Of two entries with one id the later stands.
func NewLanguages(list []Language) Languages {
	l := Languages{byID: make(map[int]Language, len(list))}
	for _, entry := range list {
		l.byID[entry.ID] = entry
	}
	for _, entry := range l.byID {
		l.sorted = append(l.sorted, entry)
	}
	sort.Slice(l.sorted, func(i, j int) bool {
		a, b := l.sorted[i], l.sorted[j]
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return a.ID < b.ID
	})
	return l
}

// All lists every language, archived ones as well.
func (l Languages) All() []Language { return l.sorted }

// Active lists the languages that a submission may name.
func (l Languages) Active() []Language {
	active := make([]Language, 0, len(l.sorted))
	for _, entry := range l.sorted {
		if !entry.IsArchived {
			active = append(active, entry)
		}
	}
	return active
}

// Get looks a language up by id.
func (l Languages) Get(id int) (Language, bool) {
	entry, ok := l.byID[id]
	return entry, ok
}

// family is the name without the version: "Python" of "Python (3.11.2)".
func (l Language) family() string {
	name, _, _ := strings.Cut(l.Name, " (")
	return name
}
