// Package garbage has Go's collector run less often in servers that hold little memory and make much garbage.
package garbage

import (
	"runtime/debug"
	"sync/atomic"
)

// reserve is counted as memory in use, and never touched: it takes addresses, not memory.
var reserve atomic.Pointer[[32 << 20]byte]

// Reserve has the collector take the heap to be 32 MiB larger than it is, so that it waits for as much garbage
// before it runs: a heap of a few MB is collected many times a second otherwise. The process grows by that
// much at most, unlike with a higher GOGC, which counts with all that it holds.
func Reserve() { reserve.Store(new([32 << 20]byte)) }

// Return gives the system back what starting took and nothing needs any more. With the reserve, it would be kept
// until as much garbage has come together.
func Return() { debug.FreeOSMemory() }
