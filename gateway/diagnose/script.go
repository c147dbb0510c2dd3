package diagnose

import "strings"

func anyScript(string) bool { return true }

// typeScriptOnly leaves out lines of compiled JavaScript, which are not the user's. A pool whose
// compiler writes source maps shows those of the TypeScript.
func typeScriptOnly(file string) bool { return !strings.HasSuffix(file, "js") }

// scriptProgram reads what Node.js prints for an uncaught error: the place and the source line, a
// caret, the error, and its stack. A program that prints an error by itself and exits is read as well.
func scriptProgram(wanted func(file string) bool) parser {
	own := func(p place, ok bool) (place, bool) {
		file, mine := userFile(p.file)
		p.file = file
		return p, ok && mine && wanted(file)
	}
	return func(lines []string, out *list) {
		start, head := len(lines), place{}
		for i := len(lines) - 3; i >= 0; i-- {
			p, ok := trailingPlace(lines[i])
			if !ok || p.column != 0 || strings.ContainsAny(lines[i], " \t") {
				continue
			}
			column := caretColumn(lines[i+2])
			if column == 0 && strings.TrimSpace(lines[i+2]) != "" {
				continue
			}
			p.column, start = column, i+3
			if mine, ok := own(p, true); ok {
				head = mine
			}
			break
		}
		if start == len(lines) {
			start = lastError(lines, own)
		}
		for start < len(lines) && strings.TrimSpace(lines[start]) == "" {
			start++
		}
		if start >= len(lines) {
			return
		}
		message := strings.TrimSuffix(lines[start], " {")
		at := head
		if head.line == 0 || !strings.HasPrefix(message, "SyntaxError") {
			for _, line := range lines[start:] {
				if p, ok := own(scriptFrame(line)); ok {
					at = p
					break
				}
			}
		}
		out.add(Diagnostic{at.file, at.line, at.column, Error, message})
	}
}

// lastError gives the index of the last line that is an error with a stack in the user's source below it.
func lastError(lines []string, own func(place, bool) (place, bool)) int {
	found, candidate := len(lines), -1
	for i, line := range lines {
		if strings.HasPrefix(line, "    at ") {
			if _, ok := own(scriptFrame(line)); ok && candidate >= 0 {
				found, candidate = candidate, -1
			}
			continue
		}
		if name, _, _ := strings.Cut(line, ":"); strings.HasSuffix(name, "Error") && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "    at ") {
			candidate = i
		}
	}
	return found
}

// scriptFrame reads "    at f (/box/script.js:2:9)" and "    at /box/script.js:3:5".
func scriptFrame(line string) (place, bool) {
	frame, ok := strings.CutPrefix(line, "    at ")
	if !ok {
		return place{}, false
	}
	frame = strings.TrimSuffix(frame, " {")
	if open := strings.LastIndexByte(frame, '('); open >= 0 && strings.HasSuffix(frame, ")") {
		frame = frame[open+1 : len(frame)-1]
	}
	frame = strings.TrimPrefix(frame, "async ")
	p, ok := trailingPlace(frame)
	return p, ok && p.column > 0
}

// typeScriptCompiler reads tsc: `script.ts(3,7): error TS2322: …`, and `script.ts:3:7 - error TS2322: …`
// where it was asked to be pretty.
func typeScriptCompiler(lines []string, out *list) {
	at := -1
	for _, line := range lines {
		if out.full() {
			return
		}
		if strings.HasPrefix(line, "  ") {
			out.more(at, " "+strings.TrimSpace(line))
			continue
		}
		at = -1
		where, rest, ok := strings.Cut(line, "): ")
		var p place
		if open := strings.LastIndexByte(where, '('); ok && open > 0 {
			p.file = where[:open]
			var after string
			if p.line, after, ok = leadingNumber(where[open+1:]); !ok || !strings.HasPrefix(after, ",") {
				continue
			}
			if p.column, after, ok = leadingNumber(after[1:]); !ok || after != "" {
				continue
			}
		} else if where, rest, ok = strings.Cut(line, " - "); ok {
			if p, ok = trailingPlace(where); !ok {
				continue
			}
		} else {
			continue
		}
		severity := Error
		kind, message, ok := strings.Cut(rest, ": ")
		if strings.HasPrefix(kind, "warning") {
			severity = Warning
		} else if !strings.HasPrefix(kind, "error") {
			continue
		}
		if file, own := userFile(p.file); ok && own {
			if _, code, coded := strings.Cut(kind, " "); coded {
				message += " (" + code + ")"
			}
			at = out.add(Diagnostic{file, p.line, p.column, severity, message})
		}
	}
}
