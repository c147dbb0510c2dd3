package language

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/judge0/sandbox"
)

// versionsFile keeps what toolchains answered, in the folders of what is prepared.
const versionsFile = "versions.json"

// asked at a time, so that a small host is not overrun at the start.
const askedAtATime = 4

// versions gives the version of each entry that was found, or why there is none.
func (s *Set) versions(ctx context.Context, boxes *sandbox.Sandbox) ([]string, []error) {
	known := map[string]string{}
	for _, dir := range []string{s.host.options.Prepared, s.host.options.Cache} {
		var stored map[string]string
		text, err := os.ReadFile(filepath.Join(dir, versionsFile))
		if dir == "" || err != nil || json.Unmarshal(text, &stored) != nil {
			continue
		}
		maps.Copy(known, stored)
	}
	versions, errs := make([]string, len(s.found)), make([]error, len(s.found))
	slots := make(chan struct{}, askedAtATime)
	learned := map[string]string{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, e := range s.found {
		if e.Version.Command == "" {
			continue
		}
		sum := sha256.Sum256([]byte(s.host.facts(e.Version.Command) + e.Version.Pattern))
		key := e.Name + " " + hex.EncodeToString(sum[:8])
		if version, ok := known[key]; ok {
			versions[i] = version
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			if versions[i], errs[i] = s.ask(ctx, boxes, e); errs[i] != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			learned[key] = versions[i]
		}()
	}
	wg.Wait()
	if len(learned) > 0 {
		maps.Copy(known, learned)
		if err := s.remember(known); err != nil {
			s.log.Warn("the versions of the languages can't be kept", "error", err)
		}
	}
	return versions, errs
}

// ask runs the version command of an entry.
func (s *Set) ask(ctx context.Context, boxes *sandbox.Sandbox, e entry) (string, error) {
	pattern, err := regexp.Compile(e.Version.Pattern)
	if err != nil {
		return "", err
	}
	env := append([]string{"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"}, e.environment()...)
	text := ""
	if boxes == nil {
		args := strings.Fields(s.host.outside(e.Version.Command))
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Env, c.Dir = env, os.TempDir()
		out, err := c.CombinedOutput()
		if text = string(out); err != nil {
			return "", fmt.Errorf("%s: %w: %.500s", e.Version.Command, err, out)
		}
	} else {
		box, err := boxes.Box(ctx)
		if err != nil {
			return "", err
		}
		defer box.Close()
		out, err := box.Run(ctx, sandbox.Command{
			Args: strings.Fields(e.Version.Command), Env: env, MergeStderr: true,
			Limits: sandbox.Limits{CPU: 10 * time.Second, Wall: 30 * time.Second, Memory: 512 << 20, FileSize: 1 << 20, Processes: 64},
		})
		if text = out.Stdout; err != nil {
			return "", err
		}
	}
	match := pattern.FindStringSubmatch(text)
	if len(match) != 2 {
		return "", fmt.Errorf("%s printed no version: %.500s", e.Version.Command, strings.TrimSpace(text))
	}
	return match[1], nil
}

func (s *Set) remember(versions map[string]string) error {
	dir := s.host.options.Cache
	if dir == "" {
		return nil
	}
	text, err := json.MarshalIndent(versions, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, versionsFile+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, versionsFile))
}
