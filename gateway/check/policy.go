// Package check looks at a program before it runs: by the policy of its account, which names imports and
// patterns that programs may not have, and with the checker of its language, which runs in the sandbox.
//
// A policy is an aid for teachers and operators, who want to tell a student that a module is not for
// this exercise; the sandbox is the guard. It reads the source lightly: it knows comments, strings and
// the import forms of eight languages, and does not see names that a program puts together while it runs
// (getattr, reflection, eval, a variable in require), what a preprocessor makes of the source (a line
// cut by a backslash within a directive, a macro in an #include), nor code within the strings of
// templates. It reads the source file, and the files of an archive that have the extension of the
// language.
package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sandgate/sandgate/gateway/diagnose"
	"github.com/sandgate/sandgate/judge0/api"
)

// Mode says what a finding does.
type Mode string

// The modes. Off is no mode of a policy.
const (
	Off     Mode = "off"
	Report  Mode = "report"  // it is told
	Enforce Mode = "enforce" // the program is refused
)

// The bounds of a policy, and of what it reads.
const (
	MaxPolicy   = 32 << 10  // bytes of its JSON
	MaxSource   = 256 << 10 // bytes of a program; a longer one is a finding by itself
	MaxFindings = 50
	maxRules    = 32 // of each kind and language
	maxName     = 200
	maxPattern  = 500
	maxMessage  = 300
	eachPattern = 10 // findings of one pattern
)

// AnyLanguage is the key of patterns that are looked for in every language.
const AnyLanguage = "*"

// Policy is what the programs of an account may not have.
type Policy struct {
	mode  Mode
	rules map[string]rules // by the key of the language
}

type rules struct {
	imports  []importRule
	patterns []patternRule
}

type importRule struct{ name, message string }

type patternRule struct {
	pattern *regexp.Regexp
	text    bool // strings are read too
	message string
}

// Finding is a place where a program breaks its account's policy.
type Finding struct {
	Rule     string            `json:"rule"` // "import", "pattern" or "size"
	Name     string            `json:"name"` // of the import, or the pattern
	File     string            `json:"file,omitempty"`
	Line     int               `json:"line"`
	Column   int               `json:"column"` // in characters
	Severity diagnose.Severity `json:"severity"`
	Message  string            `json:"message"`
}

// wirePolicy is the JSON form of a policy.
type wirePolicy struct {
	Mode      Mode                 `json:"mode"`
	Languages map[string]wireRules `json:"languages"`
}

type wireRules struct {
	Imports []struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	} `json:"imports"`
	Patterns []struct {
		Pattern string `json:"pattern"`
		In      string `json:"in"`
		Message string `json:"message"`
	} `json:"patterns"`
}

// ParsePolicy reads the JSON form of a policy; "" is one that allows everything. The error tells all
// that is wrong with it, in words for the one who set it.
func ParsePolicy(text string) (*Policy, error) {
	if text == "" {
		return &Policy{mode: Report}, nil
	}
	if len(text) > MaxPolicy {
		return nil, fmt.Errorf("the policy is longer than %d bytes", MaxPolicy)
	}
	var wire wirePolicy
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wire); err != nil {
		return nil, fmt.Errorf("the policy can't be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the policy goes on after its end")
	}
	p := &Policy{mode: wire.Mode, rules: map[string]rules{}}
	var faults []error
	switch p.mode {
	case "":
		p.mode = Report
	case Report, Enforce:
	default:
		faults = append(faults, fmt.Errorf("mode: %q is neither report nor enforce", wire.Mode))
	}
	for key, given := range wire.Languages {
		if key == "" || len(key) > 40 {
			faults = append(faults, fmt.Errorf("languages: %.40q is no key of a language", key))
			continue
		}
		made, wrong := given.compile(key)
		p.rules[key] = made
		for _, err := range wrong {
			faults = append(faults, fmt.Errorf("languages.%s.%w", key, err))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return p, nil
}

func (w wireRules) compile(key string) (made rules, faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(w.Imports) > maxRules || len(w.Patterns) > maxRules {
		fault("imports, patterns: more than %d of a kind", maxRules)
		return made, faults
	}
	if len(w.Imports) > 0 && importers[key] == nil {
		fault("imports: they are known of c, cpp, go, java, javascript, python, rust and typescript only")
	}
	for i, rule := range w.Imports {
		name := normalName(key, rule.Name)
		switch {
		case name == "" || len(name) > maxName || strings.ContainsAny(name, " \t\r\n"):
			fault("imports[%d].name: %.40q is no name of 1 to %d characters without blanks", i, rule.Name, maxName)
		case len(rule.Message) > maxMessage:
			fault("imports[%d].message: it is longer than %d bytes", i, maxMessage)
		default:
			made.imports = append(made.imports, importRule{name, rule.Message})
		}
	}
	for i, rule := range w.Patterns {
		if rule.Pattern == "" || len(rule.Pattern) > maxPattern {
			fault("patterns[%d].pattern: it is empty or longer than %d bytes", i, maxPattern)
			continue
		}
		// By itself first: what closes the group early would be another pattern.
		pattern, err := regexp.Compile(rule.Pattern)
		if err == nil {
			pattern, err = regexp.Compile("(?m:" + rule.Pattern + ")")
		}
		switch {
		case err != nil:
			fault("patterns[%d].pattern: %s", i, err)
		case pattern.MatchString(""):
			fault("patterns[%d].pattern: it matches the empty text, so everything", i)
		case rule.In != "" && rule.In != "code" && rule.In != "text":
			fault("patterns[%d].in: %.40q is neither code nor text", i, rule.In)
		case len(rule.Message) > maxMessage:
			fault("patterns[%d].message: it is longer than %d bytes", i, maxMessage)
		default:
			made.patterns = append(made.patterns, patternRule{pattern, rule.In == "text", rule.Message})
		}
	}
	return made, faults
}

// Empty tells whether the policy allows everything.
func (p *Policy) Empty() bool { return p == nil || len(p.rules) == 0 }

// Enforced tells whether findings refuse a program.
func (p *Policy) Enforced() bool { return !p.Empty() && p.mode == Enforce }

// reads tells whether the policy has something about a language.
func (p *Policy) reads(language string) bool {
	own := p.rules[language]
	return len(own.imports)+len(own.patterns)+len(p.rules[AnyLanguage].patterns) > 0
}

func (p *Policy) severity() diagnose.Severity {
	if p.mode == Enforce {
		return diagnose.Error
	}
	return diagnose.Warning
}

// tooLong is the finding that a program ends, for the policy, at a file.
func (p *Policy) tooLong(file string) Finding {
	return Finding{"size", "", file, 1, 1, p.severity(), fmt.Sprintf("the program is longer than the %d bytes that are checked", MaxSource)}
}

// File is a part of a program. Name is "" for the source itself.
type File struct{ Name, Text string }

// Check lists where the files of a program break the policy, at most MaxFindings. The language goes by
// its key.
func (p *Policy) Check(language string, files ...File) []Finding {
	if p.Empty() {
		return nil
	}
	severity := p.severity()
	own, any := p.rules[language], p.rules[AnyLanguage]
	patterns := slices.Concat(own.patterns, any.patterns)
	if len(own.imports) == 0 && len(patterns) == 0 {
		return nil
	}
	var findings []Finding
	size := 0
	for _, file := range files {
		if size += len(file.Text); size > MaxSource {
			return append(findings, p.tooLong(file.Name))
		}
		source := newSource(language, file.Text)
		add := func(rule, name string, at int, message, fallback string) {
			if message == "" {
				message = fallback
			}
			line, column := source.position(at)
			findings = append(findings, Finding{rule, name, file.Name, line, column, severity, message})
		}
		if find := importers[language]; find != nil && len(own.imports) > 0 {
			seen := map[[2]string]bool{}
			for _, found := range find(source) {
				for _, rule := range own.imports {
					line, _ := source.position(found.at)
					id := [2]string{rule.name, fmt.Sprint(line)}
					if !seen[id] && found.uses(rule.name, separators[language]) {
						seen[id] = true
						add("import", rule.name, found.at, rule.message, "the import of "+rule.name+" is not allowed")
					}
				}
			}
		}
		for _, rule := range patterns {
			text := source.code
			if rule.text {
				text = source.text
			}
			for _, at := range rule.pattern.FindAllStringIndex(text, eachPattern) {
				name := strings.TrimSuffix(strings.TrimPrefix(rule.pattern.String(), "(?m:"), ")")
				add("pattern", name, at[0], rule.message, "the pattern "+name+" is not allowed")
			}
		}
		if len(findings) >= MaxFindings {
			break
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if order := strings.Compare(a.File, b.File); order != 0 {
			return order
		}
		return a.Line - b.Line
	})
	return findings[:min(len(findings), MaxFindings)]
}

// CheckProgram checks a program with the files of its archive.
func (p *Policy) CheckProgram(language api.Language, program *api.Submission) []Finding {
	if p.Empty() {
		return nil
	}
	var findings []Finding
	files, cut := filesOf(language, program, p.reads)
	for _, key := range slices.Sorted(maps.Keys(files)) {
		findings = append(findings, p.Check(key, files[key]...)...)
	}
	if cut != "" && !slices.ContainsFunc(findings, func(f Finding) bool { return f.Rule == "size" }) {
		findings = slices.Insert(findings, 0, p.tooLong(cut))
	}
	return findings[:min(len(findings), MaxFindings)]
}

// Review gives what an enforced policy has against a program, in Judge0's form.
func (p *Policies) Review(ctx context.Context, account string, program *api.Submission, language api.Language) (api.Errors, error) {
	policy, err := p.Policy(ctx, account)
	if err != nil || !policy.Enforced() {
		return nil, err
	}
	faults := api.Errors{}
	for _, f := range policy.CheckProgram(language, program) {
		attribute, place := "source_code", fmt.Sprintf("line %d", f.Line)
		if f.File != "" {
			attribute, place = "additional_files", f.File+", "+place
		}
		faults[attribute] = append(faults[attribute], place+": "+f.Message)
	}
	if len(faults) == 0 {
		return nil, nil
	}
	return faults, nil
}
