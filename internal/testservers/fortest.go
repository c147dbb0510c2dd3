package testservers

import "errors"

// T is what For needs of a test.
type T interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
	Cleanup(f func())
}

// For starts a server for a test, which removes it at its end. Where the server is not on this machine, the
// test is skipped.
func For[S interface{ Remove() }](t T, start func() (S, error)) S {
	t.Helper()
	s, err := start()
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Remove)
	return s
}
