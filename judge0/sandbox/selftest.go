package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// probe is a tiny program that runs into one limit, and what it must come to.
type probe struct {
	limit  string
	script string
	limits Limits
	held   func(Outcome) bool
	groups bool // can be told only where there are control groups
}

var probes = []probe{
	{
		limit: "input, output and the exit code", script: `read x; echo "$x"; echo err >&2; exit 7`,
		held: func(o Outcome) bool { return o.ExitCode == 7 && o.Stdout == "in\n" && o.Stderr == "err\n" },
	},
	{
		limit: "the network", script: `tail -n +3 /proc/net/dev | grep -v '^ *lo:'; exit 0`,
		held: func(o Outcome) bool { return o.Stdout == "" && o.ExitCode == 0 },
	},
	{
		limit: "the read-only root", script: `for p in / /usr /etc /dev /proc/sys/kernel; do touch $p/sandbox-probe 2>/dev/null && echo $p; done; exit 0`,
		held: func(o Outcome) bool { return o.Stdout == "" && o.ExitCode == 0 },
	},
	{
		limit: "capabilities and new privileges", script: `grep -E '^(CapEff|CapPrm|NoNewPrivs|Seccomp):' /proc/self/status`,
		held: func(o Outcome) bool {
			return o.Stdout == "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
		},
	},
	{
		limit: "the wall time", script: `sleep 60`, limits: Limits{Wall: 100 * time.Millisecond},
		held: func(o Outcome) bool { return o.WallTimedOut },
	},
	{
		limit: "the file size", script: `exec head -c 200000 /dev/zero`, limits: Limits{FileSize: 100_000},
		held: func(o Outcome) bool { return len(o.Stdout) == 100_000 && (o.Signal != 0 || o.ExitCode != 0) },
	},
	{
		limit: "the number of processes", script: `i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; exit 0`, limits: Limits{Processes: 8},
		held: func(o Outcome) bool { return o.ExitCode != 0 || o.Stderr != "" },
	},
	{
		limit: "the CPU time", script: `while :; do :; done`, limits: Limits{CPU: 50 * time.Millisecond}, groups: true,
		held: func(o Outcome) bool { return o.TimedOut },
	},
	{
		limit: "the memory", script: `head -c 60000000 /dev/zero | tail -n 1 | wc -c`, limits: Limits{Memory: 16 << 20}, groups: true,
		held: func(o Outcome) bool { return o.OutOfMemory && o.Memory <= 17<<20 },
	},
}

// selfTest runs probes, each in a box of its own, and names the first limit that does not hold.
func (s *Sandbox) selfTest(probes []probe) error {
	for _, p := range probes {
		if p.groups && s.groups == nil {
			s.observe.Tested(p.limit, false, 0)
			continue
		}
		began := time.Now()
		box, err := s.build()
		if err != nil {
			return fmt.Errorf("this host can't isolate programs: %w%s", err, hint(err))
		}
		command := Command{
			Args: []string{"/bin/sh", "-c", p.script}, Env: []string{"PATH=/usr/bin:/bin"}, Stdin: "in\n",
			Limits: Limits{
				CPU: cmp.Or(p.limits.CPU, 5*time.Second), Wall: cmp.Or(p.limits.Wall, 10*time.Second),
				Memory: cmp.Or(p.limits.Memory, 64<<20), FileSize: cmp.Or(p.limits.FileSize, 1<<20), Processes: cmp.Or(p.limits.Processes, 32),
			},
		}
		out, err := box.Run(context.Background(), command)
		box.Close()
		if err != nil {
			return fmt.Errorf("the sandbox can't hold programs to %s: %w", p.limit, err)
		}
		if !p.held(out) {
			return fmt.Errorf("the sandbox does not hold programs to %s: a test program ended with code %d, signal %d, output %.100q, errors %.100q",
				p.limit, out.ExitCode, out.Signal, out.Stdout, out.Stderr)
		}
		s.observe.Tested(p.limit, true, time.Since(began))
	}
	return nil
}
