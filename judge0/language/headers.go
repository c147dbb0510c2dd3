package language

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// headerOptions are the options for which bits/stdc++.h is precompiled: it takes a compiler seconds to
// read, and contest programs begin with it. Each is 100 MB large. A compiler that is given options that fit none
// of them reads the header itself.
var headerOptions = []string{"", "-O2 -std=c++17"}

// headers gives the option that lets g++ find the precompiled header, or nothing where it can't be
// made.
func (h *host) headers(ctx context.Context, gxx string) string {
	sum := sha256.Sum256([]byte(h.facts(gxx) + strings.Join(headerOptions, "\n") + output(gxx, "-dumpfullversion")))
	dir, err := h.prepare("headers-"+hex.EncodeToString(sum[:6]), func(dir string) error {
		h.options.Logger.Info("precompiling the headers of C++, once")
		// g++ takes the file in this folder that was made with its own options.
		folder := filepath.Join(dir, "bits", "stdc++.h.gch")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		source := filepath.Join(dir, "all.h")
		if err := os.WriteFile(source, []byte("#include <bits/stdc++.h>\n"), 0o644); err != nil {
			return err
		}
		for i, options := range headerOptions {
			args := append(strings.Fields(options), "-x", "c++-header", "-o", filepath.Join(folder, fmt.Sprint(i)), source)
			c := exec.CommandContext(ctx, gxx, args...)
			if out, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %.1000s", err, out)
			}
		}
		return nil
	})
	if err != nil {
		h.options.Logger.Warn("the headers of C++ can't be precompiled", "error", err)
		return ""
	}
	return "-I" + h.show(dir, "/opt/headers")
}
