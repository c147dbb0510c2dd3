// Command live measures live connections: how many a gateway holds, what memory each costs it, and
// how soon each gets its result. For every gateway it starts two processes of itself, one that is the
// gateway and one that holds the clients and stands in for the engine, since a process may open only
// so many files. `npm run bench:live` starts it.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"
)

// figures are what a process reports; each fills in what it knows.
type figures struct {
	URL       string             `json:"url,omitempty"`
	Key       string             `json:"key,omitempty"`
	Resident  int                `json:"resident,omitempty"` // bytes
	Heap      int                `json:"heap,omitempty"`
	Stacks    int                `json:"stacks,omitempty"`
	Routines  int                `json:"routines,omitempty"`
	Parts     map[string]float64 `json:"parts,omitempty"` // bytes of the heap, by who asked for them
	Connected int                `json:"connected,omitempty"`
	Refused   string             `json:"refused,omitempty"` // what was said to one client too many
	Seconds   float64            `json:"seconds,omitempty"`
	Delivered int                `json:"delivered,omitempty"`
	Delays    []float64          `json:"delays,omitempty"` // in milliseconds, from the engine's call until the client has the result
	Fault     string             `json:"fault,omitempty"`
}

func main() {
	role := flag.String("role", "", "what a process started by this one is")
	kind := flag.String("kind", "all", "sse, socket (web sockets of Socket.IO) or all")
	connections := flag.Int("connections", 10_000, "live connections of each gateway")
	gateways := flag.Int("gateways", 1, "gateways, each a process of its own")
	engine := flag.String("engine", "", "URL of the engine, for a gateway")
	out := flag.String("json", "", "file for the figures")
	flag.Parse()
	var err error
	switch *role {
	case "gateway":
		err = gatewayRole(*engine, *connections)
	case "clients":
		err = clientsRole(*kind, *connections)
	default:
		err = measure(*kind, *connections, *gateways, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench live:", err)
		os.Exit(1)
	}
}

// process is a child that takes commands as lines and answers each with figures.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func start(args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{Cmd: exec.Command(self, args...)}
	p.Stderr = os.Stderr
	if p.in, err = p.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 64<<20)
	return p, p.Start()
}

func (p *process) stop() {
	_ = p.in.Close() // the child ends with its input
	_ = p.Wait()
}

func (p *process) ask(command string) (f figures, err error) {
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return f, err
	}
	if !p.out.Scan() {
		return f, fmt.Errorf("a process ended at %q", command)
	}
	if err := json.Unmarshal(p.out.Bytes(), &f); err != nil {
		return f, err
	}
	if f.Fault != "" {
		return f, fmt.Errorf("%s", f.Fault)
	}
	return f, nil
}

// answers serves the commands of a child.
func answers(commands func(command string) (figures, error)) error {
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		f, err := commands(lines.Text())
		if err != nil {
			f.Fault = err.Error()
		}
		if err := out.Encode(f); err != nil {
			return err
		}
	}
	return lines.Err()
}

type row struct {
	Kind        string  `json:"kind"`
	Gateways    int     `json:"gateways"`
	Connections int     `json:"connections"`
	Each        float64 `json:"bytesEach"` // resident memory, the most of all gateways
	EachHeap    float64 `json:"heapEach"`
	EachStack   float64 `json:"stackEach"`
	Parts       []part  `json:"parts"` // of the heap, the largest first
	PerSecond   float64 `json:"connectedPerSecond"`
	Delivered   int     `json:"delivered"`
	Median      float64 `json:"medianMs"`
	P99         float64 `json:"p99Ms"`
	Most        float64 `json:"mostMs"`
	OneTooMany  string  `json:"oneTooMany"`
	// How long a plain read takes: before there are connections, while all are held, and while more are refused.
	ReadBefore   float64 `json:"readBeforeMs"`
	ReadHeld     float64 `json:"readHeldMs"`
	ReadRefusing float64 `json:"readRefusingMs"`
}

// part is what of a connection's heap is whose.
type part struct {
	Whose string  `json:"whose"`
	Each  float64 `json:"bytesEach"`
}

func partsOf(before, held map[string]float64, connections int) (parts []part) {
	for whose, bytes := range held {
		if each := (bytes - before[whose]) / float64(connections); each >= 100 {
			parts = append(parts, part{whose, each})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(b.Each, a.Each) })
	return parts
}

func measure(kind string, connections, gateways int, file string) error {
	kinds := []string{kind}
	if kind == "all" {
		kinds = []string{"sse", "socket"}
	}
	var rows []row
	for _, kind := range kinds {
		r, err := measureKind(kind, connections, gateways)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		rows = append(rows, r)
		fmt.Printf("%-6s  %d gateways, %d connections (%.0f/s): %.1f KB each (heap %.1f, stacks %.1f)\n        %d results: p50 %.1f ms, p99 %.1f ms, most %.1f ms; a read takes %.2f ms before, %.2f held, %.2f while others are refused\n        one connection too many: %s\n",
			r.Kind, r.Gateways, r.Connections, r.PerSecond, r.Each/1000, r.EachHeap/1000, r.EachStack/1000, r.Delivered, r.Median, r.P99, r.Most, r.ReadBefore, r.ReadHeld, r.ReadRefusing, r.OneTooMany)
	}
	for _, r := range rows {
		fmt.Printf("heap of a connection, %s:", r.Kind)
		for _, p := range r.Parts {
			fmt.Printf("  %s %.1f KB", p.Whose, p.Each/1000)
		}
		fmt.Println()
	}
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func measureKind(kind string, connections, gateways int) (r row, err error) {
	r = row{Kind: kind, Gateways: gateways}
	type pair struct{ clients, gateway *process }
	var pairs []pair
	count := fmt.Sprint(connections)
	for range gateways {
		clients, err := start("-role", "clients", "-kind", kind, "-connections", count)
		if err != nil {
			return r, err
		}
		defer clients.stop()
		engine, err := clients.ask("engine")
		if err != nil {
			return r, err
		}
		gateway, err := start("-role", "gateway", "-engine", engine.URL, "-connections", count)
		if err != nil {
			return r, err
		}
		defer gateway.stop()
		at, err := gateway.ask("ready")
		if err != nil {
			return r, err
		}
		if _, err := clients.ask("submit " + at.URL + " " + at.Key); err != nil {
			return r, err
		}
		pairs = append(pairs, pair{clients, gateway})
	}
	var before []figures
	began := time.Now()
	for _, p := range pairs {
		idle, err := p.gateway.ask("memory")
		if err != nil {
			return r, err
		}
		before = append(before, idle)
	}
	read := func(how string, into *float64) error {
		f, err := pairs[0].clients.ask(how)
		if err == nil {
			slices.Sort(f.Delays)
			*into = f.Delays[len(f.Delays)/2]
		}
		return err
	}
	if err := read("read", &r.ReadBefore); err != nil {
		return r, err
	}
	var connecting float64
	for _, p := range pairs {
		f, err := p.clients.ask("connect")
		if err != nil {
			return r, err
		}
		r.Connections += f.Connected
		r.OneTooMany = f.Refused
		connecting += f.Seconds
	}
	r.PerSecond = float64(r.Connections) / connecting
	for i, p := range pairs {
		held, err := p.gateway.ask("memory")
		if err != nil {
			return r, err
		}
		if i == 0 {
			r.Parts = partsOf(before[0].Parts, held.Parts, connections)
		}
		r.Each = max(r.Each, float64(held.Resident-before[i].Resident)/float64(connections))
		r.EachHeap = max(r.EachHeap, float64(held.Heap-before[i].Heap)/float64(connections))
		r.EachStack = max(r.EachStack, float64(held.Stacks-before[i].Stacks)/float64(connections))
	}
	if err := read("read", &r.ReadHeld); err != nil {
		return r, err
	}
	if err := read("read-refusing", &r.ReadRefusing); err != nil {
		return r, err
	}
	var delays []float64
	for _, p := range pairs {
		f, err := p.clients.ask("finish")
		if err != nil {
			return r, err
		}
		r.Delivered += f.Delivered
		delays = append(delays, f.Delays...)
	}
	slices.Sort(delays)
	if n := len(delays); n > 0 {
		r.Median, r.P99, r.Most = delays[n/2], delays[n*99/100], delays[n-1]
	}
	if r.Delivered != connections*gateways {
		return r, fmt.Errorf("%d of %d connections got their result, after %s", r.Delivered, connections*gateways, time.Since(began).Round(time.Second))
	}
	return r, nil
}
