package geelark

import (
	"bytes"
	"encoding/gob"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// An Optional is a value that an answer may leave out. Absent is not zero: an
// answer that does not tell a balance tells of no empty wallet.
type Optional[T any] struct {
	value T
	known bool
}

// Some returns the optional that holds v.
func Some[T any](v T) Optional[T] { return Optional[T]{v, true} }

// Get returns the value and whether there is one.
func (o Optional[T]) Get() (v T, ok bool) { return o.value, o.known }

// Known reports whether there is a value.
func (o Optional[T]) Known() bool { return o.known }

// Or returns the value, or absent when there is none.
func (o Optional[T]) Or(absent T) T {
	if !o.known {
		return absent
	}
	return o.value
}

// GobEncode implements gob.GobEncoder, for what is kept over a restart.
func (o Optional[T]) GobEncode() ([]byte, error) {
	if !o.known {
		return nil, nil
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(&o.value)
	return b.Bytes(), err
}

// GobDecode implements gob.GobDecoder.
func (o *Optional[T]) GobDecode(b []byte) error {
	*o = Optional[T]{known: len(b) > 0}
	if !o.known {
		return nil
	}
	return gob.NewDecoder(bytes.NewReader(b)).Decode(&o.value)
}

// optional is v if ok.
func optional[T any](v T, ok bool) Optional[T] {
	if !ok {
		return Optional[T]{}
	}
	return Some(v)
}

// maxOddities bounds how many are told of one answer.
const maxOddities = 100

// An Oddity is a field of an answer that is not of the documented kind. It was
// taken as absent.
type Oddity struct {
	ID    string // of the phone; "" when it is the id that is odd
	Field string // its documented name, "group.name" when it is within another
}

// appendOddities adds odd fields of a phone.
func appendOddities(to []Oddity, id string, fields []string) []Oddity {
	for _, f := range fields {
		if f != "" && len(to) < maxOddities { // a detail that is no object is skipped
			to = append(to, Oddity{ID: printable(id, maxTraceID), Field: f})
		}
	}
	return to
}

// errNoJSON says no more: a decoder's own errors quote the answer.
var errNoJSON = errors.New("the answer is not the documented JSON")

// A reader goes through a JSON text once and takes what it is asked for. What is
// of another kind is absent; what was there and not null is odd besides. Values
// that nobody asks for are checked for their syntax and never decoded.
type reader struct {
	dec    *jsontext.Decoder
	failed bool     // the text is no JSON
	names  []byte   // of the members that the reader is in
	odd    []string // the names of odd fields
}

func newReader(text []byte) *reader {
	// The last of two members of a name counts, as with most decoders.
	return &reader{dec: jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// end returns an error unless the text was one JSON value.
func (r *reader) end() error {
	if !r.failed {
		_, err := r.dec.ReadToken()
		r.failed = !errors.Is(err, io.EOF)
	}
	if r.failed {
		return errNoJSON
	}
	return nil
}

// next returns the next value as it stands in the text, nil behind a syntax
// error. It is valid until the reader goes on.
func (r *reader) next() jsontext.Value {
	v, err := r.dec.ReadValue()
	r.failed = err != nil
	return v
}

// isNull reports whether the next value is null.
func (r *reader) isNull() bool { return !r.failed && r.dec.PeekKind() == 'n' }

// enter steps into an object or a list. Anything else is left out.
func (r *reader) enter(kind jsontext.Kind) bool {
	if r.dec.PeekKind() != kind {
		if v := r.next(); v != nil && v.Kind() != 'n' {
			r.strange()
		}
		return false
	}
	_, err := r.dec.ReadToken()
	r.failed = err != nil
	return !r.failed
}

// more reports whether there is another value before the end of the object or
// list, and steps out of it otherwise.
func (r *reader) more(end jsontext.Kind) bool {
	if r.failed {
		return false
	}
	if r.dec.PeekKind() != end {
		return true
	}
	_, err := r.dec.ReadToken()
	r.failed = err != nil
	return false
}

// object calls member with the name of each member of the next value, to take
// its value or to leave it. The name is valid until member returns.
func (r *reader) object(member func(name []byte)) {
	if !r.enter('{') {
		return
	}
	for r.more('}') {
		r.member(member)
	}
}

func (r *reader) member(member func(name []byte)) {
	quoted := r.next()
	if quoted == nil {
		return
	}
	// Most names are not asked for: no memory is spent on them.
	start := len(r.names)
	if !bytes.ContainsRune(quoted, '\\') {
		r.names = append(r.names, quoted[1:len(quoted)-1]...)
	} else {
		r.names, _ = jsontext.AppendUnquote(r.names, quoted)
	}
	name := r.names[start:]
	before, odd := r.dec.InputOffset(), len(r.odd)
	member(name)
	if r.dec.InputOffset() == before {
		r.skip()
	}
	for i, within := range r.odd[odd:] {
		r.odd[odd+i] = strings.TrimSuffix(string(name)+"."+within, ".")
	}
	r.names = r.names[:start]
}

func (r *reader) skip() {
	if !r.failed {
		r.failed = r.dec.SkipValue() != nil
	}
}

// list calls item before each item of the next value, to take it, and reports
// whether that is a list.
func (r *reader) list(item func()) bool {
	if !r.enter('[') {
		return false
	}
	for r.more(']') {
		item()
	}
	return !r.failed
}

// strange notes that the value just taken is odd.
func (r *reader) strange() { r.odd = append(r.odd, "") }

// mark is where the odd fields of what follows begin.
func (r *reader) mark() int { return len(r.odd) }

// oddSince returns and forgets the names of the odd fields since a mark.
func (r *reader) oddSince(mark int) []string {
	odd := slices.Clone(r.odd[mark:])
	r.odd = r.odd[:mark]
	return odd
}

// scalar takes the next value as parse reads it.
func scalar[T any](r *reader, parse func(jsontext.Value) (T, bool)) Optional[T] {
	v := r.next()
	if v == nil || v.Kind() == 'n' {
		return Optional[T]{}
	}
	parsed, ok := parse(v)
	if !ok {
		r.strange()
	}
	return optional(parsed, ok)
}

func (r *reader) text() string              { return scalar(r, parseText).Or("") }
func (r *reader) id() string                { return scalar(r, parseID).Or("") }
func (r *reader) number() Optional[float64] { return scalar(r, parseNumber) }
func (r *reader) boolean() Optional[bool]   { return scalar(r, parseBoolean) }
func (r *reader) flag() Optional[bool]      { return scalar(r, parseFlag) }

// seconds takes Unix seconds; none are the zero time.
func (r *reader) seconds() time.Time { return scalar(r, parseSeconds).Or(time.Time{}) }

func (r *reader) minutes() Optional[time.Duration] { return scalar(r, parseMinutes) }

// integer takes an integer as one of the kinds that the API has numbers for.
func integer[T ~int](r *reader) Optional[T] {
	n, ok := scalar(r, parseInteger).Get()
	return optional(T(n), ok && int64(T(n)) == n) // 32 bits on some machines
}

// parseText reads a string. The value's memory is not kept: other parts of an
// answer are personal.
func parseText(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	if plain := v[1 : len(v)-1]; !bytes.ContainsRune(plain, '\\') && utf8.Valid(plain) {
		return string(plain), true
	}
	b, _ := jsontext.AppendUnquote(nil, v)
	return strings.ToValidUTF8(string(b), "\ufffd"), true
}

// parseID reads an id, which stands in JSON as a string or as a number: some
// documents declare integers. No digit of a number is lost.
func parseID(v jsontext.Value) (string, bool) {
	switch v.Kind() {
	case '"':
		s, _ := parseText(v)
		return s, s != ""
	case '0':
		return string(v), !slices.ContainsFunc(v, func(c byte) bool { return c < '0' || c > '9' })
	}
	return "", false
}

// digits returns the text of a number, which may stand in JSON as a string, "" for
// anything else.
func digits(v jsontext.Value) string {
	switch v.Kind() {
	case '0':
		return string(v)
	case '"':
		s := string(v[1 : len(v)-1])
		// strconv reads more than numbers of JSON.
		if strings.Trim(s, "+-.0123456789eE") == "" && strings.IndexAny(s, "-0123456789") == 0 {
			return s
		}
	}
	return ""
}

// parseInteger reads an integer, also one that is written as 10.0 or 1e1.
func parseInteger(v jsontext.Value) (int64, bool) {
	if n, err := strconv.ParseInt(digits(v), 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53 // beyond it, floats skip integers
	f, ok := parseNumber(v)
	return int64(f), ok && f == math.Trunc(f) && math.Abs(f) <= exact
}

func parseNumber(v jsontext.Value) (float64, bool) {
	f, err := strconv.ParseFloat(digits(v), 64)
	return f, err == nil
}

func parseBoolean(v jsontext.Value) (bool, bool) {
	return v.Kind() == 't', v.Kind() == 't' || v.Kind() == 'f'
}

// parseFlag reads an integer that is 1 for yes.
func parseFlag(v jsontext.Value) (bool, bool) {
	n, ok := parseInteger(v)
	return n == 1, ok
}

// maxUnix is the end of the year 9999.
const maxUnix = 253402300799

// parseSeconds reads Unix seconds. 0 is what the API says for no time.
func parseSeconds(v jsontext.Value) (time.Time, bool) {
	n, ok := parseInteger(v)
	switch {
	case !ok, n < 0, n > maxUnix:
		return time.Time{}, false
	case n == 0:
		return time.Time{}, true
	}
	return time.Unix(n, 0), true
}

func parseMinutes(v jsontext.Value) (time.Duration, bool) {
	n, ok := parseInteger(v)
	if !ok || n < 0 || n > int64(math.MaxInt64/time.Minute) {
		return 0, false
	}
	return time.Duration(n) * time.Minute, true
}
