package diagnose

import "strings"

// javaCompiler reads javac: a head, the source line, a caret below it, and details.
func javaCompiler(lines []string, out *list) {
	at, caret := -1, true
	for _, line := range lines {
		if p, rest, ok := leadingPlace(line); ok && strings.HasSuffix(p.file, ".java") {
			if out.full() {
				return
			}
			at, caret = -1, false
			file, own := userFile(p.file)
			if severity, message, known := cSeverity(rest); own && known {
				// A second fault of the same words on the same line differs by its caret only.
				at = out.addAgain(Diagnostic{file, p.line, 0, severity, message})
			}
			continue
		}
		if at < 0 {
			continue
		}
		if column := caretColumn(line); !caret && column > 0 {
			out.found[at].Column, caret = column, true
			continue
		}
		detail := strings.TrimSpace(line)
		for _, label := range []string{"symbol:", "required:", "found:", "reason:"} {
			if text, ok := strings.CutPrefix(detail, label); caret && ok {
				out.more(at, "; "+label+" "+strings.TrimSpace(text))
			}
		}
	}
}

// javaProgram reads stack traces. The exception that ended a thread is the error; its causes, and what
// was only printed before, are notes.
func javaProgram(lines []string, out *list) {
	message, severity, uncaught := "", Error, false
	for _, line := range lines {
		if out.full() {
			return
		}
		frame, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "at ")
		if !ok {
			switch {
			case strings.HasPrefix(line, "Exception in thread "):
				if !uncaught {
					for i := range out.found {
						out.found[i].Severity = Note
					}
				}
				message, severity, uncaught = withoutThread(line), Error, true
			case strings.HasPrefix(strings.TrimLeft(line, "\t"), "Caused by: "):
				message, severity = strings.TrimSpace(line), Note
			case strings.Contains(line, "Exception") || strings.Contains(line, "Error"):
				message, severity = line, Error
				if uncaught {
					severity = Note
				}
			}
			continue
		}
		open, end := strings.IndexByte(frame, '('), strings.LastIndexByte(frame, ')')
		if message == "" || open < 0 || end < open || strings.Contains(frame[:open], "/") {
			continue // a frame of the library has the name of its module before a slash
		}
		p, ok := trailingPlace(frame[open+1 : end])
		if file, own := userFile(p.file); ok && own {
			out.add(Diagnostic{file, p.line, 0, severity, message})
			message = ""
		}
	}
}

// withoutThread takes the name of the thread off: `Exception in thread "worker 1" the.Exception: why`.
func withoutThread(line string) string {
	_, rest, _ := strings.Cut(line, `"`)
	if _, text, ok := strings.Cut(rest, `" `); ok {
		return text
	}
	return line
}
