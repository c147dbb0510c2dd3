// Command drill does to Sandgate what goes wrong in the world, one thing after another, while many
// clients submit: parts are killed, stopped and paused, disks are full, slow or broken, clocks are
// stepped, connections lose, delay and forget what they carry. It then checks what must hold by what
// the clients were told and by what the stores hold, and by nothing else:
//
//   - every submission that was accepted ends, with the result of its own program;
//   - a result that was shown never changes;
//   - a request that is repeated under its idempotency key gives the token that it gave before, and is
//     stored once;
//   - what is another account's is not found;
//   - a callback that was asked for is made, and repeated only with the same words;
//   - clients see no error that they may not try again after.
//
// `npm run drill` builds and starts it; with the word soak it is `npm run bench:soak`.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// drill is what a run is to do.
type drill struct {
	bin      programs
	dir      string // for data and logs
	sites    string // standalone, cluster or all
	only     *regexp.Regexp
	short    bool
	accounts int
	each     int // clients of an account
	open     int // submissions of a client that may be open
	lead     time.Duration
	hold     time.Duration
	after    time.Duration
	out      io.Writer
}

// row is what one fault did.
type row struct {
	Site    string  `json:"site"`
	Fault   string  `json:"fault"`
	Skipped string  `json:"skipped,omitempty"`
	Gap     float64 `json:"gapSeconds"`     // the longest time in which nothing was accepted
	Slowest float64 `json:"slowestSeconds"` // from accepted to ended
	Settled float64 `json:"settledSeconds"` // from the end of the fault until all had ended
	period
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "soak" {
		os.Exit(soakMain(os.Args[2:]))
	}
	os.Exit(drillMain(os.Args[1:]))
}

func drillMain(args []string) int {
	flags := flag.NewFlagSet("drill", flag.ExitOnError)
	bin := flags.String("bin", "bin", "folder of the programs")
	out := flags.String("json", "", "file for the figures")
	sites := flags.String("site", "all", "standalone, cluster or all")
	only := flags.String("run", "", "regular expression of the faults")
	short := flags.Bool("short", false, "a choice of the faults")
	hold := flags.Duration("hold", 4*time.Second, "how long a fault lasts")
	accounts := flags.Int("accounts", 6, "accounts at each gateway")
	each := flags.Int("clients", 3, "clients of each account")
	_ = flags.Parse(args)
	d := drill{
		bin: programs{*bin}, sites: *sites, only: regexp.MustCompile(*only), short: *short, accounts: *accounts, each: *each, open: 12,
		lead: time.Second, hold: *hold, after: 2 * time.Second, out: os.Stdout,
	}
	dir, err := os.MkdirTemp("", "sandgate-drill-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
		return 1
	}
	d.dir = dir
	began := time.Now()
	rows, violations, err := d.run()
	if *out != "" {
		err = errors.Join(err, write(*out, map[string]any{"machine": machine(), "seconds": time.Since(began).Round(time.Second).Seconds(), "rows": rows, "violations": violations}))
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "drill:", err)
	case len(violations) == 0:
		_ = os.RemoveAll(dir)
		return 0
	}
	fmt.Fprintf(os.Stderr, "The logs are in %s.\n", dir)
	return 1
}

func write(file string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// machine says what the figures were taken on.
func machine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores, Linux %s, %s", runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version())
}

// run does all faults to all sites.
func (d drill) run() (rows []row, violations []violation, err error) {
	fmt.Fprintf(d.out, "%-10s %-44s %6s %6s %6s %6s %6s %6s %7s %7s %7s\n", "site", "fault", "sent", "accept", "refuse", "broken", "repeat", "ended", "gap s", "slow s", "after s")
	for _, name := range []string{"standalone", "cluster"} {
		if d.sites != "all" && d.sites != name {
			continue
		}
		some, broken, err := d.site(name)
		rows, violations = append(rows, some...), append(violations, broken...)
		if err != nil {
			return rows, violations, fmt.Errorf("%s: %w", name, err)
		}
	}
	var total period
	for _, r := range rows {
		total.Sent, total.Accepted, total.Ended = total.Sent+r.Sent, total.Accepted+r.Accepted, total.Ended+r.Ended
	}
	fmt.Fprintf(d.out, "\n%d submissions, %d accepted, %d ended; %d violations\n", total.Sent, total.Accepted, total.Ended, len(violations))
	return rows, violations, nil
}

func (d drill) site(name string) (rows []row, violations []violation, err error) {
	dir, err := folder(d.dir, name)
	if err != nil {
		return nil, nil, err
	}
	var s *site
	var faults []fault
	switch name {
	case "standalone":
		faults = standaloneFaults()
		s, err = newStandalone(d.bin, dir, 64)
	case "cluster":
		faults = clusterFaults()
		s, err = newCluster(d.bin, dir)
	}
	defer s.remove()
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	l := newLedger()
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var told answer
		if err == nil && json.Unmarshal(body, &told) == nil {
			l.called(told.Token, string(body))
		}
	}))
	defer hooks.Close()
	clients, err := s.crowd(l, hooks.URL, d.accounts, d.each)
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	crowd := newLoad(clients, d.open)
	crowd.rest()
	crowd.start()
	for _, f := range faults {
		if d.short && !slices.Contains(quick[name], f.name) || !d.only.MatchString(f.name) {
			continue
		}
		r, err := d.fault(s, l, crowd, f)
		if err != nil {
			return rows, l.broken(), fmt.Errorf("%s: %w", f.name, err)
		}
		rows = append(rows, r)
	}
	crowd.again(time.Time{})
	crowd.end()
	for deadline := time.Now().Add(time.Minute); l.checkCalls(false) > 0 && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	l.checkCalls(true)
	if err := s.close(); err != nil {
		l.violated("%v", err)
	}
	again, err := checkStores(l, s)
	fmt.Fprintf(d.out, "%-10s given to the engine more than once: %d\n", name, again)
	for i, v := range l.broken() {
		if i == 30 {
			fmt.Fprintf(d.out, "  … and %d more\n", len(l.broken())-i)
			break
		}
		fmt.Fprintf(d.out, "  VIOLATION %s %s\n", v.At.Format("15:04:05"), v.What)
	}
	return rows, l.broken(), err
}

// fault does one fault under load, and waits until all that was accepted has ended.
func (d drill) fault(s *site, l *ledger, crowd *load, f fault) (row, error) {
	r := row{Site: s.name, Fault: f.name}
	before := len(l.broken())
	began := time.Now()
	l.begin()
	crowd.goOn()
	time.Sleep(d.lead)
	end, err := f.begin(s)
	if errors.Is(err, errCannot) {
		r.Skipped = err.Error()
		crowd.rest()
		crowd.settle(time.Minute)
		fmt.Fprintf(d.out, "%-10s %-44s skipped: %v\n", s.name, f.name, err)
		return r, nil
	}
	if err != nil {
		crowd.rest()
		return r, err
	}
	time.Sleep(d.hold)
	err = end()
	ended := time.Now()
	time.Sleep(d.after)
	crowd.rest()
	if err != nil {
		return r, err
	}
	crowd.settle(90 * time.Second)
	r.Settled = time.Since(ended).Seconds()
	crowd.again(began)
	r.period = l.report()
	r.Gap, r.Slowest = r.gap.Seconds(), r.slowest.Seconds()
	mark := ""
	if n := len(l.broken()) - before; n > 0 {
		mark = fmt.Sprintf("  %d VIOLATIONS", n)
	}
	fmt.Fprintf(d.out, "%-10s %-44s %6d %6d %6d %6d %6d %6d %7.1f %7.1f %7.1f%s\n", r.Site, r.Fault, r.Sent, r.Accepted, r.Refused, r.Broken, r.Repeated, r.Ended, r.Gap, r.Slowest, r.Settled, mark)
	return r, nil
}
