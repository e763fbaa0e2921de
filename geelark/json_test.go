package geelark

import (
	"bytes"
	"encoding/gob"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

func TestNumbersOfAnAnswer(t *testing.T) {
	for text, want := range map[string]struct {
		n  int64
		ok bool
	}{
		`0`: {0, true}, `-1`: {-1, true}, `"17"`: {17, true}, `10.0`: {10, true}, `1e1`: {10, true}, `"1e1"`: {10, true},
		`9223372036854775807`:  {math.MaxInt64, true},
		`-9223372036854775808`: {math.MinInt64, true},
		`9223372036854775808`:  {},
		`9007199254740992.0`:   {1 << 53, true},
		`-9007199254740992.0`:  {-1 << 53, true},
		`9007199254740994.0`:   {}, // beyond it, floats skip integers
		`1e16`:                 {},
		`1.5`:                  {}, `1e999`: {}, `"x"`: {}, `""`: {}, `"0x10"`: {}, `"0x1.8p1"`: {}, `"0x1p4"`: {}, `"-"`: {}, `".5"`: {}, `"+1"`: {}, `"1 "`: {}, `true`: {}, `{}`: {},
	} {
		if n, ok := parseInteger(jsontext.Value(text)); ok != want.ok || ok && n != want.n {
			t.Errorf("%s: got %d, %v, want %d, %v", text, n, ok, want.n, want.ok)
		}
	}
	for text, want := range map[string]struct {
		at time.Time
		ok bool
	}{
		`0`: {time.Time{}, true}, `1`: {time.Unix(1, 0), true}, `-1`: {}, `"x"`: {},
		`253402300799`: {time.Unix(253402300799, 0), true}, `253402300800`: {},
	} {
		if at, ok := parseSeconds(jsontext.Value(text)); ok != want.ok || !at.Equal(want.at) {
			t.Errorf("%s: got %s, %v, want %s, %v", text, at, ok, want.at, want.ok)
		}
	}
	for text, want := range map[string]struct {
		d  time.Duration
		ok bool
	}{
		`0`: {0, true}, `1`: {time.Minute, true}, `-1`: {}, `"x"`: {},
		`153722867`: {153722867 * time.Minute, true}, `153722868`: {},
	} {
		if d, ok := parseMinutes(jsontext.Value(text)); ok != want.ok || d != want.d {
			t.Errorf("%s: got %s, %v, want %s, %v", text, d, ok, want.d, want.ok)
		}
	}
	for text, want := range map[string]Optional[float64]{
		`0`: Some(0.0), `-1.5`: Some(-1.5), `"1.5"`: Some(1.5), `1e3`: Some(1000.0), `9223372036854775808`: Some(9223372036854775808.0),
		`1e999`: {}, `"0x1p4"`: {}, `"1_0"`: {}, `"Inf"`: {}, `"+1"`: {}, `"x"`: {}, `""`: {}, `true`: {}, `null`: {}, `[]`: {},
	} {
		if got := newReader([]byte(text)).number(); got != want {
			t.Errorf("number %s: got %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]Optional[bool]{`1`: Some(true), `0`: Some(false), `2`: Some(false), `"1"`: Some(true), `true`: {}, `null`: {}} {
		if got := newReader([]byte(text)).flag(); got != want {
			t.Errorf("flag %s: got %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]Optional[bool]{`true`: Some(true), `false`: Some(false), `1`: {}, `"true"`: {}, `null`: {}} {
		if got := newReader([]byte(text)).boolean(); got != want {
			t.Errorf("boolean %s: got %v, want %v", text, got, want)
		}
	}
}

func TestAnOptionalIsKeptAsItIs(t *testing.T) {
	want := []Optional[int]{{}, Some(0), Some(-7)} // of a list, even what is zero is encoded
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(want); err != nil {
		t.Fatal(err)
	}
	var got []Optional[int]
	if err := gob.NewDecoder(&b).Decode(&got); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestWhatIsAbsentHasNoValueOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		optional Optional[int]
		or       int
		known    bool
	}{{Optional[int]{}, 7, false}, {Some(0), 0, true}, {Some(3), 3, true}} {
		if got := test.optional.Or(7); got != test.or || test.optional.Known() != test.known {
			t.Errorf("%+v: got %d, %v", test.optional, got, test.optional.Known())
		}
	}
}

func TestAValueThatCannotBeKeptIsAnError(t *testing.T) {
	if err := new(Optional[int]).GobDecode([]byte("of another kind")); err == nil {
		t.Error("what is no value is read as one")
	}
	if b, err := Some(make(chan int)).GobEncode(); err == nil {
		t.Errorf("a channel is kept as %q", b)
	}
}
