package diagnose

import (
	"strings"
)

// pythonProgram reads tracebacks, syntax errors and warnings. Each traceback is told at its innermost
// frame in the user's source; of a chain the last exception is the error, and those before it notes.
func pythonProgram(lines []string, out *list) {
	var at place // of the innermost frame so far
	within := false
	last := -1
	for _, line := range lines {
		if out.full() {
			return
		}
		switch {
		case strings.HasPrefix(line, "Traceback (most recent call last)"):
			at, within = place{}, true
		case strings.HasPrefix(line, `  File "`):
			if !within {
				at, within = place{}, true
			}
			if p, ok := pythonFrame(line); ok {
				at = p
			}
		case strings.HasPrefix(line, "During handling of the above exception"), strings.HasPrefix(line, "The above exception was the direct cause"):
			if last >= 0 {
				out.found[last].Severity = Note
			}
		case within && line != "" && line[0] != ' ':
			within = false
			if at.line > 0 {
				last = out.add(Diagnostic{at.file, at.line, 0, Error, line})
			}
		case !within:
			p, rest, ok := leadingPlace(line)
			if kind, _, found := strings.Cut(rest, ": "); ok && found && strings.HasSuffix(kind, "Warning") && !strings.Contains(kind, " ") {
				if file, own := userFile(p.file); own {
					out.add(Diagnostic{file, p.line, 0, Warning, rest})
				}
			}
		}
	}
}

// pythonFrame reads `  File "/box/script.py", line 5, in f`, if it is the user's file.
func pythonFrame(line string) (place, bool) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(line, `  File "`), `", line `)
	if !ok {
		return place{}, false
	}
	n, _, ok := leadingNumber(rest)
	file, own := userFile(name)
	return place{file, n, 0}, ok && own
}
