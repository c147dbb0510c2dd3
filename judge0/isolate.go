package judge0

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sandgate/sandgate/judge0/language"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/runner"
	"github.com/sandgate/sandgate/judge0/sandbox"
)

// Places says where an engine finds what it needs beside its own program. The zero value is right
// for programs that lie in bin/ of the repository or of the image.
type Places struct {
	Init       string // sandbox-init; "": beside the program that runs
	Toolchains string // the folder of the compilers of TypeScript and Kotlin; "": ../toolchains from there
	Prepared   string // what the image's building prepared; "": ../cache from there
	Cache      string // for what is prepared once; "": cache/ in the folder of the data
}

// Host is what Isolate found: how programs are held, and which languages of the catalogue are not
// there. Close ends the sandbox; call it after the engine has stopped.
type Host struct {
	Isolation sandbox.Isolation
	Missing   []string
	Close     func()
}

// Isolate finds the languages of this host and opens the sandbox, and sets what runs programs in o:
// Runner, Languages, Check, Holds and Sandbox. requireCgroup refuses the weaker fallback without control
// groups.
func Isolate(ctx context.Context, o *Options, places Places, requireCgroup bool) (Host, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	program, err := os.Executable()
	if err != nil {
		return Host{}, err
	}
	if places.Init == "" {
		places.Init = filepath.Join(filepath.Dir(program), "sandbox-init")
	}
	if places.Toolchains == "" {
		places.Toolchains = filepath.Join(filepath.Dir(filepath.Dir(program)), "toolchains")
	}
	if places.Prepared == "" {
		places.Prepared = filepath.Join(filepath.Dir(filepath.Dir(program)), "cache")
	}
	if places.Cache == "" {
		places.Cache = filepath.Join(o.DataDir, "cache")
	}
	languages, err := language.Find(ctx, language.Options{Toolchains: places.Toolchains, Prepared: places.Prepared, Cache: places.Cache, Logger: o.Logger})
	if err != nil {
		return Host{}, err
	}
	observed := metrics.NewSandbox()
	boxes, err := sandbox.New(sandbox.Options{
		Init: places.Init, Ready: 2 * slots(o.Workers), Folders: languages.Folders(), RequireCgroup: requireCgroup, CPURate: o.CPURate > 0,
		Observer: observed, Logger: o.Logger,
	})
	if err != nil {
		return Host{}, err
	}
	if err := languages.Load(ctx, boxes); err != nil {
		boxes.Close()
		return Host{}, err
	}
	observed.Watch(func() (b metrics.Boxes) { b.Ready, b.Building, b.InUse = boxes.Pool(); return b })
	o.Sandbox = observed
	o.Runner = runner.New(runner.Options{Boxes: boxes, Languages: languages, Config: o.Config, CPURate: o.CPURate})
	o.Languages = languages.Languages()
	o.Check = boxes.Err
	o.Holds = boxes.Isolation().String()
	return Host{Isolation: boxes.Isolation(), Missing: languages.Missing(), Close: boxes.Close}, nil
}
