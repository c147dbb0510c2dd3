package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/judge0/api"
)

func (s *Server) ok(c *gin.Context) { c.Status(http.StatusOK) }

func (s *Server) healthz(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

func (s *Server) readyz(c *gin.Context) {
	if err := s.o.Ready(); err != nil {
		s.refuse(c, http.StatusServiceUnavailable, err.Error())
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "ready"})
}

func (s *Server) metrics(c *gin.Context) {
	if s.o.Gatherer == nil {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	s.o.Gatherer.ServeHTTP(c.Writer, c.Request)
}

func (s *Server) about(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"version": api.Version, "homepage": s.o.About.Homepage, "source_code": s.o.About.SourceCode, "maintainer": s.o.About.Maintainer})
}

func (s *Server) version(c *gin.Context) { c.String(http.StatusOK, "%s", api.Version) }
func (s *Server) license(c *gin.Context) { c.String(http.StatusOK, "%s", s.o.About.License) }
func (s *Server) isolate(c *gin.Context) {
	c.String(http.StatusOK, "Sandgate sandbox: %s\n", s.o.Isolation())
}

func (s *Server) listStatuses(c *gin.Context) { c.JSON(http.StatusOK, api.Statuses()) }

type languageEntry struct {
	ID         int    `json:"id"`
	Name       string `json:"name"`
	IsArchived *bool  `json:"is_archived,omitempty"`
}

func (s *Server) listLanguages(c *gin.Context) {
	list := []languageEntry{}
	for _, language := range s.languages().Active() {
		list = append(list, languageEntry{ID: language.ID, Name: language.Name})
	}
	c.JSON(http.StatusOK, list)
}

func (s *Server) listAllLanguages(c *gin.Context) {
	list := []languageEntry{}
	for _, language := range s.languages().All() {
		list = append(list, languageEntry{ID: language.ID, Name: language.Name, IsArchived: &language.IsArchived})
	}
	c.JSON(http.StatusOK, list)
}

func (s *Server) getLanguage(c *gin.Context) {
	id, err := strconv.Atoi(c.Param("id"))
	language, ok := s.languages().Get(id)
	if err != nil || !ok {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	c.JSON(http.StatusOK, gin.H{"id": language.ID, "name": language.Name, "is_archived": language.IsArchived,
		"source_file": api.TextOrNil(language.SourceFile), "compile_cmd": api.TextOrNil(language.CompileCmd), "run_cmd": api.TextOrNil(language.RunCmd)})
}

func (s *Server) configInfo(c *gin.Context) { c.JSON(http.StatusOK, s.o.Config) }

// systemInfo tells of the machine, and of what holds programs: where that is the weaker kind, whoever
// looks after the engine has to see it.
func (s *Server) systemInfo(c *gin.Context) {
	info := SystemInfo{"Sandbox": s.o.Isolation()}
	maps.Copy(info, s.o.System())
	c.JSON(http.StatusOK, info)
}

func (s *Server) listWorkers(c *gin.Context) {
	slots, working, failed := s.o.Workers.State()
	c.JSON(http.StatusOK, []gin.H{{"queue": api.Version, "size": s.o.Queue.Len(), "available": slots, "idle": slots - working, "working": working, "paused": 0, "failed": failed}})
}

// SystemInfo describes the machine with the keys of lscpu and the sizes of free, as Judge0 does.
type SystemInfo map[string]string

func readSystemInfo() SystemInfo {
	info := SystemInfo{"Architecture": architecture(), "CPU(s)": strconv.Itoa(runtime.NumCPU())}
	procLines("/proc/cpuinfo", func(key, value string) {
		for from, to := range map[string]string{"model name": "Model name", "vendor_id": "Vendor ID", "cpu MHz": "CPU MHz", "flags": "Flags"} {
			if key == from {
				info[to] = value
			}
		}
	})
	procLines("/proc/meminfo", func(key, value string) {
		for from, to := range map[string]string{"MemTotal": "Mem", "SwapTotal": "Swap"} {
			if kb, err := strconv.ParseFloat(strings.TrimSuffix(value, " kB"), 64); key == from && err == nil {
				info[to] = size(int64(kb * 1024))
			}
		}
	})
	return info
}

func architecture() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return runtime.GOARCH
}

func procLines(path string, f func(key, value string)) {
	data, err := os.ReadFile(path)
	if err != nil {
		return // there is no such file on this system
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			f(strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
}

func size(bytes int64) string {
	const units = "KMGT"
	v, unit := float64(bytes)/1024, 0
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f%c", v, units[unit])
}

// statisticsAge is how long statistics are shown before they are counted again: that reads all
// submissions.
const statisticsAge = 10 * time.Minute

type statisticsCache struct {
	mu    sync.Mutex
	until time.Time
	value gin.H
}

func (s *Server) getStatistics(c *gin.Context) {
	value, err := s.countedStatistics(c.Request.Context(), c.Query("invalidate_cache") == "true")
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, value)
}

func (s *Server) countedStatistics(ctx context.Context, again bool) (gin.H, error) {
	cache := &s.statistics
	cache.mu.Lock()
	defer cache.mu.Unlock()
	now := s.o.Now().UTC()
	if !again && now.Before(cache.until) {
		return cache.value, nil
	}
	counted, err := s.o.Store.Statistics(ctx, now)
	if err != nil {
		return nil, err
	}
	days := gin.H{}
	for day, n := range counted.Last30Days {
		days[fmt.Sprintf("%04d-%02d-%02d", day/10000, day/100%100, day%100)] = n
	}
	languages, statuses := []gin.H{}, []gin.H{}
	for _, id := range keys(counted.Languages) {
		language, _ := s.languages().Get(id)
		languages = append(languages, gin.H{"language": gin.H{"id": id, "name": language.Name}, "count": counted.Languages[id]})
	}
	for _, id := range keys(counted.Statuses) {
		statuses = append(statuses, gin.H{"status": api.StatusOf(id), "count": counted.Statuses[id]})
	}
	cache.until = now.Add(statisticsAge)
	cache.value = gin.H{
		"created_at": api.Timestamp(now), "cached_until": api.Timestamp(cache.until),
		"submissions": gin.H{"total": counted.Total, "today": counted.Today, "last_30_days": days},
		"languages":   languages, "statuses": statuses,
		"database": gin.H{"size_pretty": size(counted.Size), "size_in_bytes": counted.Size},
	}
	return cache.value, nil
}

func keys(m map[int]int) []int {
	list := make([]int, 0, len(m))
	for id := range m {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}
