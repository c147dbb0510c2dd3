package diagnose

import "strings"

// rustCompiler reads rustc: a head, an arrow with the place, and the source with labels below it. The
// label of the place itself joins the message.
func rustCompiler(lines []string, out *list) {
	head, severity := "", Error
	at, labelled := -1, true
	for _, line := range lines {
		if out.full() {
			return
		}
		if kind, message, ok := strings.Cut(line, ": "); ok && line[0] != ' ' {
			word, _, _ := strings.Cut(kind, "[") // error[E0308]
			switch word {
			case "error", "warning", "note":
				head, severity, at = message, Severity(word), -1
				continue
			case "help":
				head, at = "", -1
				continue
			}
		}
		text := strings.TrimLeft(line, " ")
		if where, ok := strings.CutPrefix(text, "--> "); ok {
			p, ok := trailingPlace(where)
			if file, own := userFile(p.file); ok && own && head != "" {
				at, labelled = out.add(Diagnostic{file, p.line, p.column, severity, head}), false
			}
			head = ""
			continue
		}
		// "  |       ^^^^ expected `i32`, found `&str`"
		if _, marks, ok := strings.Cut(text, "| "); ok && at >= 0 && !labelled && strings.HasPrefix(text, "|") {
			if caret := strings.IndexByte(marks, '^'); caret >= 0 {
				labelled = true
				if label := strings.TrimLeft(marks[caret:], "^ "); label != "" && !strings.HasPrefix(label, "-") {
					out.more(at, ": "+label)
				}
			}
		}
	}
}

// rustProgram reads panics, in the form of Rust 1.73 and in the one before it.
func rustProgram(lines []string, out *list) {
	at := -1 // of a panic whose message comes on the next line
	for _, line := range lines {
		if out.full() {
			return
		}
		if at >= 0 && line != "" {
			out.more(at, ": "+line)
		}
		at = -1
		_, rest, ok := strings.Cut(line, " panicked at ")
		if !ok || !strings.HasPrefix(line, "thread '") {
			continue
		}
		if message, where, old := cutAtLast(rest, "', "); old {
			if p, ok := trailingPlace(where); ok {
				if file, own := userFile(p.file); own {
					out.add(Diagnostic{file, p.line, p.column, Error, "panicked: " + strings.TrimPrefix(message, "'")})
				}
			}
			continue
		}
		p, ok := trailingPlace(strings.TrimSuffix(rest, ":"))
		if file, own := userFile(p.file); ok && own {
			at = out.add(Diagnostic{file, p.line, p.column, Error, "panicked"})
		}
	}
}

func cutAtLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}
