package api

import "bytes"

// MaxValues bounds the values of a JSON body: while it is read, each takes many times the two bytes
// that it takes to send it. Forms have a like bound of their own in net/url.
const MaxValues = 20_000

// TooManyValues counts what begins or separates values, outside of strings. It is asked before a body is
// read as JSON, and need not be JSON.
func TooManyValues(body []byte) bool {
	for n := 0; len(body) > 0; body = body[1:] {
		switch body[0] {
		case ',', '{', '[':
			if n++; n > MaxValues {
				return true
			}
		case '"':
			body = afterString(body[1:])
			if len(body) == 0 {
				return false
			}
		}
	}
	return false
}

// afterString gives what follows from the quote on that ends a string.
func afterString(text []byte) []byte {
	for {
		end := bytes.IndexByte(text, '"')
		if end < 0 {
			return nil
		}
		escapes := 0
		for escapes < end && text[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return text[end:]
		}
		text = text[end+1:]
	}
}
