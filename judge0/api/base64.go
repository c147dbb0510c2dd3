package api

import (
	"encoding/base64"
	"strings"
)

// mimeLine is the length of a line in the MIME form of Base64 as Judge0 prints it.
const mimeLine = 60

// EncodeBase64 encodes as Judge0 does: a line break after every 60 characters and at the end.
func EncodeBase64(s string) string {
	if s == "" {
		return ""
	}
	flat := base64.StdEncoding.EncodeToString([]byte(s))
	var b strings.Builder
	b.Grow(len(flat) + len(flat)/mimeLine + 1)
	for len(flat) > mimeLine {
		b.WriteString(flat[:mimeLine])
		b.WriteByte('\n')
		flat = flat[mimeLine:]
	}
	b.WriteString(flat)
	b.WriteByte('\n')
	return b.String()
}

// DecodeBase64 decodes as Judge0 does, without ever failing: characters outside the alphabet are
// passed over, padding may be missing, and what follows the padding is ignored.
func DecodeBase64(s string) string {
	clean := make([]byte, 0, len(s))
	for i := 0; i < len(s) && s[i] != '='; i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, err := base64.RawStdEncoding.Decode(out, clean)
	if err != nil {
		return ""
	}
	return string(out[:n])
}
