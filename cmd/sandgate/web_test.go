package main

import (
	"slices"
	"testing"
)

func TestTheWebClientGetsNoKeysOfOthers(t *testing.T) {
	t.Parallel()
	got := withoutSecrets([]string{"PATH=/bin", "SANDGATE_BOOTSTRAP_KEY=x", "SANDGATE_ENGINE_TOKEN=x", "AUTHN_TOKEN=x", "AUTHZ_TOKEN=x=y", "SANDGATE_BOOTSTRAP_KEYS=1"})
	if want := []string{"PATH=/bin", "SANDGATE_BOOTSTRAP_KEYS=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
