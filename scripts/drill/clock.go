package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errNoClock says that clocks can't be stepped here.
var errNoClock = errors.New("the clock of a process can be stepped on amd64 only, and as root")

// stepClock sets the clock of one process off by so much, and of no other: the function with which a
// process asks the kernel for the time (in the page that the kernel maps into each, the vDSO) is
// written over with one that makes the system call and adds to it. The monotonic clock stays, as it
// does when somebody sets a machine's clock.
func stepClock(pid int, by time.Duration) error {
	if runtime.GOARCH != "amd64" {
		return errNoClock
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return err
	}
	var begin, end int64
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			if _, err := fmt.Sscanf(line, "%x-%x", &begin, &end); err != nil {
				return err
			}
		}
	}
	if begin == 0 {
		return errNoClock
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoClock, err)
	}
	defer func() { _ = memory.Close() }()
	image := make([]byte, end-begin)
	if _, err := memory.ReadAt(image, begin); err != nil {
		return err
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return fmt.Errorf("read the vDSO: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("read the vDSO: %w", err)
	}
	resume, err := halt(pid, uint64(begin), uint64(end))
	if err != nil {
		return err
	}
	defer resume()
	patched := 0
	for _, symbol := range symbols {
		code := clockCode(symbol.Name, by)
		if code == nil {
			continue
		}
		if symbol.Size < uint64(len(code)) {
			return fmt.Errorf("%s has only %d bytes", symbol.Name, symbol.Size)
		}
		if _, err := memory.WriteAt(code, begin+int64(symbol.Value)); err != nil {
			return fmt.Errorf("%w: %w", errNoClock, err)
		}
		patched++
	}
	if patched == 0 {
		return errNoClock
	}
	return nil
}

// clockCode is machine code in the place of a function of the vDSO; nil for those that stay.
func clockCode(name string, by time.Duration) []byte {
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(int64(by/time.Second)))
	var code []byte
	switch name {
	case "__vdso_clock_gettime":
		code = []byte{
			0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
			0x0f, 0x05, // syscall
			0x85, 0xff, // test edi, edi: CLOCK_REALTIME?
			0x75, 0x0d, // jne to ret
			0x48, 0xb9, // mov rcx, by
		}
		code = append(code, seconds...)
		return append(code,
			0x48, 0x01, 0x0e, // add [rsi], rcx
			0xc3) // ret
	case "__vdso_gettimeofday":
		code = []byte{
			0xb8, 96, 0, 0, 0, // mov eax, SYS_gettimeofday
			0x0f, 0x05, // syscall
			0x48, 0xb9, // mov rcx, by
		}
		code = append(code, seconds...)
		return append(code,
			0x48, 0x01, 0x0f, // add [rdi], rcx
			0xc3) // ret
	}
	return nil
}

// halt stops a process at a moment at which none of its threads is in the range of addresses, and
// gives the function that lets it go on.
func halt(pid int, begin, end uint64) (resume func(), err error) {
	resume = func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	for range 1000 {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return nil, err
		}
		if stoppedOutside(pid, begin, end) {
			return resume, nil
		}
		resume()
		time.Sleep(time.Millisecond)
	}
	return nil, errors.New("the process could not be stopped at a safe place")
}

func stoppedOutside(pid int, begin, end uint64) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, thread := range threads {
		// "running", or the system call with its arguments, then stack and instruction pointer.
		text, err := os.ReadFile(filepath.Join(thread, "syscall"))
		if err != nil {
			return false
		}
		words := strings.Fields(string(text))
		at, err := strconv.ParseUint(words[len(words)-1], 0, 64)
		if err != nil || at >= begin && at < end {
			return false
		}
	}
	return true
}
