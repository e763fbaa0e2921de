package statuspage

import (
	"fmt"
	"time"
)

// wrongClock is from when on a clock is worth a word. The API dates its answers to
// a second, and they travel for some.
const wrongClock = time.Minute

// clockOff tells how wrong this machine's clock is; "" when it is right, or nothing
// is known of it.
func (a account) clockOff() string {
	skew, known := a.Skew.Get()
	switch {
	case !known || skew.Abs() < wrongClock:
		return ""
	case skew > 0:
		return fmt.Sprintf("about %s slow", roughly(skew))
	}
	return fmt.Sprintf("about %s fast", roughly(-skew))
}

// Clock says how this machine's clock goes.
func (a account) Clock() string {
	skew, known := a.Skew.Get()
	switch off := a.clockOff(); {
	case !known:
		return "not compared yet"
	case off != "":
		return off
	default:
		return fmt.Sprintf("agrees with GeeLark's to %s", span(skew.Abs()+time.Second))
	}
}
