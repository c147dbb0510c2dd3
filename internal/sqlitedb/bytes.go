package sqlitedb

import (
	"database/sql"
	"fmt"
)

// Bytes makes the argument that stores s as a BLOB, byte for byte; nil is NULL, and "" is not.
func Bytes(s *string) any {
	if s == nil {
		return nil
	}
	b := []byte(*s)
	if b == nil {
		b = []byte{}
	}
	return b
}

// ScanBytes makes the destination that reads what Bytes stored. (A plain *[]byte can't tell an
// empty BLOB from NULL.)
func ScanBytes(dest **string) sql.Scanner { return bytesScanner{dest} }

type bytesScanner struct{ dest **string }

func (b bytesScanner) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*b.dest = nil
	case []byte:
		s := string(v)
		*b.dest = &s
	case string:
		*b.dest = &v
	default:
		return fmt.Errorf("%T is no BLOB", src)
	}
	return nil
}
