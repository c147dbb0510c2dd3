package check

import (
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// imported is one thing that a program imports, or names in full.
type imported struct {
	at   int
	name string
	// all tells that the names of the package can be used without it; used then holds those that are.
	all  bool
	used func(name string) bool
}

// uses tells whether the import is of what a rule names, or of a part of it: os forbids os.path.
func (i imported) uses(rule, separator string) bool {
	if i.name == rule || strings.HasPrefix(i.name, rule+separator) {
		return true
	}
	parent, name, ok := cutLast(rule, separator)
	return ok && i.all && parent == i.name && i.used(name)
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// separators stand between the parts of a name.
var separators = map[string]string{
	"c": "/", "cpp": "/", "go": "/", "javascript": "/", "typescript": "/", "java": ".", "python": ".", "python-for-ml": ".", "rust": "::",
}

// importers find the imports of a language.
var importers = map[string]func(*source) []imported{
	"c": cImports, "cpp": cImports, "go": goImports, "java": javaImports, "rust": rustImports,
	"javascript": scriptImports, "typescript": scriptImports, "python": pythonImports, "python-for-ml": pythonImports,
}

// normalName gives a name in the one form that importers give.
func normalName(language, name string) string {
	name = strings.TrimSpace(name)
	switch language {
	case "javascript", "typescript":
		name = strings.TrimPrefix(name, "node:")
	case "java":
		name = strings.TrimSuffix(name, ".*")
	case "rust":
		name = strings.TrimSuffix(strings.TrimPrefix(name, "::"), "::*")
	case "c", "cpp":
		name = strings.Trim(name, `<>"`)
	}
	return strings.TrimSuffix(name, separators[language])
}

var cInclude = regexp.MustCompile(`(?m)^[ \t]*(?:#|%:|\?\?=)[ \t]*(?:include|include_next|import)[ \t]*([<"])|^[ \t]*(?:export[ \t]+)?import[ \t]+([<"]|[\w.:]+)`)

func cImports(s *source) (found []imported) {
	for _, at := range cInclude.FindAllStringSubmatchIndex(s.code, -1) {
		open, end := at[2], at[3]
		if open < 0 {
			open, end = at[4], at[5]
		}
		switch s.code[open] {
		case '<':
			if end := strings.IndexAny(s.whole[open:], ">\n"); end > 0 {
				found = append(found, imported{at: at[0], name: strings.TrimSpace(s.whole[open+1 : open+end])})
			}
		case '"':
			found = append(found, imported{at: at[0], name: s.quoted(open)})
		default:
			found = append(found, imported{at: at[0], name: s.code[open:end]})
		}
	}
	return found
}

func goImports(s *source) (found []imported) {
	files := token.NewFileSet()
	// A file that breaks off still has the imports before that.
	file, _ := parser.ParseFile(files, "", s.whole, parser.ImportsOnly|parser.SkipObjectResolution)
	if file == nil {
		return nil
	}
	for _, spec := range file.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			found = append(found, imported{at: files.Position(spec.Path.Pos()).Offset, name: name})
		}
	}
	return found
}

var (
	javaImport = regexp.MustCompile(`\bimport\s+(?:static\s+|module\s+)?([\w$]+(?:\s*\.\s*(?:[\w$]+|\*))*)`)
	dotted     = regexp.MustCompile(`[\pL_$][\pL\pN_$]*(?:\s*\.\s*[\pL_$][\pL\pN_$]*)+`)
	identifier = regexp.MustCompile(`[\pL_$][\pL\pN_$]*`)
	blanks     = regexp.MustCompile(`\s+`)
)

func javaImports(s *source) (found []imported) {
	words := map[string]bool{}
	for _, name := range identifier.FindAllString(s.code, -1) {
		words[name] = true
	}
	used := func(name string) bool { return words[name] }
	for _, at := range javaImport.FindAllStringSubmatchIndex(s.code, -1) {
		name := blanks.ReplaceAllString(s.code[at[2]:at[3]], "")
		name, all := strings.CutSuffix(name, ".*")
		found = append(found, imported{at: at[0], name: name, all: all, used: used})
	}
	for _, at := range dotted.FindAllStringIndex(s.code, -1) {
		found = append(found, imported{at: at[0], name: blanks.ReplaceAllString(s.code[at[0]:at[1]], "")})
	}
	// What java.lang has needs no import.
	for _, at := range identifier.FindAllStringIndex(s.code, -1) {
		if c := s.code[at[0]]; c >= 'A' && c <= 'Z' && (at[0] == 0 || s.code[at[0]-1] != '.') {
			found = append(found, imported{at: at[0], name: "java.lang." + s.code[at[0]:at[1]]})
		}
	}
	return found
}

var (
	pythonStatement = regexp.MustCompile(`(?m)(?:^|[;:])[ \t]*(import|from)\b[ \t]*`)
	pythonCall      = regexp.MustCompile(`\b(?:__import__|import_module)\s*\(\s*["']`)
)

func pythonImports(s *source) (found []imported) {
	for _, at := range pythonStatement.FindAllStringSubmatchIndex(s.code, -1) {
		rest := s.code[at[1]:]
		statement := rest
		for end := 0; end < len(rest); end++ {
			// Parentheses and backslashes carry a statement on.
			if c := rest[end]; c == '(' {
				if close := strings.IndexByte(rest[end:], ')'); close >= 0 {
					end += close
				}
			} else if (c == '\n' || c == ';') && (end == 0 || rest[end-1] != '\\') {
				statement = rest[:end]
				break
			}
		}
		statement = strings.NewReplacer("\\\n", " ", "(", " ", ")", " ").Replace(statement)
		place := at[2]
		if s.code[at[2]:at[3]] == "import" {
			for _, name := range listed(statement) {
				found = append(found, imported{at: place, name: name})
			}
			continue
		}
		module, names, ok := strings.Cut(statement, "import")
		module = strings.Join(strings.Fields(module), "")
		if !ok || module == "" || module[0] == '.' {
			continue // a part of the program itself
		}
		found = append(found, imported{at: place, name: module})
		for _, name := range listed(names) {
			found = append(found, imported{at: place, name: module + "." + name})
		}
	}
	for _, at := range pythonCall.FindAllStringIndex(s.code, -1) {
		found = append(found, imported{at: at[0], name: s.quoted(at[1] - 1)})
	}
	return found
}

// listed gives the names between commas, without "as other".
func listed(text string) (names []string) {
	for _, part := range strings.Split(text, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(blanks.ReplaceAllString(part, " ")), " as ")
		if name = strings.ReplaceAll(name, " ", ""); name != "" {
			names = append(names, name)
		}
	}
	return names
}

var (
	rustUse   = regexp.MustCompile(`\buse\s+([^;]*);`)
	rustCrate = regexp.MustCompile(`\bextern\s+crate\s+(?:r#)?(\w+)`)
	rustPath  = regexp.MustCompile(`\b\w+(?:\s*::\s*\w+)+`)
)

func rustImports(s *source) (found []imported) {
	for _, at := range rustUse.FindAllStringSubmatchIndex(s.code, -1) {
		tree := blanks.ReplaceAllString(strings.ReplaceAll(s.code[at[2]:at[3]], "r#", ""), " ")
		for _, name := range useTree("", tree, 0) {
			found = append(found, imported{at: at[0], name: name})
		}
	}
	for _, at := range rustCrate.FindAllStringSubmatchIndex(s.code, -1) {
		found = append(found, imported{at: at[0], name: s.code[at[2]:at[3]]})
	}
	for _, at := range rustPath.FindAllStringIndex(s.code, -1) {
		found = append(found, imported{at: at[0], name: blanks.ReplaceAllString(s.code[at[0]:at[1]], "")})
	}
	return found
}

// useTree gives the full names of a::{b, c::{d, e}}.
func useTree(prefix, tree string, depth int) (names []string) {
	const deepest, most = 8, 1000
	tree = strings.TrimPrefix(strings.TrimSpace(tree), "::")
	head, inner, ok := strings.Cut(tree, "{")
	if !ok || depth == deepest {
		name, _, _ := strings.Cut(strings.TrimSpace(head), " as ")
		name = strings.ReplaceAll(name, " ", "")
		if name == "" || name == "self" || name == "*" {
			return []string{strings.TrimSuffix(prefix, "::")}
		}
		return []string{prefix + strings.TrimSuffix(name, "::*")}
	}
	prefix += strings.ReplaceAll(head, " ", "")
	inner = strings.TrimSuffix(strings.TrimSpace(inner), "}")
	open, start := 0, 0
	for i := 0; i <= len(inner) && len(names) < most; i++ {
		switch {
		case i == len(inner) || inner[i] == ',' && open == 0:
			if part := strings.TrimSpace(inner[start:i]); part != "" {
				names = append(names, useTree(prefix, part, depth+1)...)
			}
			start = i + 1
		case inner[i] == '{':
			open++
		case inner[i] == '}':
			open--
		}
	}
	return names
}

var scriptImport = regexp.MustCompile("\\b(?:require(?:\\.resolve)?|import|getBuiltinModule)\\s*(?:\\(|\\?\\.\\()\\s*[\"'`]|\\b(?:import|export)\\b[^\"'`;=()]*?\\bfrom\\s*[\"']|\\bimport\\s*[\"']|\\bimport\\s+\\w+\\s*=\\s*require\\s*\\(\\s*[\"']")

func scriptImports(s *source) (found []imported) {
	for _, at := range scriptImport.FindAllStringIndex(s.code, -1) {
		found = append(found, imported{at: at[0], name: strings.TrimPrefix(s.quoted(at[1]-1), "node:")})
	}
	return found
}
