// Command bench measures Sandgate against the same programs run plainly, side by side in one run:
// what is compared takes turns, so that a busy machine is busy for both. Its figures are ratios and
// medians; `npm run bench` builds and starts it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"time"
)

// row is one measured figure beside what it is compared with. Without Compared, it stands for itself.
type row struct {
	Section  string  `json:"section"` // latency, throughput, growth, resources or languages
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Base     float64 `json:"base"`
	Unit     string  `json:"unit"`
	Ratio    float64 `json:"ratio"`
	Low      float64 `json:"low"`  // tenth percentile of the ratio over the rounds
	High     float64 `json:"high"` // ninetieth
	Compared string  `json:"compared"`
}

func main() {
	bin := flag.String("bin", "bin", "folder of the programs")
	out := flag.String("json", "", "file for the figures")
	rounds := flag.Int("rounds", 200, "turns of each of the latency rows")
	span := flag.Duration("span", 2*time.Second, "length of a turn of the throughput rows")
	each := flag.Bool("languages", false, "hello of every language instead, in a twentieth of the turns")
	million := flag.Bool("million", false, "compare with a million stored submissions too")
	only := flag.String("only", "", "one section: latency, throughput, growth, resources or profiles (not taken otherwise)")
	flag.Parse()
	measure := func() error { return run(*bin, *out, *only, *rounds, *span, *million) }
	if *each {
		measure = func() error { return runLanguages(*bin, *out, max(1, *rounds/20)) }
	}
	if err := measure(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(bin, out, only string, rounds int, span time.Duration, million bool) error {
	dir, err := os.MkdirTemp("", "sandgate-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var rows []row
	var isolation string
	type part struct {
		name    string
		measure func() ([]row, error)
	}
	parts := []part{
		{"latency", func() ([]row, error) { return latencies(bin, dir, rounds, &isolation) }},
		{"throughput", func() ([]row, error) { return throughputs(bin, dir, span) }},
		{"growth", func() ([]row, error) { return growth(bin, dir, span/2, million) }},
		{"resources", func() ([]row, error) { return resources(bin, dir) }},
	}
	if only != "" && only != "profiles" && !slices.ContainsFunc(parts, func(p part) bool { return p.name == only }) {
		return fmt.Errorf("there is no section %q", only)
	}
	for _, section := range parts {
		if only != "" && only != section.name {
			continue
		}
		measured, err := section.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", section.name, err)
		}
		for i := range measured {
			measured[i].Section = section.name
		}
		print(measured)
		rows = append(rows, measured...)
	}
	var found []profile
	if only == "profiles" {
		if found, err = profiles(bin, dir); err != nil {
			return err
		}
		printProfiles(found)
	}
	if only != "" {
		rows, found, isolation = beside(out, only, rows, found, isolation)
	}
	return show(rows, found, out, isolation)
}

// beside keeps what the file has of sections that were not measured now.
func beside(out, only string, rows []row, found []profile, isolation string) ([]row, []profile, string) {
	var before figures
	if text, err := os.ReadFile(out); err != nil || json.Unmarshal(text, &before) != nil {
		return rows, found, isolation
	}
	if only != "profiles" {
		found = before.Profiles
	}
	if isolation == "" {
		isolation = before.Isolation
	}
	for _, r := range before.Rows {
		if r.Section != only {
			rows = append(rows, r)
		}
	}
	return rows, found, isolation
}

// figures is what the file holds.
type figures struct {
	Machine   string    `json:"machine"`
	Isolation string    `json:"isolation"`
	Rows      []row     `json:"rows"`
	Profiles  []profile `json:"profiles"`
}

// latencies has the engine alone and the whole: two installations that take turns.
func latencies(bin, dir string, rounds int, isolation *string) (rows []row, err error) {
	engine, err := startEngine(bin, dir)
	if err != nil {
		return nil, err
	}
	defer engine.stop()
	gateway, err := startGateway(bin, dir)
	if err != nil {
		return nil, err
	}
	defer gateway.stop()
	plain, err := newPlain(dir)
	if err != nil {
		return nil, err
	}
	*isolation = gateway.isolation
	for _, p := range programs {
		measured, err := latency(p, plain, engine, gateway, rounds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, measured...)
	}
	return rows, nil
}

func throughputs(bin, dir string, span time.Duration) (rows []row, err error) {
	gateway, err := startGateway(bin, dir)
	if err != nil {
		return nil, err
	}
	defer gateway.stop()
	plain, err := newPlain(dir)
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if !p.throughput {
			continue
		}
		measured, err := throughput(p, plain, gateway, 5, span)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, measured)
	}
	measured, err := intake(bin, dir, 3, span/3)
	return append(rows, measured...), err
}

// growth measures what becomes slower as there is more of something.
func growth(bin, dir string, span time.Duration, million bool) (rows []row, err error) {
	const turns = 5
	sizes := []int{100_000}
	if million {
		sizes = append(sizes, 1_000_000)
	}
	if rows, err = growthStored(bin, dir, sizes, turns, span); err != nil {
		return nil, err
	}
	queued, err := growthQueued(bin, dir, 100_000, turns, span)
	if err != nil {
		return nil, err
	}
	accounts, err := growthAccounts(bin, dir, 10_000, turns, span)
	if err != nil {
		return nil, err
	}
	workers, err := growthWorkers(bin, dir, turns)
	return append(append(rows, queued, accounts), workers...), err
}

// runLanguages measures the languages by the engine alone.
func runLanguages(bin, out string, rounds int) error {
	dir, err := os.MkdirTemp("", "sandgate-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cache, err := filepath.Abs(filepath.Join(bin, "cache"))
	if err != nil {
		return err
	}
	engine, err := startEngine(bin, dir)
	if err != nil {
		return err
	}
	defer engine.stop()
	fmt.Printf("%d cores; hello, wait=true p50, the engine alone; compiling included\n\n", runtime.NumCPU())
	rows, err := languages(dir, cache, engine, rounds)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Section = "languages"
	}
	print(rows)
	return show(rows, nil, out, engine.isolation)
}

// show writes the figures where that was asked for.
func show(rows []row, found []profile, out, isolation string) error {
	if out == "" {
		return nil
	}
	text, err := json.MarshalIndent(figures{machine(), isolation, rows, found}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

// machine says what the figures were taken on.
func machine() string {
	model := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores of %s, Linux %s, %s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.Version())
}

func print(rows []row) {
	fmt.Printf("\n%-52s %12s %12s %8s %15s\n", "", "value", "compared", "ratio", "10th … 90th")
	for _, r := range rows {
		if r.Compared == "" {
			fmt.Printf("%-52s %9.2f %-3s\n", r.Name, r.Value, r.Unit)
			continue
		}
		spread := ""
		if r.Low > 0 { // of a median alone
			spread = fmt.Sprintf("%.2f … %5.2f", r.Low, r.High)
		}
		fmt.Printf("%-52s %9.2f %-3s %9.2f %-3s %6.2f × %14s   ÷ %s\n", r.Name, r.Value, r.Unit, r.Base, r.Unit, r.Ratio, spread, r.Compared)
	}
}

// latency lets plain, engine and gateway take turns, and compares medians. What follows another feels what that
// one still does after its answer, such as clearing away: each comes after each of the others as often.
func latency(p program, plain *plain, engine, gateway *target, rounds int) ([]row, error) {
	var plainTook, engineTook, gatewayTook []float64
	turns := []struct {
		name string
		run  func() error
		took *[]float64
	}{
		{"plain", func() error { return plain.run(p) }, &plainTook},
		{"engine", func() error { return engine.submit(p) }, &engineTook},
		{"gateway", func() error { return gateway.submit(p) }, &gatewayTook},
	}
	for i := -2; i < rounds; i++ { // the first two warm up
		if i%2 == 0 {
			turns[1], turns[2] = turns[2], turns[1]
		}
		for _, turn := range turns {
			took, err := timed(turn.run)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", turn.name, err)
			}
			if i >= 0 {
				*turn.took = append(*turn.took, took)
			}
		}
	}
	return []row{
		compare("wait=true p50, "+p.name+", gateway", "fork+exec", "ms", gatewayTook, plainTook),
		compare("wait=true p50, "+p.name+", engine alone", "fork+exec", "ms", engineTook, plainTook),
		compare("wait=true p50, "+p.name+", gateway", "engine alone", "ms", gatewayTook, engineTook),
		compareAt(0.99, "wait=true p99, "+p.name+", gateway", "fork+exec", "ms", gatewayTook, plainTook),
	}, nil
}

func timed(f func() error) (float64, error) {
	began := time.Now()
	err := f()
	return float64(time.Since(began).Microseconds()) / 1000, err
}

// throughput compares how many submissions end in a second with how many plain runs do, with as
// many of them at a time as there are workers. Submissions come in batches, as a judge sends them.
func throughput(p program, plain *plain, gateway *target, turns int, span time.Duration) (row, error) {
	workers := max(2, runtime.NumCPU())
	var plainRate, gatewayRate []float64
	for i := -1; i < turns; i++ {
		a, err := rate(workers, span, func() error { return plain.run(p) })
		if err != nil {
			return row{}, fmt.Errorf("plain: %w", err)
		}
		// About as many as end within the span at half the plain rate.
		batches := max(1, int(a*span.Seconds()/2/batchSize+0.5))
		began := time.Now()
		if err := gateway.finish(p, min(batches, 20)); err != nil {
			return row{}, fmt.Errorf("gateway: %w", err)
		}
		if i >= 0 {
			plainRate = append(plainRate, a)
			gatewayRate = append(gatewayRate, float64(min(batches, 20)*batchSize)/time.Since(began).Seconds())
		}
	}
	return compare(fmt.Sprintf("finished a second, %s, gateway", p.name), fmt.Sprintf("plain, %d at a time", workers), "/s", gatewayRate, plainRate), nil
}

func rate(parallel int, span time.Duration, f func() error) (float64, error) {
	type tally struct {
		count int
		err   error
	}
	tallies := make(chan tally)
	began := time.Now()
	for range parallel {
		go func() {
			var t tally
			for time.Since(began) < span && t.err == nil {
				if t.err = f(); t.err == nil {
					t.count++
				}
			}
			tallies <- t
		}()
	}
	var sum tally
	for range parallel {
		t := <-tallies
		sum.count += t.count
		if t.err != nil {
			sum.err = t.err
		}
	}
	return float64(sum.count) / time.Since(began).Seconds(), sum.err
}

func compare(name, with, unit string, value, base []float64) row {
	return compareAt(0.5, name, with, unit, value, base)
}

// compareAt compares quantiles.
func compareAt(q float64, name, with, unit string, value, base []float64) row {
	ratios := make([]float64, len(value))
	for i := range value {
		ratios[i] = value[i] / base[i]
	}
	r := row{Name: name, Compared: with, Unit: unit, Value: quantile(value, q), Base: quantile(base, q)}
	r.Ratio = r.Value / r.Base
	if q == 0.5 {
		r.Low, r.High = quantile(ratios, 0.1), quantile(ratios, 0.9)
	}
	return r
}

func quantile(values []float64, q float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
