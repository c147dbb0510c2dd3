package language

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/sandbox"
)

//go:embed catalogue.yaml
var catalogueText []byte

// entry is one language of catalogue.yaml, which explains the fields.
type entry struct {
	IDs     []int
	Name    string
	Label   string
	Tools   []string
	Version struct{ Command, Pattern string }
	Source  string
	Compile string
	Run     string
	Env     map[string]string
}

type catalogue struct {
	Languages []entry
	Archived  map[int]string
}

func readCatalogue(text []byte) (catalogue, error) {
	var c catalogue
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("read the catalogue of languages: %w", err)
	}
	return c, nil
}

// Language is an installed language as the runner needs it. {heap} in RunCmd is still to be filled.
type Language struct {
	api.Language
	Env []string
}

// Options says where toolchains of the project's own are.
type Options struct {
	// TypeScript are folders in which `npm ci` installed the TypeScript compiler; the first that
	// has it is taken.
	TypeScript []string
	// Cache is a folder for what is compiled once and used by every submission.
	Cache  string
	Logger *slog.Logger
}

// Set is what this host serves. It is found in two steps, for the sandbox lies between them: Find
// tells the folders that boxes must show, and Load reads the versions in boxes.
type Set struct {
	log      *slog.Logger
	archived map[int]string
	found    []foundEntry
	missing  []string
	folders  map[string]sandbox.Folder

	languages api.Languages
	byID      map[int]Language
}

type foundEntry struct {
	entry
	commands *strings.Replacer
}

// host is what is known of this machine while its tools are looked for.
type host struct {
	typescriptFolders []string
	values            map[string]string // what {name} stands for in commands
}

// Find looks for the toolchains of the catalogue. What Go needs compiled once is compiled here: a
// matter of seconds to a minute at the first start.
func Find(ctx context.Context, options Options) (*Set, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := readCatalogue(catalogueText)
	if err != nil {
		return nil, err
	}
	s := &Set{log: options.Logger, archived: c.Archived, folders: map[string]sandbox.Folder{}}
	h := &host{typescriptFolders: options.TypeScript, values: map[string]string{}}
	for _, e := range c.Languages {
		missing := ""
		for _, name := range e.Tools {
			t, ok := h.find(name)
			if !ok {
				missing = name
				break
			}
			h.values[name] = t.path
			if t.folder != nil {
				s.folders[t.folder.Box] = *t.folder
			}
			if name == "go" {
				folder, err := goCache(ctx, t, options)
				if err != nil {
					s.log.Warn("the standard library of Go can't be compiled ahead", "error", err)
					missing = "go"
					break
				}
				s.folders[folder.Box] = folder
				h.values["gocache"] = folder.Box
			}
		}
		if missing != "" {
			s.log.Info("a language is left out", "language", e.Name, "missing", missing)
			s.missing = append(s.missing, e.Name)
			continue
		}
		var pairs []string
		for name, value := range h.values {
			pairs = append(pairs, "{"+name+"}", value)
		}
		s.found = append(s.found, foundEntry{e, strings.NewReplacer(pairs...)})
	}
	return s, nil
}

// Folders are what boxes must show for the toolchains that were found.
func (s *Set) Folders() []sandbox.Folder {
	folders := make([]sandbox.Folder, 0, len(s.folders))
	for _, folder := range s.folders {
		folders = append(folders, folder)
	}
	sort.Slice(folders, func(i, j int) bool { return folders[i].Box < folders[j].Box })
	return folders
}

// Load asks every toolchain for its version, in a box. One that does not run there is left out.
func (s *Set) Load(ctx context.Context, boxes *sandbox.Sandbox) error {
	versions := make([]string, len(s.found))
	errs := make([]error, len(s.found))
	var wg sync.WaitGroup
	for i, e := range s.found {
		if e.Version.Command == "" {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			versions[i], errs[i] = version(ctx, boxes, e)
		}()
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.byID = map[int]Language{}
	var list []api.Language
	for i, e := range s.found {
		if errs[i] != nil {
			s.log.Warn("a language is left out", "language", e.Name, "error", errs[i])
			s.missing = append(s.missing, e.Name)
			continue
		}
		name := e.Name
		if detail := strings.TrimSpace(e.Label + " " + versions[i]); detail != "" {
			name += " (" + detail + ")"
		}
		var env []string
		for key, value := range e.Env {
			env = append(env, key+"="+value)
		}
		for _, id := range e.IDs {
			shown := api.Language{ID: id, Name: name, SourceFile: e.Source, CompileCmd: e.commands.Replace(e.Compile), RunCmd: e.commands.Replace(e.Run)}
			s.byID[id] = Language{Language: shown, Env: env}
			list = append(list, shown)
		}
	}
	for id, name := range s.archived {
		list = append(list, api.Language{ID: id, Name: name, IsArchived: true})
	}
	s.languages = api.NewLanguages(list)
	return nil
}

func version(ctx context.Context, boxes *sandbox.Sandbox, e foundEntry) (string, error) {
	pattern, err := regexp.Compile(e.Version.Pattern)
	if err != nil {
		return "", err
	}
	box, err := boxes.Box(ctx)
	if err != nil {
		return "", err
	}
	defer box.Close()
	command := e.commands.Replace(e.Version.Command)
	out, err := box.Run(ctx, sandbox.Command{
		Args: strings.Fields(command), Env: []string{"PATH=/usr/bin:/bin", "HOME=/tmp"}, MergeStderr: true,
		Limits: sandbox.Limits{CPU: 10 * time.Second, Wall: 30 * time.Second, Memory: 512 << 20, FileSize: 1 << 20, Processes: 64},
	})
	if err != nil {
		return "", err
	}
	match := pattern.FindStringSubmatch(out.Stdout)
	if len(match) != 2 {
		return "", errors.New(command + " printed no version: " + strings.TrimSpace(out.Stdout))
	}
	return match[1], nil
}

// Languages is the list that clients see. Load comes first.
func (s *Set) Languages() api.Languages { return s.languages }

// Missing names the languages of the catalogue that this host does not serve.
func (s *Set) Missing() []string { return s.missing }

// Get gives an installed language.
func (s *Set) Get(id int) (Language, bool) {
	l, ok := s.byID[id]
	return l, ok
}
