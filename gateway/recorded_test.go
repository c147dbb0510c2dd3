package gateway_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestRecordedResults plays back what a Judge0 1.13.1 said of submissions: it calls back with its
// default fields, ignores what our engine adds, and is asked for the rest. A client of the gateway sees
// what a client of that Judge0 saw.
func TestRecordedResults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../judge0/conformance/testdata/exchanges.json")
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []struct {
		Name    string
		Request struct {
			Path string
			Body map[string]any
		}
		Response struct{ JSON map[string]any }
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	b := prepare(t).start()
	played := 0
	for _, each := range raw {
		var x = exchanges[:0:0]
		if json.Unmarshal([]byte("["+string(each)+"]"), &x) != nil || !strings.Contains(x[0].Request.Path, "base64_encoded=true&wait=true&fields=*") || x[0].Response.JSON["status_id"] == nil {
			continue // an answer of another form, or texts that are not as an engine is asked for them
		}
		played++
		name, recorded := x[0].Name, x[0].Response.JSON
		b.engine.script(func(e *scriptedEngine) {
			e.next = func(s *scripted) {
				e.script(func(*scriptedEngine) { s.raw = recorded })
				e.call(s)
			}
		})
		body, err := json.Marshal(x[0].Request.Body)
		if err != nil {
			t.Fatal(err)
		}
		r := b.post("/submissions?base64_encoded=true&wait=true&fields=*", string(body))
		if r.status != 201 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
			continue
		}
		got := r.object(t)
		for field, want := range recorded {
			switch field {
			case "token", "created_at", "language": // the gateway's own
			default:
				if !reflect.DeepEqual(got[field], want) {
					t.Errorf("%s: %s is %v, want %v", name, field, got[field], want)
				}
			}
		}
	}
	if played < 4 {
		t.Errorf("only %d exchanges were played back", played)
	}
	t.Logf("%d exchanges were played back", played)
}
