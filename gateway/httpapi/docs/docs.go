// Package docs has the OpenAPI document of the gateway's two APIs, and the page that shows it. Both are
// made once, of openapi.yaml and the files beside it; nothing comes from another place.
package docs

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var source []byte

//go:embed docs.css
var style []byte

//go:embed docs.js
var script []byte

// Documents are the files that the gateway serves.
type Documents struct {
	JSON, YAML, Page, Style, Script []byte
}

// Load makes the documents, once.
var Load = sync.OnceValues(load)

func load() (*Documents, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(source, &root); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	root.HeadComment = ""
	document := root.Content[0]
	clearComments(document)
	complete(document)
	d := &Documents{Style: style, Script: script}
	var compact, readable, asYAML bytes.Buffer
	encoder := yaml.NewEncoder(&asYAML)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	if err := writeJSON(&compact, document); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	if err := json.Indent(&readable, compact.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	d.YAML, d.JSON = asYAML.Bytes(), readable.Bytes()
	page, err := render(document)
	if err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	d.Page = page
	return d, nil
}

func clearComments(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, child := range n.Content {
		clearComments(child)
	}
}

var methods = []string{"get", "post", "put", "patch", "delete"}

// complete puts in what x-scope and x-errors stand for.
func complete(document *yaml.Node) {
	paths := get(document, "paths")
	for i := 1; i < len(paths.Content); i += 2 {
		for _, method := range methods {
			if operation := get(paths.Content[i], method); operation != nil {
				completeOperation(operation)
			}
		}
	}
}

func completeOperation(operation *yaml.Node) {
	scope, errors := text(operation, "x-scope"), text(operation, "x-errors")
	needed := list()
	if scope != "none" {
		roles := list()
		if scope != "any" {
			roles.Content = append(roles.Content, scalar(scope))
		}
		for _, scheme := range []string{"key", "bearer", "rapidapi", "query"} {
			needed.Content = append(needed.Content, mapping(scalar(scheme), roles))
		}
	}
	operation.Content = append(operation.Content, scalar("security"), needed)
	if errors == "" {
		return
	}
	add := map[string]string{"429": "TooMany", "503": "Unavailable"}
	if scope != "none" {
		add["401"], add["403"] = "Unauthenticated", "Forbidden"
	}
	if errors == "judge0" {
		add = map[string]string{"429": "Judge0TooMany", "503": "Judge0Unavailable"}
		if scope != "none" {
			add["401"], add["403"] = "Empty", "Empty"
		}
	}
	responses := get(operation, "responses")
	for _, status := range []string{"401", "403", "429", "503"} {
		if name := add[status]; name != "" && get(responses, status) == nil {
			responses.Content = append(responses.Content, quoted(status), mapping(scalar("$ref"), scalar("#/components/responses/"+name)))
		}
	}
}

// get gives the value of a key; nil where there is none.
func get(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func text(n *yaml.Node, key string) string {
	if value := get(n, key); value != nil && value.Kind == yaml.ScalarNode {
		return value.Value
	}
	return ""
}

func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// quoted is for texts that look like numbers.
func quoted(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.SingleQuotedStyle, Value: value}
}

func list() *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"} }

func mapping(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: content}
}

// writeJSON writes a node in the order that the document has.
func writeJSON(to *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		to.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				to.WriteByte(',')
			}
			if err := writeValue(to, n.Content[i].Value); err != nil {
				return err
			}
			to.WriteByte(':')
			if err := writeJSON(to, n.Content[i+1]); err != nil {
				return err
			}
		}
		to.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		to.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				to.WriteByte(',')
			}
			if err := writeJSON(to, item); err != nil {
				return err
			}
		}
		to.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		var value any
		if err := n.Decode(&value); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		return writeValue(to, value)
	}
	return fmt.Errorf("line %d: no part of JSON", n.Line)
}

func writeValue(to *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	to.Truncate(to.Len() - 1) // the end of the line
	return nil
}

// indented gives a node as people read JSON: what fits stays on a line.
func indented(n *yaml.Node) string {
	var out strings.Builder
	writeIndented(&out, n, "")
	return out.String()
}

func writeIndented(out *strings.Builder, n *yaml.Node, indent string) {
	const width = 76
	var compact bytes.Buffer
	if err := writeJSON(&compact, n); err != nil {
		return
	}
	if n.Kind == yaml.ScalarNode || len(indent)+compact.Len() <= width && len(n.Content) < 8 && n.Kind != yaml.MappingNode || len(n.Content) == 0 || len(indent) > 0 && compact.Len() <= width-len(indent) {
		out.WriteString(spaced(compact.String()))
		return
	}
	open, end := "{", "}"
	step := 2
	if n.Kind == yaml.SequenceNode {
		open, end, step = "[", "]", 1
	}
	out.WriteString(open + "\n")
	for i := 0; i < len(n.Content); i += step {
		out.WriteString(indent + "  ")
		value := n.Content[i]
		if step == 2 {
			var key bytes.Buffer
			_ = writeValue(&key, n.Content[i].Value) // a text
			out.WriteString(key.String() + ": ")
			value = n.Content[i+1]
		}
		writeIndented(out, value, indent+"  ")
		if i+step < len(n.Content) {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString(indent + end)
}

// spaced puts a blank after the commas and colons between the values of compact JSON.
func spaced(compact string) string {
	var out strings.Builder
	within := false
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		out.WriteByte(c)
		switch {
		case c == '\\' && within:
			i++
			out.WriteByte(compact[i])
		case c == '"':
			within = !within
		case (c == ',' || c == ':') && !within:
			out.WriteByte(' ')
		}
	}
	return out.String()
}
