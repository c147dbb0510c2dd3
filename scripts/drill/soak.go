package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// soak is a long run of all that clients do, well and badly, with faults in between, that watches what
// must not grow.
type soak struct {
	site      *site
	ledger    *ledger
	pid       func() int
	dir       string // all that it keeps is in there
	temporary string // TMPDIR of what is tested, in it
	keeps     time.Duration
	began     time.Time
	samples   []sample
	careless  atomic.Int64 // bad requests that were answered as they must be
	hostile   atomic.Int64 // hostile programs that ended as they must
}

// sample is what the process holds at a moment.
type sample struct {
	Second     float64 `json:"second"`
	Resident   float64 `json:"residentMB"` // of the process, without its children
	Heap       float64 `json:"heapMB"`
	Files      float64 `json:"files"`
	Goroutines float64 `json:"goroutines"`
	Children   float64 `json:"children"`
	Groups     float64 `json:"cgroups"`
	Mounts     float64 `json:"mounts"`
	Temporary  float64 `json:"temporary"`
	Overdue    float64 `json:"overdueRows"` // kept for longer than they may be
	Ended      float64 `json:"ended"`
}

// watched are the figures that must not grow: a growth over the run is told as such if it is more than
// a share of what was there, and more than a floor that is noise.
var watched = []struct {
	name  string
	unit  string
	get   func(sample) float64
	share float64
	floor float64
	rests bool // it comes back to what it was before, too, when nothing happens; memory does not: caches are full then
}{
	{"resident memory", "MB", func(s sample) float64 { return s.Resident }, 0.15, 15, false},
	{"heap", "MB", func(s sample) float64 { return s.Heap }, 0.25, 15, false},
	{"open files", "", func(s sample) float64 { return s.Files }, 0.15, 15, true},
	{"goroutines", "", func(s sample) float64 { return s.Goroutines }, 0.15, 30, true},
	{"children", "", func(s sample) float64 { return s.Children }, 0.2, 4, true},
	{"control groups", "", func(s sample) float64 { return s.Groups }, 0.2, 4, true},
	{"mounts", "", func(s sample) float64 { return s.Mounts }, 0.1, 2, true},
	{"temporary files and folders", "", func(s sample) float64 { return s.Temporary }, 0.1, 4, true},
	{"rows past retention", "", func(s sample) float64 { return s.Overdue }, 0, 20, true},
}

// trend is how a figure went.
type trend struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Middle  float64 `json:"median"`
	Growth  float64 `json:"growth"` // over the time that was looked at, by the straight line that fits best
	Rest    float64 `json:"atRestBefore"`
	RestEnd float64 `json:"atRestAfter"`
	Grows   bool    `json:"grows"`
}

func soakMain(args []string) int {
	flags := flag.NewFlagSet("soak", flag.ExitOnError)
	bin := flags.String("bin", "bin", "folder of the programs")
	out := flags.String("json", "", "file for the figures")
	length := flags.Duration("for", time.Hour, "how long")
	_ = flags.Parse(args)
	trends, problems, err := runSoak(programs{*bin}, *length, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	fmt.Printf("\n%-28s %10s %12s %12s %12s\n", "", "median", "growth", "rest before", "rest after")
	for _, t := range trends {
		verdict := "flat"
		if t.Grows {
			verdict = "GROWS"
		}
		fmt.Printf("%-28s %10.1f %+12.1f %12.1f %12.1f  %s\n", t.Name, t.Middle, t.Growth, t.Rest, t.RestEnd, verdict)
	}
	if len(problems) == 0 {
		fmt.Println("\nNothing grows, and nothing was violated.")
		return 0
	}
	fmt.Println()
	for i, p := range problems {
		if i == 30 {
			fmt.Printf("  … and %d more\n", len(problems)-i)
			break
		}
		fmt.Println("  " + p)
	}
	return 1
}

func runSoak(bin programs, length time.Duration, out string) (trends []trend, problems []string, err error) {
	dir, err := os.MkdirTemp("", "sandgate-soak-*")
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err == nil && len(problems) == 0 {
			_ = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "The log is in", dir)
		}
	}()
	temporary, err := folder(dir, "tmp")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(temporary, 0o1777); err != nil {
		return nil, nil, err
	}
	keeps := min(10*time.Minute, max(time.Minute, length/5)).Truncate(time.Second)
	for name, value := range map[string]string{"TMPDIR": temporary, "SANDGATE_RETENTION": keeps.String()} {
		if err := os.Setenv(name, value); err != nil { // the site's processes inherit it
			return nil, nil, err
		}
	}
	s, err := newStandalone(bin, dir, 0)
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	l := newLedger()
	hooks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer hooks.Close()
	clients, err := s.crowd(l, hooks.URL, 4, 2)
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	k := &soak{site: s, ledger: l, dir: dir, temporary: temporary, keeps: keeps, began: time.Now(), pid: s.parts[0].Pid}

	// It is killed once at the beginning: what that leaves must be cleared away, and not grow either.
	// What is held grows with the load, so that this is the same from beginning to end, and less than the machine bears.
	crowd := newLoad(clients, 4)
	crowd.every = 250 * time.Millisecond
	crowd.start()
	time.Sleep(2 * time.Second)
	s.parts[0].Kill()
	if err := s.parts[0].Start(); err != nil {
		return nil, nil, err
	}
	time.Sleep(3 * time.Second)
	crowd.rest()
	crowd.settle(time.Minute)
	before, err := k.atRest()
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	crowd.goOn()

	fmt.Printf("%8s %9s %8s %6s %10s %8s %8s %7s %5s %8s %9s %8s %8s\n", "s", "resident", "heap", "files", "goroutines", "children", "cgroups", "mounts", "tmp", "overdue", "ended", "careless", "hostile")
	ctx, cancel := context.WithTimeout(context.Background(), length)
	var crew sync.WaitGroup
	crew.Go(func() { k.beCareless(ctx, clients[0]) })
	crew.Go(func() { k.beHostile(ctx, clients[1]) })
	crew.Go(func() { k.faults(ctx) })
	every := max(time.Second, length/120)
	for tick, n := time.NewTicker(every), 0; ctx.Err() == nil; n++ {
		select {
		case <-tick.C:
			one, err := k.sample()
			if err != nil {
				problems = append(problems, err.Error())
				continue
			}
			k.samples = append(k.samples, one)
			if n%6 == 0 {
				fmt.Printf("%8.0f %6.1f MB %5.1f MB %6.0f %10.0f %8.0f %8.0f %7.0f %5.0f %8.0f %9.0f %8d %8d\n", one.Second, one.Resident, one.Heap, one.Files, one.Goroutines, one.Children, one.Groups,
					one.Mounts, one.Temporary, one.Overdue, one.Ended, k.careless.Load(), k.hostile.Load())
			}
		case <-ctx.Done():
			tick.Stop()
		}
	}
	cancel()
	crew.Wait()
	crowd.rest()
	crowd.settle(time.Minute)
	after, err := k.atRest()
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	crowd.end()
	if err := s.close(); err != nil {
		problems = append(problems, err.Error())
	}
	if left, _ := os.ReadDir(temporary); len(left) > 1 { // the folder of user ids stays
		problems = append(problems, fmt.Sprintf("%d temporary files and folders are left after the end", len(left)))
	}
	for _, v := range l.broken() {
		problems = append(problems, v.What)
	}
	trends = k.judge(before, after)
	for _, t := range trends {
		if t.Grows {
			problems = append(problems, t.Name+" grows")
		}
	}
	if out != "" {
		err = write(out, map[string]any{
			"machine": machine(), "seconds": length.Seconds(), "retentionSeconds": keeps.Seconds(), "trends": trends, "samples": k.samples,
			"accepted": l.report().Accepted, "ended": l.report().Ended, "careless": k.careless.Load(), "hostile": k.hostile.Load(), "problems": problems,
		})
	}
	return trends, problems, err
}

// judge looks at the last two thirds of the run: before, caches and pools fill.
func (k *soak) judge(before, after sample) (trends []trend) {
	late := k.samples[len(k.samples)/3:]
	for _, w := range watched {
		t := trend{Name: w.name, Unit: w.unit, Rest: w.get(before), RestEnd: w.get(after)}
		var x, y []float64
		for _, s := range late {
			x, y = append(x, s.Second), append(y, w.get(s))
		}
		if len(x) > 1 {
			t.Growth = slope(x, y) * (x[len(x)-1] - x[0])
			t.Middle = middle(y)
		}
		grows := func(by, of float64) bool { return by > w.floor && by > w.share*of }
		t.Grows = grows(t.Growth, t.Middle) || w.rests && grows(t.RestEnd-t.Rest, t.Rest)
		trends = append(trends, t)
	}
	return trends
}

func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// slope is that of the straight line that fits best.
func slope(x, y []float64) float64 {
	var mx, my, xy, xx float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
	}
	for i := range x {
		xy, xx = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}

// atRest samples once nothing has happened for so long that what clients have left behind is given up: a connection of
// Socket.IO after 45 s.
func (k *soak) atRest() (sample, error) {
	time.Sleep(time.Minute)
	return k.sample()
}

func (k *soak) sample() (one sample, err error) {
	pid := k.pid()
	one.Second, one.Ended = time.Since(k.began).Seconds(), float64(k.ledger.report().Ended)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return one, err
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kilobytes); n == 1 {
			one.Resident = kilobytes / 1024
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return one, err
	}
	one.Files = float64(len(files))
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return one, err
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, k.dir) { // others have theirs
			one.Mounts++
		}
	}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		one.Children += float64(len(strings.Fields(string(text))))
	}
	// Groups are named after the process that made them.
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // one that is gone already, or a file
		}
		if strings.Contains(path, fmt.Sprintf("sandgate-boxes-%d-", pid)) {
			one.Groups++
		}
		return nil
	})
	_ = filepath.WalkDir(k.temporary, func(path string, _ os.DirEntry, _ error) error {
		if path != k.temporary {
			one.Temporary++
		}
		return nil
	})
	if one.Heap, one.Goroutines, err = k.metrics(); err != nil {
		return one, err
	}
	one.Overdue, err = k.overdue()
	return one, err
}

func (k *soak) metrics() (heap, goroutines float64, err error) {
	client := &http.Client{Timeout: 20 * time.Second}
	response, err := client.Get(k.site.doors[0].direct + "/metrics")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_memstats_heap_inuse_bytes":
			heap = n / (1 << 20)
		case "go_goroutines":
			goroutines = n
		}
	}
	return heap, goroutines, nil
}

// overdue counts what both stores keep for longer than their retention and two rounds of sweeping. The
// engine is told of none: it keeps nothing for longer than the gateway.
func (k *soak) overdue() (float64, error) {
	var sum float64
	for _, file := range []string{k.site.doors[0].store, k.site.engineDB} {
		n, err := countOlder(file, time.Now().Add(-k.keeps-2*time.Minute-10*time.Second))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func countOlder(file string, than time.Time) (n float64, err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRow(`SELECT COUNT(*) FROM submissions WHERE finished_at < ?`, than.UnixMicro()).Scan(&n)
	return n, err
}

// faults makes the clients' wire bad now and then, and pauses the process.
func (k *soak) faults(ctx context.Context) {
	w := k.site.doors[0].wire
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Second):
		}
		switch turn % 5 {
		case 0:
			w.turn(manner{cut: 0.1})
		case 1:
			w.turn(manner{frozen: true})
		case 2:
			w.turn(manner{loss: 0.2, delay: 20 * time.Millisecond})
		case 3:
			w.turn(manner{unheard: 0.3})
		case 4:
			k.site.parts[0].Pause()
		}
		time.Sleep(2 * time.Second)
		w.turn(manner{})
		k.site.parts[0].Resume()
	}
}

// careless requests, and what they must be answered with.
var careless = []struct {
	method, path, body string
	want               int
}{
	{http.MethodPost, "/submissions", `{"language_id": 46}`, 422},
	{http.MethodPost, "/submissions", `{"language_id": 99999, "source_code": "x"}`, 422},
	{http.MethodPost, "/submissions", `{"language_id": 46, "source_code": "x", "cpu_time_limit": -1}`, 422},
	{http.MethodPost, "/submissions", `{"language_id": `, 400},
	{http.MethodPost, "/submissions?base64_encoded=true", `{"language_id": 46, "source_code": "\u0000%%%"}`, 0},
	{http.MethodPost, "/submissions/batch", `{"submissions": []}`, 400},
	{http.MethodGet, "/submissions/00000000-0000-0000-0000-000000000000", ``, 404},
	{http.MethodGet, "/submissions/batch?tokens=a,b,c", ``, 200},
	{http.MethodGet, "/api/v1/submissions?cursor=nonsense", ``, 400},
	{http.MethodGet, "/nowhere", ``, 404},
}

// beCareless makes bad requests, and connections that are left in the middle of something.
func (k *soak) beCareless(ctx context.Context, c *client) {
	address := strings.TrimPrefix(c.url(), "http://")
	for n := 0; ctx.Err() == nil; n++ {
		one := careless[n%len(careless)]
		var body any
		if one.body != "" {
			body = raw(one.body)
		}
		status, text, err := c.call(ctx, one.method, one.path, "", body)
		switch {
		case err != nil || status == 0:
		case status >= 500 && status != http.StatusServiceUnavailable, one.want != 0 && status != one.want && status != http.StatusServiceUnavailable:
			k.ledger.violated("%s %s %s was answered with %d, not %d: %.200s", one.method, one.path, one.body, status, one.want, text)
		default:
			k.careless.Add(1)
		}
		for _, half := range []string{
			"POST /submissions HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + c.key + "\r\nContent-Length: 5000\r\n\r\n{\"lang",
			"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + c.key + "\r\n\r\n",
			"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
			"\x16\x03\x01\x02\x00\x01\x00",
		} {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err != nil {
				continue
			}
			_, _ = io.WriteString(conn, half)
			if rand.N(2) == 0 {
				_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				_, _ = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// raw is a body that is sent as it is.
type raw string

// beHostile runs programs that try to take what they can.
func (k *soak) beHostile(ctx context.Context, c *client) {
	programs := []string{
		":(){ :|:& };: 2>/dev/null",
		"while :; do :; done",
		"yes",
		"head -c 300m /dev/zero | tail",
		"x=x; while :; do x=$x$x; done",
		"sleep 100",
		"cat /dev/zero > /tmp/fill; cat /dev/zero > /box/fill; echo full",
		"(setsid sleep 1000 &) ; echo left",
		"kill -9 -1; kill -9 1; cat /etc/shadow",
		"trap '' TERM INT; mkdir -p a/b; ln -s / a/b/c; exec sleep 3",
		"i=0; while [ $i -lt 2000 ]; do echo $i > f$i; i=$((i+1)); done; echo made",
	}
	for n := 0; ctx.Err() == nil; n++ {
		body := map[string]any{"language_id": 46, "source_code": programs[n%len(programs)], "cpu_time_limit": 0.5, "cpu_extra_time": 0.1, "wall_time_limit": 2, "memory_limit": 64000, "max_file_size": 2048}
		var a answer
		status, text, err := c.call(ctx, http.MethodPost, "/submissions?wait=true&fields=token,status,message", "", body)
		if err != nil || status != http.StatusCreated {
			if err == nil && status != http.StatusServiceUnavailable {
				k.ledger.violated("%q was answered with %d: %.200s", programs[n%len(programs)], status, text)
			}
			time.Sleep(200 * time.Millisecond)
			continue
		}
		if err := json.Unmarshal(text, &a); err != nil || a.Status.ID == 13 {
			k.ledger.violated("%q ended as %.300s", programs[n%len(programs)], text)
		}
		k.hostile.Add(1)
	}
}
