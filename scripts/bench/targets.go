package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program is what is run, by us and plainly.
type program struct {
	name       string
	language   int
	file       string
	source     string
	compile    []string // plainly; in the folder of the file
	run        []string
	want       string
	throughput bool
}

var programs = []program{
	{name: "Python", language: 71, file: "script.py", source: "print('hello')\n", run: []string{"/usr/bin/python3", "script.py"}, want: "hello\n", throughput: true},
	{name: "C", language: 50, file: "main.c", source: "#include <stdio.h>\nint main(){puts(\"hello\");}\n", compile: []string{"/usr/bin/gcc", "main.c", "-lm"}, run: []string{"./a.out"}, want: "hello\n"},
	{name: "Bash true", language: 46, file: "script.sh", source: "exec /bin/true\n", run: []string{"/bin/bash", "script.sh"}, throughput: true},
}

// plain runs programs by fork and exec, with files for input and output as a shell would.
type plain struct{ dir string }

func newPlain(dir string) (*plain, error) {
	for _, p := range programs {
		if err := os.WriteFile(filepath.Join(dir, p.file), []byte(p.source), 0o644); err != nil {
			return nil, err
		}
	}
	return &plain{dir}, nil
}

func (r *plain) run(p program) error {
	dir := r.dir
	if p.compile != nil {
		// A fresh folder, as every submission has one: parallel runs must not share an output.
		var err error
		if dir, err = os.MkdirTemp(r.dir, "run-*"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := os.WriteFile(filepath.Join(dir, p.file), []byte(p.source), 0o644); err != nil {
			return err
		}
		if _, err := output(dir, p.compile); err != nil {
			return err
		}
	}
	got, err := output(dir, p.run)
	if err == nil && got != p.want {
		err = fmt.Errorf("it printed %q", got)
	}
	return err
}

func output(dir string, args []string) (string, error) {
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	c.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"}
	text, err := c.Output()
	return string(text), err
}

// target is an installation that speaks the Judge0 API.
type target struct {
	url, key, isolation string
	client              *http.Client
	process             *exec.Cmd
}

type result struct {
	Token  string
	Stdout *string
	Status struct{ ID int }
}

// check tells whether a finished submission ended as it should.
func (r result) check(p program) error {
	got := ""
	if r.Stdout != nil {
		got = *r.Stdout
	}
	if r.Status.ID != 3 || strings.TrimRight(got, "\n") != strings.TrimRight(p.want, "\n") {
		return fmt.Errorf("it ended with status %d and printed %q", r.Status.ID, got)
	}
	return nil
}

func (p program) attributes() map[string]any {
	return map[string]any{"language_id": p.language, "source_code": p.source}
}

// submit sends a submission and waits for its result.
func (t *target) submit(p program) error {
	var r result
	if err := t.call(http.MethodPost, "/submissions?wait=true", p.attributes(), &r); err != nil {
		return err
	}
	return r.check(p)
}

// batchSize is the most that Judge0 takes in one batch.
const batchSize = 20

// finish sends batches of submissions and waits until all have ended.
func (t *target) finish(p program, batches int) error {
	list := make([]map[string]any, batchSize)
	for i := range list {
		list[i] = p.attributes()
	}
	var tokens []string
	for range batches {
		var created []result
		if err := t.call(http.MethodPost, "/submissions/batch", map[string]any{"submissions": list}, &created); err != nil {
			return err
		}
		names := make([]string, len(created))
		for i, r := range created {
			names[i] = r.Token
		}
		tokens = append(tokens, strings.Join(names, ","))
	}
	for i, names := range tokens {
		// Rare enough not to be a load; of the last often enough that the end is known when it comes.
		every := 100 * time.Millisecond
		if i == len(tokens)-1 {
			every = 10 * time.Millisecond
		}
		for {
			var page struct{ Submissions []result }
			if err := t.call(http.MethodGet, "/submissions/batch?fields=token,stdout,status&tokens="+names, nil, &page); err != nil {
				return err
			}
			ended := 0
			for _, r := range page.Submissions {
				if r.Status.ID > 2 {
					ended++
					if err := r.check(p); err != nil {
						return err
					}
				}
			}
			if ended == len(page.Submissions) {
				break
			}
			time.Sleep(every)
		}
	}
	return nil
}

func (t *target) call(method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, t.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", t.key)
	response, err := t.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}

const secret = "benchmark-benchmark-benchmark"

// linked makes a folder for data, with what tests and earlier starts prepared, such as Go's compiled
// library.
func linked(bin, data string) error {
	cache, err := filepath.Abs(filepath.Join(bin, "cache"))
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(data, "cache")); err == nil {
		return nil
	}
	return errors.Join(os.MkdirAll(cache, 0o755), os.MkdirAll(data, 0o700), os.Symlink(cache, filepath.Join(data, "cache")))
}

// startEngine starts the engine by itself.
func startEngine(bin, dir string) (*target, error) {
	if err := linked(bin, filepath.Join(dir, "engine-alone")); err != nil {
		return nil, err
	}
	return start(filepath.Join(bin, "judge0"), "/readyz", []string{
		"DATA_DIR=" + filepath.Join(dir, "engine-alone"), "AUTHN_TOKEN=" + secret, "LOG_LEVEL=warn",
	}, "PORT")
}

// startGateway starts the whole, without the web client.
func startGateway(bin, dir string, env ...string) (*target, error) {
	if err := linked(bin, filepath.Join(dir, "whole")); err != nil {
		return nil, err
	}
	return start(filepath.Join(bin, "sandgate"), "/readyz", append(env,
		"SANDGATE_DATA_DIR="+filepath.Join(dir, "whole"), "SANDGATE_BOOTSTRAP_KEY="+secret,
	), "SANDGATE_PORT")
}

func start(program, ready string, env []string, portName string) (*target, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	t := &target{url: "http://127.0.0.1:" + port, key: secret, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	t.process = exec.Command(program)
	t.process.Env = append(append(os.Environ(), env...), portName+"="+port)
	t.process.Stderr = os.Stderr
	stdout, err := t.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := t.process.Start(); err != nil {
		return nil, err
	}
	isolation := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "  "); ok && name == "Isolation" {
				isolation <- strings.TrimSpace(value)
			}
		}
	}()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		response, err := t.client.Get(t.url + ready)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.stop()
			return nil, errors.Join(fmt.Errorf("%s did not become ready", program), err)
		}
	}
	select {
	case t.isolation = <-isolation:
	case <-time.After(time.Second):
	}
	return t, nil
}

func (t *target) stop() {
	_ = t.process.Process.Signal(syscall.SIGTERM)
	_ = t.process.Wait()
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
