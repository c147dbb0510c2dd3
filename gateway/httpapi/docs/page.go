package docs

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed page.html
var pageSource string

// page is what the template shows.
type page struct {
	Title, Version string
	Intro          template.HTML
	Tags           []tag
	Schemas        []schema
}

type tag struct {
	ID, Name   string
	About      template.HTML
	Operations []operation
}

type operation struct {
	ID, Method, Path, Summary, Scope, Search string
	About                                    template.HTML
	Parameters                               []field
	Body                                     *body
	Curl                                     string
	Responses                                []response
}

type body struct {
	Required bool
	Type     template.HTML
	Fields   []field
}

type response struct {
	Status, Kind string // Kind: good, bad
	About        template.HTML
	Type         template.HTML
	Example      string
}

type field struct {
	Name, In string
	Required bool
	Type     template.HTML
	About    template.HTML
}

type schema struct {
	ID, Name string
	About    template.HTML
	Type     template.HTML
	Fields   []field
}

// renderer makes a page of a document.
type renderer struct{ document *yaml.Node }

func render(document *yaml.Node) ([]byte, error) {
	r := renderer{document}
	info := get(document, "info")
	p := page{Title: text(info, "title"), Version: text(info, "version"), Intro: markdown(text(info, "description"))}
	at := map[string]int{}
	for _, n := range get(document, "tags").Content {
		at[text(n, "name")] = len(p.Tags)
		p.Tags = append(p.Tags, tag{ID: anchor(text(n, "name")), Name: text(n, "name"), About: markdown(text(n, "description"))})
	}
	paths := get(document, "paths")
	for i := 0; i+1 < len(paths.Content); i += 2 {
		for _, method := range methods {
			n := get(paths.Content[i+1], method)
			if n == nil {
				continue
			}
			place, known := at[get(n, "tags").Content[0].Value]
			if !known {
				return nil, fmt.Errorf("%s has an unknown tag", text(n, "operationId"))
			}
			shown := r.operation(method, paths.Content[i].Value, paths.Content[i+1], n)
			p.Tags[place].Operations = append(p.Tags[place].Operations, shown)
		}
	}
	schemas := get(get(document, "components"), "schemas")
	for i := 0; i+1 < len(schemas.Content); i += 2 {
		name, n := schemas.Content[i].Value, schemas.Content[i+1]
		p.Schemas = append(p.Schemas, schema{ID: "schema-" + name, Name: name, About: markdown(text(n, "description")), Type: r.typeOf(n), Fields: r.fields(n, "")})
	}
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, p)
	return out.Bytes(), err
}

func anchor(name string) string {
	return "about-" + strings.ReplaceAll(strings.ToLower(name), " ", "-")
}

// resolve follows a reference within the document.
func (r renderer) resolve(n *yaml.Node) *yaml.Node {
	for range 8 {
		ref := text(n, "$ref")
		if ref == "" {
			return n
		}
		n = r.document
		for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			n = get(n, part)
		}
	}
	return n
}

func (r renderer) operation(method, path string, item, n *yaml.Node) operation {
	o := operation{
		ID: text(n, "operationId"), Method: strings.ToUpper(method), Path: path, Summary: text(n, "summary"),
		Scope: text(n, "x-scope"), About: markdown(text(n, "description")),
	}
	o.Search = strings.ToLower(strings.Join([]string{o.Method, path, o.Summary, text(n, "description")}, " "))
	var query []string
	filled := path
	for _, parameters := range []*yaml.Node{get(item, "parameters"), get(n, "parameters")} {
		if parameters == nil {
			continue
		}
		for _, p := range parameters.Content {
			p = r.resolve(p)
			o.Parameters = append(o.Parameters, field{
				Name: text(p, "name"), In: text(p, "in"), Required: text(p, "required") == "true",
				Type: r.typeOf(get(p, "schema")), About: inline(text(p, "description")),
			})
			example := text(p, "example")
			switch {
			case text(p, "in") == "path" && example != "":
				filled = strings.ReplaceAll(filled, "{"+text(p, "name")+"}", example)
			case text(p, "in") == "query" && text(p, "required") == "true":
				query = append(query, text(p, "name")+"="+url.QueryEscape(example))
			}
		}
	}
	if len(query) > 0 {
		filled += "?" + strings.Join(query, "&")
	}
	var sample *yaml.Node
	if b := r.resolve(get(n, "requestBody")); b != nil {
		media := get(get(b, "content"), "application/json")
		s := get(media, "schema")
		o.Body = &body{Required: text(b, "required") == "true", Type: r.typeOf(s)}
		o.Body.Fields = r.fields(r.resolve(s), "")
		sample = get(media, "example")
	}
	o.Curl = curl(o.Method, filled, o.Scope != "none", sample)
	responses := get(n, "responses")
	for i := 0; i+1 < len(responses.Content); i += 2 {
		shown := response{Status: responses.Content[i].Value, Kind: "bad"}
		if shown.Status < "400" {
			shown.Kind = "good"
		}
		resolved := r.resolve(responses.Content[i+1])
		shown.About = inline(text(resolved, "description"))
		if content := get(resolved, "content"); content != nil && len(content.Content) > 1 {
			media := content.Content[1]
			shown.Type = template.HTML("<code>"+html.EscapeString(content.Content[0].Value)+"</code> ") + r.typeOf(get(media, "schema"))
			if example := get(media, "example"); example != nil {
				shown.Example = indented(example)
				if example.Kind == yaml.ScalarNode {
					shown.Example = example.Value
				}
			}
		}
		o.Responses = append(o.Responses, shown)
	}
	return o
}

// curl makes a command of a shell; JSON has no character that single quotes don't keep but their own.
func curl(method, path string, authenticated bool, sample *yaml.Node) string {
	var out strings.Builder
	out.WriteString("curl")
	if strings.HasSuffix(path, "events") {
		out.WriteString(" -N")
	}
	if method != "GET" && (method != "POST" || sample == nil) {
		out.WriteString(" -X " + method)
	}
	out.WriteString(" \"$SANDGATE" + path + "\"")
	if authenticated {
		out.WriteString(" \\\n  -H \"X-Auth-Token: $KEY\"")
	}
	if sample != nil {
		out.WriteString(" \\\n  -H 'Content-Type: application/json' \\\n  -d '" + strings.ReplaceAll(indented(sample), "'", `'\''`) + "'")
	}
	return out.String()
}

// typeOf says in a few words what a schema is.
func (r renderer) typeOf(n *yaml.Node) template.HTML {
	if n == nil {
		return ""
	}
	if ref := text(n, "$ref"); ref != "" {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		return template.HTML(fmt.Sprintf(`<a href="#schema-%s">%s</a>`, html.EscapeString(name), html.EscapeString(name)))
	}
	var out strings.Builder
	if choices := get(n, "anyOf"); choices != nil {
		for i, choice := range choices.Content {
			if i > 0 {
				out.WriteString(" or ")
			}
			out.WriteString(string(r.typeOf(choice)))
		}
		return template.HTML(out.String())
	}
	kinds := []string{text(n, "type")}
	if several := get(n, "type"); several != nil && several.Kind == yaml.SequenceNode {
		kinds = nil
		for _, kind := range several.Content {
			kinds = append(kinds, kind.Value)
		}
	}
	named := strings.Join(kinds, " or ")
	if items := get(n, "items"); items != nil {
		return template.HTML("list of ") + r.typeOf(items)
	}
	if values := get(n, "additionalProperties"); values != nil && values.Kind == yaml.MappingNode {
		return template.HTML(html.EscapeString(named)+" of ") + r.typeOf(values)
	}
	out.WriteString(html.EscapeString(named))
	if format := text(n, "format"); format != "" {
		out.WriteString(" (" + html.EscapeString(format) + ")")
	}
	if values := get(n, "enum"); values != nil {
		out.Reset()
		for i, value := range values.Content {
			if i > 0 {
				out.WriteString(" · ")
			}
			out.WriteString("<code>" + html.EscapeString(value.Value) + "</code>")
		}
	}
	for _, bound := range []struct{ key, words string }{{"minimum", "from "}, {"maximum", "to "}, {"maxLength", "at most %s characters"}, {"default", "default "}} {
		value := text(n, bound.key)
		if value == "" {
			continue
		}
		words := bound.words + value
		if strings.Contains(bound.words, "%s") {
			words = fmt.Sprintf(bound.words, value)
		}
		out.WriteString(", " + html.EscapeString(words))
	}
	return template.HTML(out.String())
}

// fields lists the properties of an object; those of objects within it too, by their paths.
func (r renderer) fields(n *yaml.Node, prefix string) (fields []field) {
	properties := get(n, "properties")
	if properties == nil {
		return nil
	}
	required := map[string]bool{}
	if names := get(n, "required"); names != nil {
		for _, name := range names.Content {
			required[name.Value] = true
		}
	}
	for i := 0; i+1 < len(properties.Content); i += 2 {
		name, property := properties.Content[i].Value, properties.Content[i+1]
		fields = append(fields, field{Name: prefix + name, Required: required[name], Type: r.typeOf(property), About: inline(text(property, "description"))})
		fields = append(fields, r.fields(property, prefix+name+".")...)
		fields = append(fields, r.fields(get(property, "items"), prefix+name+"[].")...)
	}
	return fields
}

var (
	code = regexp.MustCompile("`([^`]+)`")
	bold = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// inline shows a line of text with code and bold words.
func inline(line string) template.HTML {
	shown := html.EscapeString(strings.TrimSpace(line))
	shown = code.ReplaceAllString(shown, "<code>$1</code>")
	return template.HTML(bold.ReplaceAllString(shown, "<strong>$1</strong>"))
}

// markdown shows paragraphs.
func markdown(text string) template.HTML {
	var out strings.Builder
	for _, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if paragraph != "" {
			out.WriteString("<p>" + string(inline(strings.ReplaceAll(paragraph, "\n", " "))) + "</p>\n")
		}
	}
	return template.HTML(out.String())
}
