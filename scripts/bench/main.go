// Command bench measures Sandgate against the same programs run plainly, side by side in one run:
// what is compared takes turns, so that a busy machine is busy for both. Its figures are ratios and
// medians; `npm run bench` builds and starts it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"
)

// row is one measured figure beside what it is compared with.
type row struct {
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
	rounds := flag.Int("rounds", 40, "turns of each of the latency rows")
	span := flag.Duration("span", 2*time.Second, "length of a turn of the throughput rows")
	each := flag.Bool("languages", false, "hello of every language instead, in an eighth of the turns")
	flag.Parse()
	measure := func() error { return run(*bin, *out, *rounds, *span) }
	if *each {
		measure = func() error { return runLanguages(*bin, *out, max(1, *rounds/8)) }
	}
	if err := measure(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(bin, out string, rounds int, span time.Duration) error {
	dir, err := os.MkdirTemp("", "sandgate-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The engine alone and the whole: two installations that take turns.
	engine, err := startEngine(bin, dir)
	if err != nil {
		return err
	}
	defer engine.stop()
	gateway, err := startGateway(bin, dir)
	if err != nil {
		return err
	}
	defer gateway.stop()
	plain, err := newPlain(dir)
	if err != nil {
		return err
	}
	fmt.Printf("%d cores, %s, Go %s\n\n", runtime.NumCPU(), gateway.isolation, strings.TrimPrefix(runtime.Version(), "go"))

	var rows []row
	for _, p := range programs {
		measured, err := latency(p, plain, engine, gateway, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, measured...)
	}
	for _, p := range programs {
		if !p.throughput {
			continue
		}
		measured, err := throughput(p, plain, gateway, 5, span)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, measured)
	}
	measured, err := intake(bin, dir, 3, span/3)
	if err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	rows = append(rows, measured...)
	return show(rows, out, gateway.isolation)
}

// runLanguages measures the languages by the engine alone.
func runLanguages(bin, out string, rounds int) error {
	dir, err := os.MkdirTemp("", "sandgate-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// What tests and earlier starts prepared, such as Go's compiled library, serves here too.
	cache, err := filepath.Abs(filepath.Join(bin, "cache"))
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "engine-alone")
	if err := errors.Join(os.MkdirAll(cache, 0o755), os.Mkdir(data, 0o755), os.Symlink(cache, filepath.Join(data, "cache"))); err != nil {
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
	return show(rows, out, engine.isolation)
}

// show prints the figures, and writes them where that was asked for.
func show(rows []row, out, isolation string) error {
	print(rows)
	if out == "" {
		return nil
	}
	text, err := json.MarshalIndent(map[string]any{"cores": runtime.NumCPU(), "isolation": isolation, "rows": rows}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

func print(rows []row) {
	fmt.Printf("%-44s %12s %12s %8s %15s\n", "", "value", "compared", "ratio", "10th … 90th")
	for _, r := range rows {
		fmt.Printf("%-44s %9.2f %-3s %9.2f %-3s %6.2f × %6.2f … %5.2f   ÷ %s\n", r.Name, r.Value, r.Unit, r.Base, r.Unit, r.Ratio, r.Low, r.High, r.Compared)
	}
}

// latency lets plain, engine and gateway take turns, and compares medians.
func latency(p program, plain *plain, engine, gateway *target, rounds int) ([]row, error) {
	var plainTook, engineTook, gatewayTook []float64
	for i := -2; i < rounds; i++ { // the first two warm up
		a, err := timed(func() error { return plain.run(p) })
		if err != nil {
			return nil, fmt.Errorf("plain: %w", err)
		}
		b, err := timed(func() error { return engine.submit(p) })
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		c, err := timed(func() error { return gateway.submit(p) })
		if err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
		if i >= 0 {
			plainTook, engineTook, gatewayTook = append(plainTook, a), append(engineTook, b), append(gatewayTook, c)
		}
	}
	return []row{
		compare("wait=true p50, "+p.name+", gateway", "fork+exec", "ms", gatewayTook, plainTook),
		compare("wait=true p50, "+p.name+", engine alone", "fork+exec", "ms", engineTook, plainTook),
		compare("wait=true p50, "+p.name+", gateway", "engine alone", "ms", gatewayTook, engineTook),
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
	ratios := make([]float64, len(value))
	for i := range value {
		ratios[i] = value[i] / base[i]
	}
	r := row{Name: name, Compared: with, Unit: unit, Value: quantile(value, 0.5), Base: quantile(base, 0.5), Low: quantile(ratios, 0.1), High: quantile(ratios, 0.9)}
	r.Ratio = r.Value / r.Base
	return r
}

func quantile(values []float64, q float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
