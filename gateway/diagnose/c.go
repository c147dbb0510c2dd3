package diagnose

import "strings"

// cSeverity splits "error: message" as GCC and Clang write it.
func cSeverity(text string) (Severity, string, bool) {
	for _, word := range []struct {
		prefix   string
		severity Severity
	}{{"error: ", Error}, {"fatal error: ", Error}, {"warning: ", Warning}, {"note: ", Note}, {"runtime error: ", Error}} {
		if message, ok := strings.CutPrefix(text, word.prefix); ok {
			return word.severity, message, true
		}
	}
	return "", "", false
}

// cCompiler reads GCC and Clang. An error inside a header of the system is told at the line of the
// user's that led there: GCC names it before the error, Clang after it.
func cCompiler(lines []string, out *list) {
	var led place  // the last line of the user's that GCC named as the way to what follows
	unplaced := "" // the message of Clang's last error inside a header
	at := -1       // where that error is in the list, if led to by an #include
	for _, line := range lines {
		if out.full() {
			return
		}
		if text, ok := strings.CutPrefix(line, "In file included from "); ok {
			// Another way begins, which may pass the user's source further on.
			led = wayThrough(text, place{})
			continue
		}
		if text, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "from "); ok {
			led = wayThrough(text, led)
			continue
		}
		p, rest, ok := leadingPlace(line)
		if !ok {
			continue
		}
		file, own := userFile(p.file)
		severity, message, known := cSeverity(rest)
		switch {
		case own && !known:
			if strings.HasPrefix(rest, "required from") || strings.HasPrefix(rest, "in 'constexpr'") {
				led = place{file, p.line, p.column}
			}
		case own && p.line > 0 && unplaced != "" && severity == Note && strings.HasSuffix(message, "requested here"):
			if at >= 0 {
				out.found[at].File, out.found[at].Line, out.found[at].Column = file, p.line, p.column
			} else {
				out.add(Diagnostic{file, p.line, p.column, Error, unplaced})
			}
			unplaced = ""
		case own && known:
			out.add(Diagnostic{file, p.line, p.column, severity, message})
			unplaced = ""
		case known && severity == Error:
			at = out.add(Diagnostic{led.file, led.line, led.column, severity, message})
			unplaced = message
		}
	}
}

// wayThrough gives the place that one step of an #include's way names if it is the user's, else known.
func wayThrough(text string, known place) place {
	p, ok := trailingPlace(strings.TrimRight(text, ":,"))
	if !ok {
		return known
	}
	if p.column > 0 && p.line == 0 {
		p.line = p.column
	}
	if file, own := userFile(p.file); own {
		return place{file, p.line, 0}
	}
	return known
}

// cProgram reads failed assertions and what the sanitizers say.
func cProgram(lines []string, out *list) {
	pending := "" // what AddressSanitizer found, before the frames
	for _, line := range lines {
		if out.full() {
			return
		}
		if _, message, ok := strings.Cut(line, "ERROR: AddressSanitizer: "); ok {
			pending = "AddressSanitizer: " + message
			continue
		}
		if frame := strings.TrimLeft(line, " "); pending != "" && strings.HasPrefix(frame, "#") {
			if p, ok := trailingPlace(frame[strings.LastIndexByte(frame, ' ')+1:]); ok {
				if file, own := userFile(p.file); own {
					out.add(Diagnostic{file, p.line, p.column, Error, pending})
					pending = ""
				}
			}
			continue
		}
		if p, rest, ok := leadingPlace(line); ok {
			file, own := userFile(p.file)
			if severity, message, known := cSeverity(rest); own && known && severity == Error {
				out.add(Diagnostic{file, p.line, p.column, Error, message})
			}
			continue
		}
		// a.out: main.c:5: main: Assertion `n == 2' failed.
		if _, rest, ok := strings.Cut(line, ": "); ok && strings.HasSuffix(line, " failed.") {
			p, rest, ok := leadingPlace(rest)
			file, own := userFile(p.file)
			if start := strings.Index(rest, "Assertion "); ok && own && start >= 0 {
				out.add(Diagnostic{file, p.line, 0, Error, rest[start:]})
			}
		}
	}
}
