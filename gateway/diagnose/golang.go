package diagnose

import "strings"

// goCompiler reads the go command and vet.
func goCompiler(lines []string, out *list) {
	at := -1
	for _, line := range lines {
		if out.full() {
			return
		}
		if detail, ok := strings.CutPrefix(line, "\t"); ok {
			out.more(at, "; "+strings.TrimSpace(detail))
			continue
		}
		at = -1
		p, rest, ok := leadingPlace(strings.TrimPrefix(line, "vet: "))
		if file, own := userFile(p.file); ok && own && strings.HasSuffix(file, ".go") {
			at = out.add(Diagnostic{file, p.line, p.column, Error, rest})
		}
	}
}

// goProgram reads panics and the runtime's fatal errors, told at the innermost frame in the user's
// source.
func goProgram(lines []string, out *list) {
	message, skip := "", false
	for _, line := range lines {
		if out.full() {
			return
		}
		if text, ok := strings.CutPrefix(line, "panic: "); ok {
			message = "panic: " + text
			continue
		}
		if text, ok := strings.CutPrefix(line, "fatal error: "); ok {
			message = "fatal error: " + text
			continue
		}
		frame, ok := strings.CutPrefix(line, "\t")
		if !ok {
			skip = strings.HasPrefix(line, "created by ")
			continue
		}
		if message == "" || skip {
			continue
		}
		frame, _, _ = strings.Cut(frame, " +0x")
		p, ok := trailingPlace(frame)
		if file, own := userFile(p.file); ok && own && strings.HasSuffix(file, ".go") {
			out.add(Diagnostic{file, p.line, 0, Error, message})
			message = ""
		}
	}
}
