package phones

import (
	"strconv"

	"geelark_exporter/geelark"
)

// A Failure is why a lookup of a phone failed. The zero value is none.
type Failure struct {
	Kind FailureKind
	Code geelark.Code // of [Coded] ones
}

// A FailureKind is how a lookup failed.
type FailureKind uint8

// The kinds of failures.
const (
	NoFailure FailureKind = iota
	Coded                 // the API gave a code
	Missing               // the answer left the phone out
	Malformed             // the answer names the phone and cannot be read
)

// FailedWith returns the failure with a code.
func FailedWith(c geelark.Code) Failure { return Failure{Coded, c} }

// String returns the failure in a word: its code, "missing", "malformed", or ""
// for none.
func (f Failure) String() string {
	switch f.Kind {
	case Coded:
		return strconv.Itoa(int(f.Code))
	case Missing:
		return "missing"
	case Malformed:
		return "malformed"
	}
	return ""
}
