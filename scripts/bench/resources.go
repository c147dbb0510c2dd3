package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// resources measures what the whole takes: memory at rest and under load, the time that it takes to
// start, and the size of images, where there is a container engine that has any.
func resources(bin, dir string) (rows []row, err error) {
	var took []float64
	for i := range 4 { // the first prepares what later ones find
		began := time.Now()
		t, err := startWhole(bin, filepath.Join(dir, "resources"), "")
		if err != nil {
			return nil, err
		}
		if i > 0 {
			took = append(took, float64(time.Since(began).Milliseconds()))
		}
		t.stop()
	}
	rows = append(rows, single("start until ready", "ms", quantile(took, 0.5)))

	server := webServer(bin)
	t, err := startWhole(bin, filepath.Join(dir, "resources"), server)
	if err != nil {
		return nil, err
	}
	defer t.stop()
	with := ""
	if server != "" {
		with = " and the web client"
	}
	if err := t.submit(programs[0]); err != nil {
		return nil, err
	}
	time.Sleep(3 * time.Second)
	rest, err := memory(t.process.Process.Pid)
	if err != nil {
		return nil, err
	}
	rows = append(rows, single("memory at rest, gateway and engine", "MB", rest.own), single("memory at rest, boxes", "MB", rest.boxes))
	if server != "" {
		bare, err := bareNode()
		if err != nil {
			return nil, err
		}
		rows = append(rows, single("memory at rest, the web client", "MB", rest.web), single("memory at rest, Node.js without a program, for comparison", "MB", bare))
	}
	rows = append(rows, single("memory at rest, with boxes"+with, "MB", rest.all()))
	ended := make(chan error, 1)
	go func() { ended <- t.finish(programs[0], 20) }()
	var mostOwn, mostAll float64
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				return nil, err
			}
			running = false
		case <-time.After(100 * time.Millisecond):
			if now, err := memory(t.process.Process.Pid); err == nil {
				mostOwn, mostAll = max(mostOwn, now.own), max(mostAll, now.all())
			}
		}
	}
	rows = append(rows, single("memory under load, gateway and engine", "MB", mostOwn), single("memory under load, with boxes and programs"+with, "MB", mostAll))
	return append(rows, images()...), nil
}

// single is a figure that is compared with nothing.
func single(name, unit string, value float64) row { return row{Name: name, Value: value, Unit: unit} }

// webServer is the web client's server, if it was built.
func webServer(bin string) string {
	server, err := filepath.Abs(filepath.Join(bin, "..", "web", ".next", "standalone", "server.js"))
	if err != nil {
		return ""
	}
	if _, err := os.Stat(server); err != nil {
		return ""
	}
	return server
}

func startWhole(bin, data, server string) (*target, error) {
	if err := linked(bin, data); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return start(filepath.Join(bin, "sandgate"), "/readyz", []string{
		"SANDGATE_DATA_DIR=" + data, "SANDGATE_BOOTSTRAP_KEY=" + secret, "SANDGATE_WEB_SERVER=" + server, "SANDGATE_WEB_PORT=" + port,
	}, "SANDGATE_PORT")
}

// held is the memory of processes in MB. Pages that several share count once.
type held struct{ own, web, boxes float64 }

func (h held) all() float64 { return h.own + h.web + h.boxes }

// memory is what a process holds, and all below it: Node.js is the web client, everything else boxes.
func memory(pid int) (h held, err error) {
	if h.own, err = proportional(pid); err != nil {
		return h, err
	}
	parents, err := children()
	if err != nil {
		return h, err
	}
	for open := parents[pid]; len(open) > 0; open = open[1:] {
		open = append(open, parents[open[0]]...)
		one, err := proportional(open[0])
		if err != nil {
			continue // it has ended
		}
		if program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", open[0])); filepath.Base(program) == "node" {
			h.web += one
		} else {
			h.boxes += one
		}
	}
	return h, nil
}

// bareNode is what Node.js holds before it is given anything to do.
func bareNode() (float64, error) {
	node := exec.Command("node", "-e", "setInterval(() => {}, 1e6)")
	if err := node.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = node.Process.Kill()
		_ = node.Wait()
	}()
	time.Sleep(2 * time.Second)
	return proportional(node.Process.Pid)
}

func children() (map[int][]int, error) {
	list := map[int][]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if words := strings.Fields(rest); len(words) > 1 {
			parent, _ := strconv.Atoi(words[1])
			list[parent] = append(list[parent], pid)
		}
	}
	return list, nil
}

// proportional is the resident memory of a process, each page divided by how many share it.
func proportional(pid int) (float64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kilobytes float64
		if n, _ := fmt.Sscanf(lines.Text(), "Pss: %f kB", &kilobytes); n == 1 {
			return kilobytes / 1024, nil
		}
	}
	return 0, errors.New("the kernel does not tell")
}

// images lists the sizes of our images.
func images() (rows []row) {
	out, err := exec.Command("docker", "images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}").Output()
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		name, size, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.Contains(name, "sandgate") && !strings.Contains(name, "editor-mini") || seen[name] {
			continue
		}
		seen[name] = true
		for unit, factor := range map[string]float64{"MB": 1, "GB": 1000, "kB": 0.001} {
			if number, ok := strings.CutSuffix(size, unit); ok {
				if value, err := strconv.ParseFloat(number, 64); err == nil {
					rows = append(rows, single("image "+name, "MB", value*factor))
				}
			}
		}
	}
	return rows
}
