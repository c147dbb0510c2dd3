package language

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// sharePlace is where the commands of the catalogue want the option that shares classes.
const sharePlace = "{share}"

// shareTime bounds the making of one language's archives.
const shareTime = 5 * time.Minute

// shareClasses fills {share} in the commands of an entry. A compiler that runs on Java's machine
// spends most of a short run on loading its own classes. An archive of those that a run needed
// (class data sharing) is mapped into memory instead: the time is about halved. Archives are made by
// running the entry's own commands on its sample, on the host: only our sample and the installed
// compiler take part. Where the machine finds that an archive does not fit, it goes on without it.
func (h *host) shareClasses(ctx context.Context, e *entry) error {
	if !strings.Contains(e.Compile+e.Run, sharePlace) {
		return nil
	}
	compile, run := e.Compile, e.Run
	without := strings.NewReplacer("-J"+sharePlace+" ", "", sharePlace+" ", "")
	e.Compile, e.Run = without.Replace(compile), without.Replace(run)

	key := sha256.Sum256([]byte(h.facts(compile+" "+run) + e.training()))
	name := "classes-" + strings.ToLower(strings.NewReplacer(" ", "", "#", "sharp").Replace(e.Name)) + "-" + hex.EncodeToString(key[:6])
	dir, err := h.prepare(name, func(dir string) error { return h.archive(ctx, *e, compile, run, dir) })
	if err != nil {
		return err
	}
	box := h.show(dir, "/opt/"+name)
	e.Compile = shareWith(compile, "-XX:SharedArchiveFile="+box+"/compile.jsa")
	e.Run = shareWith(run, "-XX:SharedArchiveFile="+box+"/run.jsa")
	return nil
}

func shareWith(command, option string) string { return strings.ReplaceAll(command, sharePlace, option) }

// training is the program that is compiled and run to learn which classes are needed.
func (e entry) training() string {
	if e.Train != "" {
		return e.Train
	}
	return e.Hello
}

func (h *host) archive(ctx context.Context, e entry, compile, run, dir string) error {
	h.options.Logger.Info("preparing the classes of a language, once", "language", e.Name)
	ctx, cancel := context.WithTimeout(ctx, shareTime)
	defer cancel()
	work, err := os.MkdirTemp("", "classes-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, e.Source), []byte(e.training()), 0o644); err != nil {
		return err
	}
	for _, step := range []struct{ command, file string }{{compile, "compile.jsa"}, {run, "run.jsa"}} {
		if step.command == "" {
			continue
		}
		line := strings.ReplaceAll(strings.ReplaceAll(step.command, "%s", ""), "{heap}", "256")
		line = h.outside(shareWith(line, "-XX:ArchiveClassesAtExit="+filepath.Join(dir, step.file)))
		c := exec.CommandContext(ctx, "/bin/bash", "-c", line)
		c.Dir = work
		c.Env = append([]string{"HOME=" + work, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "LC_ALL=C.UTF-8"}, e.environment()...)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %.2000s", line, err, out)
		}
		if strings.Contains(step.command, sharePlace) {
			if err := os.Chmod(filepath.Join(dir, step.file), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// facts tell whether the programs and libraries that a command names are still the same.
func (h *host) facts(command string) string {
	facts := command
	for _, word := range strings.FieldsFunc(h.outside(command), func(c rune) bool { return c == ' ' || c == ':' || c == '=' }) {
		if !strings.HasPrefix(word, "/") {
			continue
		}
		if path, err := filepath.EvalSymlinks(word); err == nil {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				facts += fmt.Sprintf("\n%s %d %d", path, info.Size(), info.ModTime().Unix())
			}
		}
	}
	return facts
}
