// Package diagnose turns what compilers and runtimes print about a fault into a list of places in the
// user's source, each with a message: for C and C++ (GCC and Clang), Java, Python, Go, Rust, JavaScript
// and TypeScript.
//
// It promises that a diagnostic names a line of a file of the user's, never one of a library: where the
// fault shows inside a library, the line of the user's source that led there is named. What has no line
// (a linker's complaint, a bare signal) gives no diagnostic; the text itself tells the rest. It takes
// time and memory in proportion to its input, of which it reads a bounded part, and never fails: a form
// that it does not know gives nothing.
package diagnose

import (
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Severity says how bad it is.
type Severity string

// The severities. A Note explains the diagnostic before it, or tells of a cause of the one that counts.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Diagnostic is one fault in the user's source. Line and Column count from 1; a Column of 0 is not
// known. Tools count columns by their own rules: GCC in cells of the terminal, others in characters or
// bytes.
type Diagnostic struct {
	File     string   `json:"file,omitempty"` // relative to the folder of the program
	Line     int      `json:"line"`
	Column   int      `json:"column,omitempty"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
}

// The bounds of what is read and given.
const (
	MaxInput       = 64 << 10 // bytes; of a longer text the first and the last half of it
	MaxDiagnostics = 50
	maxMessage     = 600 // bytes
)

// parsers read a text by line.
type parser func(lines []string, out *list)

// tools are the two parsers of a language: of its compiler, and of its failing programs.
type tools struct{ compiler, program parser }

var languages = map[string]tools{
	"c":          {cCompiler, cProgram},
	"cpp":        {cCompiler, cProgram},
	"java":       {javaCompiler, javaProgram},
	"python":     {pythonProgram, pythonProgram},
	"go":         {goCompiler, goProgram},
	"rust":       {rustCompiler, rustProgram},
	"javascript": {scriptProgram(anyScript), scriptProgram(anyScript)},
	"typescript": {typeScriptCompiler, scriptProgram(typeScriptOnly)},
}

// order is that in which the languages are tried on a program of several files.
var order = []string{"c", "java", "rust", "typescript", "go", "python", "javascript"}

// MultiFile is the key of programs whose language nobody told.
const MultiFile = "multi-file"

// Compiler reads what the compiler of a language printed. Languages go by their keys, such as "cpp"; of
// an unknown one nothing is found.
func Compiler(language, text string) []Diagnostic {
	return find(language, text, func(t tools) parser { return t.compiler })
}

// Program reads what a program printed to its standard error before it failed.
func Program(language, text string) []Diagnostic {
	return find(language, text, func(t tools) parser { return t.program })
}

func find(language, text string, which func(tools) parser) []Diagnostic {
	if text == "" {
		return nil
	}
	candidates := []string{language}
	if language == MultiFile {
		candidates = order
	}
	for _, key := range candidates {
		t, ok := languages[key]
		if !ok {
			continue
		}
		var out list
		which(t)(linesOf(text), &out)
		if found := out.found; len(found) > 0 {
			return found[:min(len(found), MaxDiagnostics)]
		}
	}
	return nil
}

// linesOf splits the part of a text that is read.
func linesOf(text string) []string {
	if len(text) > MaxInput {
		head, tail := text[:MaxInput/2], text[len(text)-MaxInput/2:]
		if cut := strings.LastIndexByte(head, '\n'); cut >= 0 {
			head = head[:cut+1]
		}
		if cut := strings.IndexByte(tail, '\n'); cut >= 0 {
			tail = tail[cut+1:]
		}
		text = head + "\n" + tail
	}
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

// list gathers what a parser finds.
type list struct {
	found []Diagnostic
	seen  map[Diagnostic]bool
}

// full tells whether no more is wanted. Parsers may go on for what follows the last one.
func (l *list) full() bool { return len(l.found) > MaxDiagnostics }

// add gives the place of the diagnostic in the list, or -1 where it was not taken: it says nothing, or
// was there before.
func (l *list) add(d Diagnostic) int {
	if l.seen[d] {
		return -1
	}
	if l.seen == nil {
		l.seen = map[Diagnostic]bool{}
	}
	l.seen[d] = true
	return l.addAgain(d)
}

// addAgain adds what may come twice in the same words.
func (l *list) addAgain(d Diagnostic) int {
	d.Message = shortened(strings.TrimSpace(d.Message))
	if l.full() || d.Line <= 0 || d.Message == "" {
		return -1
	}
	l.found = append(l.found, d)
	return len(l.found) - 1
}

// more appends to the message of the diagnostic at a place.
func (l *list) more(at int, text string) {
	if at >= 0 && len(l.found[at].Message) < maxMessage {
		l.found[at].Message = shortened(l.found[at].Message + text)
	}
}

func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxMessage {
		return text
	}
	cut := maxMessage
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// userFile gives the name of a file of the user's, relative to the folder of the program.
func userFile(name string) (string, bool) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "file://"), "/box/")
	if name == "" || len(name) > 255 || name[0] == '/' || name[0] == '<' || strings.HasPrefix(name, "node:") {
		return "", false
	}
	name = path.Clean(name)
	return name, name != "." && !strings.HasPrefix(name, "..")
}

// place is a position as a tool names it.
type place struct {
	file         string
	line, column int // 0: not named
}

// leadingPlace reads "file:line:" or "file:line:column:" at the start of a line, and gives the rest
// without the blanks before it.
func leadingPlace(line string) (place, string, bool) {
	file, rest, ok := strings.Cut(line, ":")
	if !ok || file == "" {
		return place{}, "", false
	}
	p := place{file: file}
	if p.line, rest, ok = leadingNumber(rest); !ok || !strings.HasPrefix(rest, ":") && rest != "" {
		return place{}, "", false
	}
	rest = strings.TrimPrefix(rest, ":")
	if column, after, ok := leadingNumber(rest); ok && (after == "" || after[0] == ':' || after[0] == ' ') {
		p.column, rest = column, strings.TrimPrefix(after, ":")
	}
	return p, strings.TrimLeft(rest, " \t"), true
}

// trailingPlace reads "file:line" or "file:line:column", all of a text.
func trailingPlace(text string) (place, bool) {
	head, last, ok := cutLast(text)
	if !ok {
		return place{}, false
	}
	if file, line, ok := cutLast(head); ok {
		return place{file, line, last}, true
	}
	return place{head, last, 0}, true
}

// cutLast cuts a text at its last colon, after which comes a number.
func cutLast(text string) (string, int, bool) {
	at := strings.LastIndexByte(text, ':')
	if at <= 0 {
		return "", 0, false
	}
	n, rest, ok := leadingNumber(text[at+1:])
	return text[:at], n, ok && rest == ""
}

// leadingNumber reads a number of at most nine digits.
func leadingNumber(text string) (int, string, bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == 0 || end > 9 {
		return 0, text, false
	}
	n, err := strconv.Atoi(text[:end])
	return n, text[end:], err == nil
}

// caretColumn gives the column of the first caret of a line that has nothing but carets, tildes and
// blanks; 0 where it is no such line.
func caretColumn(line string) int {
	at := strings.IndexByte(line, '^')
	if at < 0 || strings.Trim(line, " \t^~") != "" {
		return 0
	}
	return at + 1
}
