package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sandgate/sandgate/judge0/conformance"
	"github.com/sandgate/sandgate/judge0/sandboxtest"
)

// programs is the folder of the programs that the tests start as a user would.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sandgate-test-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			panic(err)
		}
		programs = filepath.Join(dir, "bin")
		if err := os.Mkdir(programs, 0o755); err != nil {
			panic(err)
		}
		// Where the program looks for the compilers that come from npm.
		if err := os.Symlink(filepath.Join(sandboxtest.Root(), "toolchains"), filepath.Join(dir, "toolchains")); err != nil {
			panic(err)
		}
		build := exec.Command("go", "build", "-o", programs, "./cmd/sandgate")
		build.Dir = sandboxtest.Root()
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("FAIL: %v\n%s", err, out)
			return 1
		}
		if _, err := sandboxtest.BuildInit(programs); err != nil {
			fmt.Println("FAIL:", err)
			return 1
		}
		return m.Run()
	}())
}

const key = "a-key-for-tests-only"

// process is a running sandgate.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	mu     sync.Mutex
	output bytes.Buffer
	exited chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// dataDir makes a folder for the data, with what earlier tests compiled for Go.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cache := filepath.Join(sandboxtest.Root(), "bin", "cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(cache, filepath.Join(dir, "cache")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func begin(t *testing.T, dir string, change func(*exec.Cmd), env ...string) *process {
	t.Helper()
	port := freePort(t)
	p := &process{t: t, url: "http://127.0.0.1:" + port, exited: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(programs, "sandgate"))
	p.cmd.Env = append(append(os.Environ(), "SANDGATE_DATA_DIR="+dir, "SANDGATE_PORT="+port), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if change != nil {
		change(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.exited })
	return p
}

// start begins a sandgate and waits until it says that it is ready.
func start(t *testing.T, dir string, change func(*exec.Cmd), env ...string) *process {
	t.Helper()
	p := begin(t, dir, change, env...)
	deadline := time.Now().Add(4 * time.Minute)
	for !strings.Contains(p.printed(), "Ctrl-C") {
		select {
		case <-p.exited:
			t.Fatalf("it ended at the start:\n%s", p.printed())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("it did not become ready:\n%s", p.printed())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return p
}

func (p *process) end(signal os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		p.t.Fatalf("it did not end:\n%s", p.printed())
	}
	return p.cmd.ProcessState.ExitCode()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// call sends a request with the test's key and reads a JSON answer.
func (p *process) call(method, path string, body any, into any) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest(method, p.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, err
	}
	return response.StatusCode, json.Unmarshal(answer, into)
}

type answer struct {
	Token  string
	Stdout *string
	Stderr *string
	Status struct{ ID int }
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// pasted runs the command that the program told its user to try.
func (p *process) pasted() string {
	p.t.Helper()
	_, after, ok := strings.Cut(p.printed(), "Try it:\n")
	command, _, ok2 := strings.Cut(after, "\nCtrl-C")
	if !ok || !ok2 {
		p.t.Fatalf("there is no command to try:\n%s", p.printed())
	}
	out, err := exec.Command("/bin/bash", "-c", command).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestFirstAndSecondStart(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	dir := dataDir(t)
	first := start(t, dir, nil)
	if out := first.pasted(); !strings.Contains(out, `"stdout":"42\n"`) {
		t.Errorf("the first command answered %s", out)
	}
	if said := first.printed(); !strings.Contains(said, "shown this once") || !strings.Contains(said, "Isolation") {
		t.Errorf("it said:\n%s", said)
	}
	if code := first.end(os.Interrupt); code != 0 {
		t.Errorf("Ctrl-C ended it with code %d:\n%s", code, first.printed())
	}
	second := start(t, dir, nil)
	if strings.Contains(second.printed(), "shown this once") {
		t.Error("the second start made another first key")
	}
	if out := second.pasted(); !strings.Contains(out, `"stdout":"42\n"`) {
		t.Errorf("the command of the second start answered %s", out)
	}
	if code := second.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM ended it with code %d:\n%s", code, second.printed())
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("sandgate-boxes-%d-*", second.cmd.Process.Pid)))
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestSecondProcessOnTheSameData(t *testing.T) {
	dir := dataDir(t)
	start(t, dir, nil)
	other := begin(t, dir, nil)
	<-other.exited
	if code := other.cmd.ProcessState.ExitCode(); code != 1 || strings.Contains(other.printed(), "panic") {
		t.Errorf("code %d:\n%s", code, other.printed())
	}
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	p := begin(t, t.TempDir(), nil, "SANDGATE_PORT="+taken)
	<-p.exited
	if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.printed(), "port "+taken+" is taken") || !strings.Contains(p.printed(), "SANDGATE_PORT") {
		t.Errorf("code %d:\n%s", code, p.printed())
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	p := begin(t, t.TempDir(), nil, "SANDGATE_PORT=x", "MAX_CPU_TIME_LIMIT=y", "SANDGATE_WEB_PORT=z", "SANDGATE_BOOTSTRAP_KEY=short", "CPU_RATE_LIMIT=w")
	<-p.exited
	for _, name := range []string{"port", "MAX_CPU_TIME_LIMIT", "SANDGATE_WEB_PORT", "bootstrap_key", "CPU_RATE_LIMIT"} {
		if !strings.Contains(p.printed(), name) {
			t.Errorf("%s is not named:\n%s", name, p.printed())
		}
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 2 {
		t.Errorf("code %d", code)
	}
}

// What the gateway has recorded, the engine need not keep: neither for ever, nor longer than the gateway.
func TestTheEngineKeepsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		gateway, engine string // SANDGATE_RETENTION and RETENTION
		want            time.Duration
	}{
		{"", "", time.Hour}, {"30d", "", time.Hour}, {"10m", "", 10 * time.Minute}, {"1m", "", time.Minute},
		{"", "24h", 24 * time.Hour}, {"10m", "24h", 24 * time.Hour},
	} {
		env := map[string]string{"SANDGATE_RETENTION": tc.gateway, "RETENTION": tc.engine}
		s, err := loadSettings(nil, func(name string) (string, bool) { return env[name], env[name] != "" })
		if err != nil || s.engine.Retention != tc.want {
			t.Errorf("%+v: %v, %v", tc, s.engine.Retention, err)
		}
	}
}

// An ordinary user has no rights over the host, but may make user namespaces.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the tests run as an ordinary user anyway")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "sandgate-user-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		// Without Go: to compile its library for this user as well would take a minute.
		c.Env = append(c.Env, "PATH=/usr/bin:/bin", "HOME="+dir)
	}, "SANDGATE_BOOTSTRAP_KEY="+key)
	t.Log(p.printed())
	for _, tc := range []struct {
		language int
		source   string
		status   int
		stdout   string
	}{
		{46, "echo hello", 3, "hello\n"},
		{46, "cat /etc/shadow; ls /root /home; exit 3", 11, ""},
		{46, "while :; do :; done", 5, ""},
		// Runtimes that set aside far more memory than they use.
		{62, `public class Main { public static void main(String[] a) { System.out.println("hello"); } }`, 3, "hello\n"},
		{63, `console.log("hello")`, 3, "hello\n"},
		{71, "x = []\nwhile True: x.append(bytearray(1 << 20))", 12, ""},
	} {
		if name := map[int]string{46: "Bash", 62: "Java,", 63: "JavaScript", 71: "Python"}[tc.language]; !strings.Contains(p.printed(), name) {
			t.Run(name, func(t *testing.T) { t.Skip("it is not on this machine") })
			continue
		}
		var a answer
		code, err := p.call("POST", "/submissions?wait=true", map[string]any{"language_id": tc.language, "source_code": tc.source, "cpu_time_limit": 3, "cpu_extra_time": 0, "wall_time_limit": 15}, &a)
		if err != nil || code != 201 || a.Status.ID != tc.status || text(a.Stdout) != tc.stdout {
			t.Errorf("%s: %d, status %d, %q, %q, %v", tc.source, code, a.Status.ID, text(a.Stdout), text(a.Stderr), err)
		}
	}
	if code := p.end(syscall.SIGTERM); code != 0 {
		t.Errorf("it ended with code %d:\n%s", code, p.printed())
	}
}

// Hostile programs through the whole path, with honest ones beside and after them.
func TestHostilePrograms(t *testing.T) {
	p := start(t, dataDir(t), nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	submit := func(source string) answer {
		var a answer
		code, err := p.call("POST", "/submissions?wait=true", map[string]any{"language_id": 46, "source_code": source, "cpu_time_limit": 2, "wall_time_limit": 4}, &a)
		if err != nil || code != 201 {
			t.Errorf("%s: %d, %v", source, code, err)
		}
		return a
	}
	var wg sync.WaitGroup
	for _, tc := range []struct {
		name, source string
		held         func(answer) bool
	}{
		{"fork bomb", "b() { b | b & }; b; sleep 100", func(a answer) bool { return a.Status.ID != 3 }},
		{"memory bomb", "a=x; while :; do a=$a$a; done", func(a answer) bool { return a.Status.ID == 11 || a.Status.ID == 12 }},
		{"1 GB of output", "head -c 1G /dev/zero | tr '\\0' x", func(a answer) bool { return len(text(a.Stdout)) <= 1<<20 }},
		{"network", "exec 3<>/dev/tcp/127.0.0.1/" + p.url[strings.LastIndex(p.url, ":")+1:] + " && echo REACHED", func(a answer) bool { return text(a.Stdout) == "" }},
		{"shadow", "cat /etc/shadow", func(a answer) bool { return text(a.Stdout) == "" }},
		{"other runs", "echo secret > /tmp/x; echo secret > /box/x; sleep 1; find / -name x -newer /proc/1 -type f 2>/dev/null | grep -v -e ^/tmp/x -e ^/box/x -e ^/proc", func(a answer) bool { return text(a.Stdout) == "" }},
		{"honest", "sleep 1; echo fine", func(a answer) bool { return text(a.Stdout) == "fine\n" }},
	} {
		wg.Go(func() {
			if a := submit(tc.source); !tc.held(a) {
				t.Errorf("%s: status %d, %.200q, %.200q", tc.name, a.Status.ID, text(a.Stdout), text(a.Stderr))
			}
		})
	}
	wg.Wait()
	if a := submit("ls -A /tmp; echo as if nothing had been"); text(a.Stdout) != "as if nothing had been\n" {
		t.Errorf("afterwards: status %d, %q", a.Status.ID, text(a.Stdout))
	}
}

// The process is killed in the middle of 200 submissions. All of them end, each with the result
// that it showed first, and the engine has run none of them under two names.
func TestKilledInTheMiddle(t *testing.T) { killedInTheMiddle(t, nil) }

// As much as a machine can lose that crashes in the middle: all that the engine had not to wait for the
// disk with. The gateway has them run again, and what had ended stays as it was.
func TestTheMachineCrashesInTheMiddle(t *testing.T) {
	killedInTheMiddle(t, func(dir string) {
		for _, file := range []string{"judge0.db", "judge0.db-wal", "judge0.db-shm"} {
			if err := os.Remove(filepath.Join(dir, "engine", file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	})
}

// killedInTheMiddle has crash done to the data folder between the kill and the next start.
func killedInTheMiddle(t *testing.T, crash func(dir string)) {
	const count = 200
	dir := dataDir(t)
	p := start(t, dir, nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	tokens := make([]string, 0, count)
	for i := 0; i < count; i += 20 {
		var batch []map[string]any
		for j := i; j < i+20; j++ {
			batch = append(batch, map[string]any{"language_id": 46, "source_code": fmt.Sprintf("echo %d $RANDOM$RANDOM", j)})
		}
		var answers []answer
		if code, err := p.call("POST", "/submissions/batch", map[string]any{"submissions": batch}, &answers); err != nil || code != 201 {
			t.Fatalf("%d, %v", code, err)
		}
		for _, a := range answers {
			tokens = append(tokens, a.Token)
		}
	}
	read := func(p *process) (finished map[int]string, wrong []string) {
		finished = map[int]string{}
		for i := 0; i < count; i += 20 {
			var page struct{ Submissions []*answer }
			if _, err := p.call("GET", "/submissions/batch?tokens="+strings.Join(tokens[i:i+20], ","), nil, &page); err != nil {
				t.Fatal(err)
			}
			for j, a := range page.Submissions {
				switch {
				case a == nil:
					wrong = append(wrong, fmt.Sprintf("%d is lost", i+j))
				case a.Status.ID <= 2:
				case a.Status.ID != 3 || !strings.HasPrefix(text(a.Stdout), fmt.Sprintf("%d ", i+j)):
					wrong = append(wrong, fmt.Sprintf("%d ended as %d with %q", i+j, a.Status.ID, text(a.Stdout)))
				default:
					finished[i+j] = text(a.Stdout)
				}
			}
		}
		return finished, wrong
	}
	var before map[int]string
	for before = map[int]string{}; len(before) < count/4; {
		before, _ = read(p)
	}
	if code := p.end(syscall.SIGKILL); code != -1 {
		t.Fatalf("it was not killed: %d", code)
	}
	if len(before) == count {
		t.Run("in the middle", func(t *testing.T) { t.Skip("all had ended before the kill, which then shows nothing") })
	}
	if crash != nil {
		crash(dir)
	}
	p = start(t, dir, nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	var after map[int]string
	var wrong []string
	for deadline := time.Now().Add(2 * time.Minute); len(after) < count && time.Now().Before(deadline); {
		after, wrong = read(p)
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
	}
	if len(after) != count {
		t.Fatalf("%d of %d ended", len(after), count)
	}
	for i, out := range before {
		if after[i] != out {
			t.Errorf("%d showed %q, and now %q", i, out, after[i])
		}
	}
	p.end(syscall.SIGTERM)
	db, err := sql.Open("sqlite", filepath.Join(dir, "engine", "judge0.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows int
	if err := db.QueryRow("SELECT count(*) FROM submissions").Scan(&rows); err != nil || rows != count && crash == nil || rows > count {
		t.Errorf("the engine knows %d submissions, %v", rows, err)
	}
	t.Logf("%d had ended before the kill, %d after it", len(before), count-len(before))
}

// The gateway answers as the recorded Judge0 did.
func TestConformance(t *testing.T) {
	// The key of the first start has all rights, and the recorded client had not: its submission
	// outlived the attempt to delete it.
	const outlived = "batch get unknown"
	p := start(t, dataDir(t), nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	count, differences, err := conformance.Replay(p.url, map[string]string{"X-Auth-Token": key})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		if d.Name != outlived {
			t.Error(d)
		}
	}
	t.Logf("%d of %d as recorded", count-len(differences), count)
}

// The live stream shows the states as they come.
func TestEvents(t *testing.T) {
	p := start(t, dataDir(t), nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	var job struct{ JobID string }
	if code, err := p.call("POST", "/api/v1/run", map[string]any{"language": "bash", "code": "sleep 1; cat", "stdin": "in"}, &job); err != nil || code != 202 {
		t.Fatalf("%d, %v", code, err)
	}
	request, err := http.NewRequest("GET", p.url+"/api/v1/submissions/"+job.JobID+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var events []string
	var result struct{ Output *string }
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			events = append(events, name)
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && events[len(events)-1] == "result" {
			if err := json.Unmarshal([]byte(data), &result); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if n := len(events); n < 2 || events[n-1] != "result" || events[0] != "status" || text(result.Output) != "in" {
		t.Errorf("events %v, output %q", events, text(result.Output))
	}
}

// get reads an answer to its end as text.
func (p *process) get(path string) (string, error) {
	request, err := http.NewRequest("GET", p.url+path, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("X-Auth-Token", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}
