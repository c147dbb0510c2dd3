package wire

import (
	"syscall"
	"time"
)

// Mount is one call of mount; a bind mount that is to be read-only is mounted twice.
type Mount struct {
	Source, Target, Type, Data string
	Flags                      uintptr
}

// Link is a symbolic link.
type Link struct{ Path, Target string }

// Box says what the first process of a box makes of it.
type Box struct {
	Root     string // a folder of the host that the root is mounted over, where only the box sees it
	Mounts   []Mount
	Links    []Link
	Home     string
	Hostname string
	User     int    // of programs; 0: as the first process
	Filter   []byte // of system calls: struct sock_filter, one after the other
}

// Message writes b down.
func (b *Box) Message() []byte {
	w := NewWriter(Setup)
	w.String(b.Root)
	w.Number(int64(len(b.Mounts)))
	for _, m := range b.Mounts {
		w.String(m.Source)
		w.String(m.Target)
		w.String(m.Type)
		w.String(m.Data)
		w.Number(int64(m.Flags))
	}
	w.Number(int64(len(b.Links)))
	for _, l := range b.Links {
		w.String(l.Path)
		w.String(l.Target)
	}
	w.String(b.Home)
	w.String(b.Hostname)
	w.Number(int64(b.User))
	w.String(string(b.Filter))
	return w.Message()
}

// ReadBox reads what Message wrote, after the kind.
func ReadBox(r *Reader) (*Box, error) {
	b := &Box{Root: r.String()}
	for n := r.Number(); n > 0 && !r.bad; n-- {
		b.Mounts = append(b.Mounts, Mount{Source: r.String(), Target: r.String(), Type: r.String(), Data: r.String(), Flags: uintptr(r.Number())})
	}
	for n := r.Number(); n > 0 && !r.bad; n-- {
		b.Links = append(b.Links, Link{r.String(), r.String()})
	}
	b.Home, b.Hostname, b.User, b.Filter = r.String(), r.String(), int(r.Number()), []byte(r.String())
	return b, r.Err()
}

// File is a file to write; its text is in the one file that comes with the message.
type File struct {
	Path string // absolute
	Mode uint32
}

// Message writes f down.
func (f *File) Message() []byte {
	w := NewWriter(Write)
	w.String(f.Path)
	w.Number(int64(f.Mode))
	return w.Message()
}

// ReadFile reads what Message wrote, after the kind.
func ReadFile(r *Reader) (*File, error) {
	f := &File{Path: r.String(), Mode: uint32(r.Number())}
	return f, r.Err()
}

// ResourceLimit is a limit of each process.
type ResourceLimit struct {
	Resource int
	syscall.Rlimit
}

// Program is a program to run. The files that come with the message are its stdin, stdout and stderr,
// then as many as Extra says, which follow those, then the program itself where Own is set, then the
// control group where Group is set.
type Program struct {
	Number    int64 // of the run
	Args, Env []string
	Limits    []ResourceLimit
	Extra     int
	Own       bool // execute the file that comes along, not Args[0]
	Group     bool // be born into the control group that comes along
	Offer     bool // to the kernel, when memory runs out: in place of the first process or the worker
}

// Message writes p down.
func (p *Program) Message() []byte {
	w := NewWriter(Run)
	w.Number(p.Number)
	w.Strings(p.Args)
	w.Strings(p.Env)
	w.Number(int64(len(p.Limits)))
	for _, l := range p.Limits {
		w.Number(int64(l.Resource))
		w.Number(int64(l.Cur))
		w.Number(int64(l.Max))
	}
	w.Number(int64(p.Extra))
	for _, is := range []bool{p.Own, p.Group, p.Offer} {
		n := int64(0)
		if is {
			n = 1
		}
		w.Number(n)
	}
	return w.Message()
}

// ReadProgram reads what Message wrote, after the kind.
func ReadProgram(r *Reader) (*Program, error) {
	p := &Program{Number: r.Number(), Args: r.Strings(), Env: r.Strings()}
	for n := r.Number(); n > 0 && !r.bad; n-- {
		p.Limits = append(p.Limits, ResourceLimit{int(r.Number()), syscall.Rlimit{Cur: uint64(r.Number()), Max: uint64(r.Number())}})
	}
	p.Extra = int(r.Number())
	p.Own, p.Group, p.Offer = r.Number() != 0, r.Number() != 0, r.Number() != 0
	return p, r.Err()
}

// Result is how a program ended. All other processes of the box but the first are gone by then.
type Result struct {
	Status syscall.WaitStatus
	CPU    time.Duration // of the program and those of its children that it waited for
	Memory int64         // bytes: the most that one of them held
	Wall   time.Duration
	Self   time.Duration // CPU time of the first process, for this run
}

// Message writes t down.
func (t *Result) Message() []byte {
	w := NewWriter(Ended)
	for _, n := range []int64{int64(t.Status), int64(t.CPU), t.Memory, int64(t.Wall), int64(t.Self)} {
		w.Number(n)
	}
	return w.Message()
}

// ReadResult reads what Message wrote, after the kind.
func ReadResult(r *Reader) (*Result, error) {
	t := &Result{Status: syscall.WaitStatus(r.Number()), CPU: time.Duration(r.Number()), Memory: r.Number(), Wall: time.Duration(r.Number()), Self: time.Duration(r.Number())}
	return t, r.Err()
}

// FaultMessage tells that something went wrong.
func FaultMessage(number syscall.Errno, text string) []byte {
	w := NewWriter(Fault)
	w.Number(int64(number))
	w.String(text)
	return w.Message()
}

// BoxFault is an error of a box.
type BoxFault struct {
	Number syscall.Errno // 0: none
	Text   string
}

func (f *BoxFault) Error() string {
	if f.Number == 0 {
		return f.Text
	}
	return f.Text + ": " + f.Number.Error()
}

// Unwrap gives the error number.
func (f *BoxFault) Unwrap() error {
	if f.Number == 0 {
		return nil
	}
	return f.Number
}

// ReadFault reads what FaultMessage wrote, after the kind.
func ReadFault(r *Reader) error {
	f := &BoxFault{Number: syscall.Errno(r.Number()), Text: r.String()}
	if err := r.Err(); err != nil {
		return err
	}
	f.Text = f.Text[:min(len(f.Text), mostText)]
	return f
}
