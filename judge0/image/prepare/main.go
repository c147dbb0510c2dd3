// Command prepare does the parts of the image's building that follow from the catalogue of languages.
//
//	prepare packages full|core   lists the Debian packages to install
//	prepare caches DIR           prepares in DIR/cache what every submission uses, with the toolchains
//	                             in DIR/toolchains, and reads the versions of all that is installed
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sandgate/sandgate/judge0/language"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "packages" && (args[1] == "full" || args[1] == "core"):
		packages, err := language.Packages(args[1] == "full")
		if err != nil {
			return err
		}
		for _, name := range packages {
			if _, err := fmt.Fprintln(out, name); err != nil {
				return err
			}
		}
		return nil
	case len(args) == 2 && args[0] == "caches":
		return caches(args[1], out)
	}
	return errors.New("usage: prepare packages full|core, or prepare caches DIR")
}

func caches(dir string, out io.Writer) error {
	ctx := context.Background()
	set, err := language.Find(ctx, language.Options{
		Toolchains: filepath.Join(dir, "toolchains"), Cache: filepath.Join(dir, "cache"), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	if err := set.Load(ctx, nil); err != nil {
		return err
	}
	for _, l := range set.Languages().Active() {
		if _, err := fmt.Fprintln(out, l.ID, l.Name); err != nil {
			return err
		}
	}
	return nil
}
