package sandbox

import (
	"errors"
	"strings"
	"testing"
)

// A host that does not hold programs is told at the start, by what it does not hold them to.
func TestTheSelfTestNamesTheCause(t *testing.T) {
	t.Parallel()
	for _, p := range probes {
		if p.groups && shared.groups == nil {
			continue
		}
		t.Run(p.limit, func(t *testing.T) {
			t.Parallel()
			loose := p
			loose.script, loose.limits = "echo loose", Limits{} // as if it had come through
			if err := shared.selfTest([]probe{p, loose}); err == nil || !strings.Contains(err.Error(), "does not hold programs to "+p.limit) || !strings.Contains(err.Error(), `output "loose\n"`) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAHostThatCanNotIsolate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options Options
		want    string
	}{
		"no control group where one is required": {Options{Init: initPath, RequireCgroup: true, withoutCgroup: true}, errNoCgroup.Error()},
		"no program to start boxes":              {Options{Init: "/nowhere/sandbox-init"}, "find the program that starts boxes"},
		"another program":                        {Options{Init: "/bin/true", withoutCgroup: true}, "this host can't isolate programs"},
	} {
		s, err := New(tc.options)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if tc.options.RequireCgroup && !errors.Is(err, errNoCgroup) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
