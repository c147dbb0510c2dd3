package language

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/sandbox"
)

//go:embed catalogue.yaml
var catalogueText []byte

// entry is one language of catalogue.yaml, which explains the fields.
type entry struct {
	IDs      []int
	Name     string
	Label    string
	Core     bool
	Packages []string
	Tools    []string
	Folders  []string
	Version  struct{ Command, Pattern string }
	Source   string
	Compile  string
	Run      string
	Env      map[string]string
	Hello    string
	Echo     string
	Error    string
	Train    string
}

// title is the name that clients see.
func (e entry) title(version string) string {
	if detail := strings.TrimSpace(e.Label + " " + version); detail != "" {
		return e.Name + " (" + detail + ")"
	}
	return e.Name
}

func (e entry) environment() []string {
	var env []string
	for key, value := range e.Env {
		env = append(env, key+"="+value)
	}
	slices.Sort(env)
	return env
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
	Env     []string
	Samples Samples
}

// Samples are small programs of a language, for tests and measurements; "" where it can't have one.
type Samples struct {
	Hello string // prints Greeting
	Echo  string // reads a line and prints it
	Error string // does not compile or, where nothing is compiled, fails
}

// Greeting is the line that a hello sample prints.
const Greeting = "größer ✓ 漢字"

// Options says where toolchains of the project's own are.
type Options struct {
	// Toolchains is the folder of the toolchains that `npm ci` installs: typescript and kotlin.
	Toolchains string
	// Cache is a folder for what is prepared once and used by every submission.
	Cache string
	// Prepared is a folder like Cache that came with the image. What it has is taken from there, and
	// nothing is written to it. It may be missing.
	Prepared string
	Logger   *slog.Logger
}

// Set is what this host serves. It is found in two steps, for the sandbox lies between them: Find
// tells the folders that boxes must show, and Load reads the versions in boxes.
type Set struct {
	log      *slog.Logger
	archived map[int]string
	found    []entry
	missing  []string
	host     *host

	languages api.Languages
	byID      map[int]Language
}

// host is what is known of this machine while its tools are looked for.
type host struct {
	options Options
	values  map[string]string         // what {name} stands for in commands
	folders map[string]sandbox.Folder // what boxes must show, by its place there
}

// Find looks for the toolchains of the catalogue, and prepares what is the same for every
// submission: Go's standard library, C++'s headers, the classes of compilers written in Java. That
// takes a minute or two at the first start, where it did not come with the image.
func Find(ctx context.Context, options Options) (*Set, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := readCatalogue(catalogueText)
	if err != nil {
		return nil, err
	}
	h := &host{options: options, values: map[string]string{}, folders: map[string]sandbox.Folder{}}
	s := &Set{log: options.Logger, archived: c.Archived, host: h}
	for _, e := range c.Languages {
		if missing := h.findAll(ctx, e.Tools); missing != "" {
			s.log.Debug("a language is left out", "language", e.title(""), "missing", missing)
			s.missing = append(s.missing, e.title(""))
			continue
		}
		for _, folder := range e.Folders {
			h.folders[folder] = sandbox.Folder{Host: folder, Box: folder}
		}
		var pairs []string
		for name, value := range h.values {
			pairs = append(pairs, "{"+name+"}", value)
		}
		commands := strings.NewReplacer(pairs...)
		e.Version.Command, e.Compile, e.Run = commands.Replace(e.Version.Command), commands.Replace(e.Compile), commands.Replace(e.Run)
		if err := h.shareClasses(ctx, &e); err != nil {
			s.log.Warn("a language starts slowly: its classes can't be prepared", "language", e.Name, "error", err)
		}
		s.found = append(s.found, e)
	}
	return s, ctx.Err()
}

// findAll looks for all tools of an entry, and gives the first that is missing.
func (h *host) findAll(ctx context.Context, names []string) (missing string) {
	for _, name := range names {
		t, ok := h.find(name)
		if !ok {
			return name
		}
		h.values[name] = t.path
		if t.folder != nil {
			h.folders[t.folder.Box] = *t.folder
		}
		if name == "g++" && h.values["headers"] == "" {
			h.values["headers"] = h.headers(ctx, t.path)
		}
		if name == "go" && h.values["gocache"] == "" {
			cache, err := h.goCache(ctx, t)
			if err != nil {
				h.options.Logger.Warn("the standard library of Go can't be compiled ahead", "error", err)
				return name
			}
			h.values["gocache"] = cache
		}
	}
	return ""
}

// show gives the path in a box of a folder of the host, which is added to what boxes show if need be.
func (h *host) show(path, box string) string {
	if visible(path) {
		return path
	}
	h.folders[box] = sandbox.Folder{Host: path, Box: box}
	return box
}

// outside turns the paths of a command for a box into those of the host.
func (h *host) outside(command string) string {
	for _, folder := range h.folders {
		command = strings.ReplaceAll(command, folder.Box+"/", folder.Host+"/")
	}
	return command
}

// Folders are what boxes must show for the toolchains that were found.
func (s *Set) Folders() []sandbox.Folder {
	folders := make([]sandbox.Folder, 0, len(s.host.folders))
	for _, folder := range s.host.folders {
		folders = append(folders, folder)
	}
	sort.Slice(folders, func(i, j int) bool { return folders[i].Box < folders[j].Box })
	return folders
}

// Load learns the version of every toolchain. One that was not asked before is asked in a box, and
// left out if it does not run there. Without boxes (nil) it is asked on the host itself: for a server
// that lists the languages of its workers, and for the building of an image.
func (s *Set) Load(ctx context.Context, boxes *sandbox.Sandbox) error {
	versions, errs := s.versions(ctx, boxes)
	if err := ctx.Err(); err != nil {
		return err
	}
	s.byID = map[int]Language{}
	var list []api.Language
	for i, e := range s.found {
		if errs[i] != nil {
			s.log.Warn("a language is left out", "language", e.title(""), "error", errs[i])
			s.missing = append(s.missing, e.title(""))
			continue
		}
		name := e.title(versions[i])
		env := e.environment()
		for _, id := range e.IDs {
			shown := api.Language{ID: id, Name: name, SourceFile: e.Source, CompileCmd: e.Compile, RunCmd: e.Run}
			s.byID[id] = Language{Language: shown, Env: env, Samples: Samples{Hello: e.Hello, Echo: e.Echo, Error: e.Error}}
			list = append(list, shown)
		}
	}
	for id, name := range s.archived {
		list = append(list, api.Language{ID: id, Name: name, IsArchived: true})
	}
	s.languages = api.NewLanguages(list)
	return nil
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

// Packages lists the Debian packages of the catalogue, sorted: of all entries, or of those of the
// small image.
func Packages(all bool) ([]string, error) {
	c, err := readCatalogue(catalogueText)
	if err != nil {
		return nil, err
	}
	var packages []string
	for _, e := range c.Languages {
		if all || e.Core {
			packages = append(packages, e.Packages...)
		}
	}
	slices.Sort(packages)
	return slices.Compact(packages), nil
}
