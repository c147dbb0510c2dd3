package check

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// source is a program with what is no code taken out. All forms have one length, so that places agree.
type source struct {
	whole string
	text  string // without comments
	code  string // without comments and what is within strings
	lines []int  // where they begin
}

// syntax tells how comments and strings look in a language.
type syntax struct {
	line       []string // what begins a comment of one line
	block      bool     // /* … */
	nested     bool     // such comments hold others
	quotes     string   // what begins and ends a string
	multiline  string   // those of quotes whose strings go over the end of a line
	triple     bool     // """ … """
	raw        string   // those of quotes in which a backslash is nothing special
	characters bool     // 'x' is a character, and ' alone something else: a lifetime, a digit separator
	cRaw       bool     // R"x( … )x"
	rustRaw    bool     // r#" … "#
	templates  bool     // `… ${ code } …`, and /regular expressions/
}

var (
	cLike  = syntax{line: []string{"//"}, block: true, quotes: `"'`, characters: true, cRaw: true}
	script = syntax{line: []string{"//"}, block: true, quotes: "\"'", templates: true}
	hashed = syntax{line: []string{"#"}, quotes: `"'`, multiline: `"'`}
)

// syntaxes by the key of the language. The source of any other is all code.
var syntaxes = map[string]syntax{
	"c": cLike, "cpp": cLike, "objective-c": cLike, "d": {line: []string{"//"}, block: true, quotes: "\"'`", multiline: "\"`", raw: "`"},
	"java":       {line: []string{"//"}, block: true, quotes: `"'`, triple: true},
	"csharp":     {line: []string{"//"}, block: true, quotes: `"'`},
	"kotlin":     {line: []string{"//"}, block: true, nested: true, quotes: `"'`, triple: true},
	"scala":      {line: []string{"//"}, block: true, nested: true, quotes: `"`, triple: true},
	"swift":      {line: []string{"//"}, block: true, nested: true, quotes: `"`, triple: true},
	"groovy":     {line: []string{"//"}, block: true, quotes: `"'`, triple: true},
	"go":         {line: []string{"//"}, block: true, quotes: "\"'`", multiline: "`", raw: "`"},
	"rust":       {line: []string{"//"}, block: true, nested: true, quotes: `"'`, multiline: `"`, characters: true, rustRaw: true},
	"javascript": script, "typescript": script,
	"python": {line: []string{"#"}, quotes: `"'`, triple: true}, "python-for-ml": {line: []string{"#"}, quotes: `"'`, triple: true},
	"php": {line: []string{"//", "#"}, block: true, quotes: `"'`, multiline: `"'`},
	"r":   hashed, "ruby": hashed, "perl": hashed, "bash": hashed, "elixir": {line: []string{"#"}, quotes: `"`, triple: true, multiline: `"`},
}

func newSource(language, whole string) *source {
	s := &source{whole: whole, lines: []int{0}}
	for i := range len(whole) {
		if whole[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	rules, known := syntaxes[language]
	if !known {
		s.text, s.code = whole, whole
		return s
	}
	scan := scanner{syntax: rules, in: whole, text: []byte(whole), code: []byte(whole)}
	scan.run()
	s.text, s.code = string(scan.text), string(scan.code)
	return s
}

// position gives line and column, in characters, from 1.
func (s *source) position(at int) (line, column int) {
	line = sort.SearchInts(s.lines, at+1)
	return line, utf8.RuneCountInString(s.whole[s.lines[line-1]:at]) + 1
}

// quoted gives what is within the string whose first quote is at a place.
func (s *source) quoted(at int) string {
	end := strings.IndexByte(s.whole[at+1:], s.whole[at])
	if end < 0 {
		return ""
	}
	return s.whole[at+1 : at+1+end]
}

// scanner blanks what is no code. It goes forward only.
type scanner struct {
	syntax
	in         string
	text, code []byte
	at         int
	braces     []int // of each `${` that is open: how many braces are open within it
	last       byte  // the last byte of code that is no blank; it tells a division from a regular expression
}

func (s *scanner) run() {
	for s.at < len(s.in) {
		rest := s.in[s.at:]
		switch c := rest[0]; {
		case s.comment(rest):
		case s.cRaw && c == '"' && s.prefixed("R"):
			s.string(s.at+1, closing(s.in, s.at+1+strings.IndexByte(rest[1:]+"(", '(')+1, ")"+cut(rest[1:], '(')+`"`))
		case s.rustRaw && (c == '"' || c == '#') && s.prefixed("r"):
			hashes := len(rest) - len(strings.TrimLeft(rest, "#"))
			if hashes == len(rest) || rest[hashes] != '"' {
				s.skip(1) // r#name
				continue
			}
			s.string(s.at+hashes+1, closing(s.in, s.at+hashes+1, `"`+strings.Repeat("#", hashes)))
		case s.triple && c != '`' && strings.IndexByte(s.quotes, c) >= 0 && len(rest) >= 3 && rest[1] == c && rest[2] == c:
			s.string(s.at+3, s.end(s.at+3, rest[:3], true))
		case c == '\'' && s.characters && !s.character(rest):
			s.skip(1)
		case strings.IndexByte(s.quotes, c) >= 0:
			s.string(s.at+1, s.end(s.at+1, rest[:1], strings.IndexByte(s.multiline, c) >= 0))
		case s.templates && c == '`':
			s.skip(1)
			s.template()
		case s.templates && c == '/' && s.expectsValue():
			s.regularExpression()
		case c == '{' && len(s.braces) > 0:
			s.braces[len(s.braces)-1]++
			s.skip(1)
		case c == '}' && len(s.braces) > 0:
			s.skip(1)
			if top := len(s.braces) - 1; s.braces[top] > 0 {
				s.braces[top]--
			} else {
				s.braces = s.braces[:top]
				s.template()
			}
		default:
			s.skip(1)
		}
	}
}

// skip passes n bytes of code.
func (s *scanner) skip(n int) {
	for range min(n, len(s.in)-s.at) {
		if c := s.in[s.at]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			s.last = c
		}
		s.at++
	}
}

func blank(b []byte, from, to int) {
	for i := from; i < to && i < len(b); i++ {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
}

// comment passes a comment, if one begins here.
func (s *scanner) comment(rest string) bool {
	end := -1
	for _, start := range s.line {
		if !strings.HasPrefix(rest, start) {
			continue
		}
		if start == "#" && s.at > 0 && !strings.ContainsRune(" \t\n;(){}", rune(s.in[s.at-1])) && s.multiline != "" {
			continue // $# of a shell, a#b of Ruby
		}
		for end = s.at; end < len(s.in) && (s.in[end] != '\n' || s.cRaw && s.in[end-1] == '\\'); {
			end++
		}
	}
	if s.block && strings.HasPrefix(rest, "/*") {
		depth := 1
		for end = s.at + 2; end < len(s.in) && depth > 0; {
			switch {
			case strings.HasPrefix(s.in[end:], "*/"):
				depth--
				end += 2
			case s.nested && strings.HasPrefix(s.in[end:], "/*"):
				depth++
				end += 2
			default:
				end++
			}
		}
	}
	if end < 0 {
		return false
	}
	blank(s.text, s.at, end)
	blank(s.code, s.at, end)
	s.at = end
	return true
}

// string passes a string of which the content begins at from; its end is after the closing quotes.
func (s *scanner) string(from, end int) {
	blank(s.code, from, end-1)
	s.at, s.last = end, '"'
}

// end looks for the closing quotes of a string whose content begins at from.
func (s *scanner) end(from int, quotes string, multiline bool) int {
	raw := strings.Contains(s.raw, quotes)
	for i := from; i < len(s.in); i++ {
		switch {
		case s.in[i] == '\\' && !raw:
			i++
		case s.in[i] == '\n' && !multiline:
			return i // it is not closed: a fault of the program
		case strings.HasPrefix(s.in[i:], quotes):
			return i + len(quotes)
		}
	}
	return len(s.in)
}

// closing gives the place after the first occurrence of text.
func closing(in string, from int, text string) int {
	if from >= len(in) {
		return len(in)
	}
	if at := strings.Index(in[from:], text); at >= 0 {
		return from + at + len(text)
	}
	return len(in)
}

// cut gives what comes before a byte, of what a delimiter may have: 16 characters.
func cut(text string, until byte) string {
	if at := strings.IndexByte(text, until); at >= 0 && at <= 16 {
		return text[:at]
	}
	return ""
}

// prefixed tells whether the word right before this place ends with a letter that makes strings raw,
// and is no longer than such prefixes are.
func (s *scanner) prefixed(letter string) bool {
	start := s.at
	for start > 0 && start > s.at-4 && word(s.in[start-1]) {
		start--
	}
	prefix := s.in[start:s.at]
	return strings.HasSuffix(prefix, letter) && (start == 0 || !word(s.in[start-1])) && len(prefix) <= 3
}

func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// character tells whether a quote begins a character: 'x' or an escape, and not the digits of 1'000 or
// a lifetime.
func (s *scanner) character(rest string) bool {
	if s.at > 0 && word(s.in[s.at-1]) && s.cRaw && len(rest) > 1 && word(rest[1]) && !s.prefixed("L") && !s.prefixed("u") && !s.prefixed("U") && !s.prefixed("8") {
		return false
	}
	if !s.rustRaw || len(rest) < 3 || rest[1] == '\\' {
		return true
	}
	_, size := utf8.DecodeRuneInString(rest[1:])
	return 1+size < len(rest) && rest[1+size] == '\''
}

// template passes the text of a template, until its end or the code within it.
func (s *scanner) template() {
	from := s.at
	for i := from; i < len(s.in); i++ {
		switch {
		case s.in[i] == '\\':
			i++
		case s.in[i] == '`':
			blank(s.code, from, i)
			s.at, s.last = i+1, '"'
			return
		case strings.HasPrefix(s.in[i:], "${"):
			blank(s.code, from, i)
			s.braces = append(s.braces, 0)
			s.at, s.last = i+2, '{'
			return
		}
	}
	blank(s.code, from, len(s.in))
	s.at = len(s.in)
}

// expectsValue tells whether a slash here begins a regular expression rather than divides.
func (s *scanner) expectsValue() bool {
	if s.last == 0 || strings.IndexByte("(,=:[!&|?{};+-*%<>~^", s.last) >= 0 {
		return true
	}
	if !word(s.last) {
		return false
	}
	before := strings.TrimRight(s.in[max(0, s.at-16):s.at], " \t")
	for _, keyword := range []string{"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "await", "yield"} {
		if head, ok := strings.CutSuffix(before, keyword); ok && (head == "" || !word(head[len(head)-1])) {
			return true
		}
	}
	return false
}

func (s *scanner) regularExpression() {
	class := false
	for i := s.at + 1; i < len(s.in) && s.in[i] != '\n'; i++ {
		switch c := s.in[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			s.string(s.at+1, i+1)
			return
		}
	}
	s.skip(1) // it was none
}
