// Package wire is what the sandbox and the first process of a box say to each other: requests and
// answers over a Unix socket, with open files attached. It is small, for it is part of a program that
// starts once for every submission.
//
// What comes from a box is read as from a stranger: lengths are bounded and a short message is an error.
package wire

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// The kinds of messages. The sandbox asks, the box answers each question once.
const (
	Setup byte = iota + 1 // mount the root: see Box
	Write                 // write a file: see File
	Run                   // run a program: see Program
	Kill                  // end the program of the run with that number; not answered
	Done                  // answers Setup and Write
	Ended                 // answers Run: see Result
	Fault                 // answers in place of any other: an error number and a text
)

const (
	headerSize = 4
	// mostBody is the longest message: a program's arguments may be as long as the kernel allows.
	mostBody  = 4 << 20
	mostFiles = 8
	// mostText is the longest text of a fault that is read.
	mostText = 1000
)

// errMalformed tells that a message can't be read.
var errMalformed = errors.New("a message can't be read")

// Writer makes a message.
type Writer struct{ b []byte }

// NewWriter begins a message of a kind.
func NewWriter(kind byte) *Writer { return &Writer{append(make([]byte, headerSize, 512), kind)} }

// Number adds a number, String a text, Strings a list.
func (w *Writer) Number(n int64)  { w.b = binary.AppendVarint(w.b, n) }
func (w *Writer) String(s string) { w.Number(int64(len(s))); w.b = append(w.b, s...) }
func (w *Writer) Strings(list []string) {
	w.Number(int64(len(list)))
	for _, s := range list {
		w.String(s)
	}
}

// Message gives the message, ready to be sent.
func (w *Writer) Message() []byte {
	binary.LittleEndian.PutUint32(w.b, uint32(len(w.b)-headerSize))
	return w.b
}

// Reader takes a message apart. After the last part Err tells whether all of them were there.
type Reader struct {
	b   []byte
	bad bool
}

// Kind gives the kind of a message.
func (r *Reader) Kind() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	kind := r.b[0]
	r.b = r.b[1:]
	return kind
}

// Number reads what Writer.Number wrote, and so on.
func (r *Reader) Number() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *Reader) String() string {
	n := r.Number()
	if n < 0 || n > int64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *Reader) Strings() []string {
	n := r.Number()
	if n < 0 || n > int64(len(r.b)) { // each takes a byte at least
		r.bad, r.b = true, nil
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.String()
	}
	return list
}

// Err tells whether the message was shorter than what was read of it.
func (r *Reader) Err() error {
	if r.bad {
		return errMalformed
	}
	return nil
}

// Send sends a message with open files over a socket. Sendmsg is called as long as it is needed and
// may wait as the socket does.
func Send(message []byte, files []int, sendmsg func(part, control []byte) (int, error)) error {
	if len(message) > mostBody {
		return unix.E2BIG
	}
	var control []byte
	if len(files) > 0 {
		control = unix.UnixRights(files...)
	}
	for len(message) > 0 {
		n, err := sendmsg(message, control)
		if err != nil {
			return err
		}
		message, control = message[n:], nil
	}
	return nil
}

// Receive reads a message and the files that came with it, which are closed when a program is
// executed. An empty message and no error means that the other side is gone.
func Receive(recvmsg func(part, control []byte) (n, controlSize int, err error)) (*Reader, []int, error) {
	var files []int
	body := make([]byte, headerSize, 4096)
	control := make([]byte, unix.CmsgSpace(mostFiles*4))
	for have, want := 0, headerSize; have < want; {
		// Never beyond the message: what follows may bring files of its own.
		n, controlSize, err := recvmsg(body[have:want], control)
		if err == nil && controlSize > 0 {
			var more []int
			more, err = parseFiles(control[:controlSize])
			if files = append(files, more...); err == nil && len(files) > mostFiles {
				err = errMalformed
			}
		}
		if err == nil && n == 0 {
			if have == 0 {
				return nil, nil, nil
			}
			err = errMalformed
		}
		if err != nil {
			CloseAll(files)
			return nil, nil, err
		}
		if have += n; have == headerSize && want == headerSize {
			size := binary.LittleEndian.Uint32(body)
			if size == 0 || size > mostBody {
				CloseAll(files)
				return nil, nil, errMalformed
			}
			want += int(size)
			if want > cap(body) {
				body = append(make([]byte, 0, want), body...)
			}
			body = body[:want]
		}
	}
	return &Reader{b: body[headerSize:]}, files, nil
}

func parseFiles(control []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	var files []int
	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_RIGHTS {
			continue
		}
		more, err := unix.ParseUnixRights(&m)
		if err != nil {
			return files, err
		}
		files = append(files, more...)
	}
	return files, nil
}

// CloseAll closes files.
func CloseAll(files []int) {
	for _, fd := range files {
		_ = unix.Close(fd)
	}
}
