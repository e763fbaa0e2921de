package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A moment is a time as a page shows it.
type moment struct {
	Machine string // RFC 3339, "" for no time
	Age     string // "12 s ago", "in 3 min"
	UTC     string
	Clock   string // the time of a day near now, or the date
}

func momentAt(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	m := moment{Machine: t.Format(time.RFC3339), UTC: t.Format("2006-01-02 15:04:05 UTC")}
	m.Clock = t.Format("15:04 UTC")
	if t.Sub(now).Abs() > 20*time.Hour {
		m.Clock = t.Format("2006-01-02")
	}
	if t.Sub(now) >= time.Second {
		m.Age = "in " + span(t.Sub(now))
	} else {
		m.Age = span(max(now.Sub(t), 0)) + " ago"
	}
	return m
}

// span is a duration in at most two units.
func span(d time.Duration) string {
	d = d.Truncate(time.Second)
	units := []struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		n := d / u.unit
		if n == 0 || i+1 == len(units) {
			continue
		}
		s := fmt.Sprintf("%d %s", n, u.name)
		if rest := d % u.unit / units[i+1].unit; rest > 0 {
			s += fmt.Sprintf(" %d %s", rest, units[i+1].name)
		}
		return s
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// roughly is a duration for which nobody can answer to the second.
func roughly(d time.Duration) string {
	if d <= time.Minute {
		return "a minute"
	}
	return span((d + 30*time.Second).Truncate(time.Minute))
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

// list is names in quotes.
func list(names []string) string {
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, strconv.Quote(n))
	}
	return strings.Join(quoted, ", ")
}

// count groups the digits of a number that is not negative.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
