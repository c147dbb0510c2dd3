package conformance_test

import (
	"context"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/conformance"
	"github.com/sandgate/sandgate/judge0/runner"
	"github.com/sandgate/sandgate/judge0/sandboxtest"
)

// The engine by itself, with the real sandbox, answers as the recorded Judge0 did.
func TestEngine(t *testing.T) {
	boxes, languages, closeAll, err := sandboxtest.Open(4)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	config := api.DefaultConfig()
	engine, err := judge0.New(judge0.Options{
		Config: config, Runner: runner.New(runner.Options{Boxes: boxes, Languages: languages, Config: config}), Languages: languages.Languages(), DataDir: t.TempDir(), Addr: "127.0.0.1:0",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := engine.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := engine.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	count, differences, err := conformance.Replay(engine.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		t.Error(d)
	}
	t.Logf("%d of %d as recorded", count-len(differences), count)
}
