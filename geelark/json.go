package geelark

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// list is decoded into new elements. encoding/json would decode a list that
// stands twice in an object over the elements of the first, and a phone without
// a status would get another one's.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(b []byte) error {
	var items []T
	err := json.Unmarshal(b, &items)
	*l = items
	return err
}

// flexID is an id that stands in JSON as a string or as a number: some documents
// declare integers. No digit of a number is lost.
type flexID string

func (id *flexID) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(id))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	for _, r := range n.String() {
		if r < '0' || r > '9' {
			return errors.New("id is not a string of digits")
		}
	}
	*id = flexID(n)
	return nil
}

// flexInt is an integer that may stand in JSON as a string.
type flexInt int

func (i *flexInt) UnmarshalJSON(b []byte) error {
	if len(b) > 1 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	n, err := strconv.Atoi(string(b))
	*i = flexInt(n)
	return err
}

// looseInt is an integer that may stand in JSON as a string, or be missing. One
// that cannot be read is taken as missing: it must not make a page of phones
// unreadable.
type looseInt struct {
	n  int
	ok bool
}

func (i *looseInt) UnmarshalJSON(b []byte) error {
	var n flexInt
	err := n.UnmarshalJSON(b)
	*i = looseInt{int(n), err == nil}
	return nil
}

// or returns the integer, or missing.
func (i looseInt) or(missing int) int {
	if !i.ok {
		return missing
	}
	return i.n
}

// time takes the integer as Unix seconds. A missing one is the zero time, as is
// one that is not above 0.
func (i looseInt) time() time.Time {
	if n := i.or(0); n > 0 {
		return time.Unix(int64(n), 0)
	}
	return time.Time{}
}

// looseID is a flexID that is empty when it cannot be read.
type looseID string

func (id *looseID) UnmarshalJSON(b []byte) error {
	var f flexID
	if f.UnmarshalJSON(b) == nil {
		*id = looseID(f)
	}
	return nil
}
