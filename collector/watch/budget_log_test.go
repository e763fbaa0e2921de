package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
	"geelark_exporter/geelark"
)

// BenchmarkSpendingOfFiveRequestsIsWritten is what a sweep pays for five requests,
// which take seconds.
func BenchmarkSpendingOfFiveRequestsIsWritten(b *testing.B) {
	d, err := state.Open(b.TempDir(), log.NewNopLogger(), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	l := newBudgetLog(d, time.Now)
	defer l.log.Close()
	j := budgetJournal{l, budgetKey{baseURL: "http://api.test"}.id()}
	for b.Loop() {
		j.Spend(geelark.EndpointPhoneStatus, 5, time.Now())
	}
}

// A spender is processes, one after the other, that spend with the same credentials.
type spender struct {
	budgetJournal
	t   *testing.T
	d   *state.Directory
	now time.Time
}

func newSpender(t *testing.T) *spender {
	t.Helper()
	s := &spender{t: t, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	var err error
	if s.d, err = state.Open(t.TempDir(), log.NewNopLogger(), s.clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.log.log.Close()
		s.d.Close()
	})
	s.budgetJournal = budgetJournal{newBudgetLog(s.d, s.clock), idOf("team")}
	s.log.log.Rewrite() // what is told from now on is appended
	return s
}

func idOf(token geelark.Secret) budgetID {
	return budgetKey{geelark.Credentials{Token: token}.Digest(), "http://api.test"}.id()
}

func (s *spender) clock() time.Time { return s.now }

func (s *spender) wait(d time.Duration) { s.now = s.now.Add(d) }

// restart kills a process and begins the next.
func (s *spender) restart() {
	s.log.log.Close()
	s.log = newBudgetLog(s.d, s.clock)
}

func (s *spender) poll(requests int) { s.Spend(status, requests, s.now) }

func (s *spender) pause(d time.Duration) {
	s.Pause(status, s.now.Add(d), geelark.CodeHourLimit, 429)
}

// past is what is known of an endpoint: how long ago each request ended, and for how
// long it is paused.
func (s *spender) past(e geelark.Endpoint) string {
	p := s.log.past(s.id)[e]
	var facts []string
	for _, t := range p.Ended {
		facts = append(facts, s.now.Sub(t).String())
	}
	if p.PausedUntil.After(s.now) {
		facts = append(facts, fmt.Sprintf("paused for %s by %d, HTTP %d", p.PausedUntil.Sub(s.now), p.Code, p.Status))
	}
	if !p.LoweredAt.IsZero() && s.now.Sub(p.LoweredAt) < time.Hour {
		facts = append(facts, fmt.Sprintf("lowered to %d tenths %s ago", p.Tenths, s.now.Sub(p.LoweredAt)))
	}
	return strings.Join(facts, " ")
}

func (s *spender) wantPast(when string, want string) {
	s.t.Helper()
	if got := s.past(status); got != want {
		s.t.Errorf("%s: %s, want %s", when, got, want)
	}
}

func TestWhatWasSpentAndPausedIsKnownAfterRestarts(t *testing.T) {
	for name, tt := range map[string]struct {
		live func(s *spender)
		want string
	}{
		"what was told just before counts from the restart on": {func(s *spender) {
			s.poll(3)
			s.wait(5 * time.Second)
		}, "0s 0s 0s"},
		"what was told before that has ended within a request's time of the next": {func(s *spender) {
			s.poll(2)
			s.wait(20 * time.Second)
			s.poll(1)
			s.wait(30 * time.Second)
		}, "20s 20s 0s"},
		"but not after the restart": {func(s *spender) {
			s.poll(1)
			s.wait(20 * time.Second)
			s.poll(1)
			s.wait(4 * time.Second)
		}, "0s 0s"},
		"what one restart has settled is not spent again by the next": {func(s *spender) {
			s.poll(2)
			s.restart()
			s.wait(10 * time.Minute)
			s.poll(1)
		}, "10m0s 10m0s 0s"},
		"what is an hour old is known, and a minute more": {func(s *spender) {
			s.poll(1)
			s.restart()
			s.wait(61 * time.Minute)
		}, "1h1m0s"},
		"what is older is not": {func(s *spender) {
			s.poll(1)
			s.restart()
			s.wait(61*time.Minute + 1)
		}, ""},
		"what ended so long ago is known": {func(s *spender) {
			s.poll(2)
			s.poll(1)
			s.wait(61*time.Minute + 10*time.Second)
		}, "1h1m0s 1h1m0s 0s"},
		"what ended before is not": {func(s *spender) {
			s.poll(2)
			s.poll(1)
			s.wait(61*time.Minute + 10*time.Second + 1)
		}, "0s"},
		"what was told of long ago may have ended when the next was": {func(s *spender) {
			s.poll(1)
			s.wait(3 * time.Hour)
			s.poll(1)
			s.wait(30 * time.Second)
		}, "20s 0s"},
		"a pause goes on": {func(s *spender) {
			s.pause(2 * time.Hour)
			s.wait(time.Minute)
		}, "paused for 1h59m0s by 40014, HTTP 429"},
		"a pause ends": {func(s *spender) {
			s.pause(time.Minute)
			s.wait(time.Minute)
		}, ""},
		"a longer one takes its place": {func(s *spender) {
			s.pause(time.Minute)
			s.wait(30 * time.Second)
			s.Pause(status, s.now.Add(time.Hour), 0, 503)
		}, "paused for 1h0m0s by 0, HTTP 503"},
		"what was spent before a pause counts": {func(s *spender) {
			s.poll(2)
			s.pause(time.Hour)
		}, "0s 0s paused for 1h0m0s by 40014, HTTP 429"},
		"a pause goes on whatever is spent in it": {func(s *spender) {
			s.pause(time.Hour)
			s.poll(1)
		}, "0s paused for 1h0m0s by 40014, HTTP 429"},
		"what was spent with credentials before counts with those of now": {func(s *spender) {
			s.log.copied(s.id, map[geelark.Endpoint]geelark.Past{status: {Ended: []time.Time{s.now.Add(-time.Minute), s.now}}})
		}, "1m0s 0s"},
		"a limit that was lowered stays so": {func(s *spender) {
			s.Lower(status, 5, s.now)
			s.wait(time.Minute)
		}, "lowered to 5 tenths 1m0s ago"},
		"whatever is spent and paused": {func(s *spender) {
			s.Lower(status, 5, s.now)
			s.poll(1)
			s.pause(time.Hour)
		}, "0s paused for 1h0m0s by 40014, HTTP 429 lowered to 5 tenths 0s ago"},
		"and lowered again": {func(s *spender) {
			s.Lower(status, 5, s.now)
			s.wait(time.Minute)
			s.Lower(status, 2, s.now)
		}, "lowered to 2 tenths 0s ago"},
		"until it is whole again": {func(s *spender) {
			s.Lower(status, 1, s.now)
			s.wait(time.Hour)
		}, ""},
		"what others spent from with credentials before, they spend from with those of now": {func(s *spender) {
			s.log.copied(s.id, map[geelark.Endpoint]geelark.Past{status: {Tenths: 3, LoweredAt: s.now.Add(-time.Minute)}})
		}, "lowered to 3 tenths 1m0s ago"},
		"another endpoint is another budget": {func(s *spender) {
			s.Spend(listing, 4, s.now)
			s.Pause(listing, s.now.Add(time.Hour), geelark.CodeHourLimit, 0)
			s.Lower(listing, 5, s.now)
		}, ""},
		"other credentials have other budgets": {func(s *spender) {
			budgetJournal{s.log, idOf("another team")}.Spend(status, 4, s.now)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpender(t)
			tt.live(s)
			s.wantPast("in the next process, if it were now", tt.want)
			for i := range 3 {
				s.restart()
				s.wantPast(fmt.Sprintf("after %d more restarts", i), tt.want)
			}
		})
	}
}

// What the process itself has spent is in its budgets: the log keeps it as told.
func TestALogThatIsSaidAnewSaysWhatItSaid(t *testing.T) {
	s := newSpender(t)
	s.poll(2)
	s.wait(20 * time.Second)
	s.poll(1)
	s.pause(time.Hour)
	s.wait(30 * time.Second)
	s.log.log.Rewrite()
	s.restart()
	s.wantPast("after the restart", "20s 20s 0s paused for 59m30s by 40014, HTTP 429")
}

func TestNothingIsKeptOfSpendingThatIsLongOver(t *testing.T) {
	s := newSpender(t)
	size := func() int64 {
		s.log.log.Rewrite()
		info, err := os.Stat(filepath.Join(s.d.Path(), "budgets"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	none := size()
	for range 200 {
		s.poll(5)
		s.wait(time.Minute)
	}
	s.restart() // these have ended
	for range 200 {
		s.poll(5)
		s.wait(time.Minute)
	}
	if told := len(s.log.spent[s.id][status].told); told != 200 {
		t.Fatalf("%d times something was told, want 200", told)
	}
	size()
	if spent := s.log.spent[s.id][status]; len(spent.told) > 62 || len(spent.ended) > 0 {
		t.Errorf("%d times something was told, %d requests have ended", len(spent.told), len(spent.ended))
	}
	s.restart()
	s.log.knownSince(s.id, budgetID{}, s.now)
	s.pause(2 * time.Hour)
	s.wait(time.Hour + 2*time.Minute)
	if size(); len(s.log.spent) != 1 || len(s.log.since) != 1 {
		t.Errorf("a pause that lasts is forgotten")
	}
	s.wait(time.Hour)
	if now := size(); now != none || len(s.log.spent) != 0 || len(s.log.since) != 0 {
		t.Errorf("%d bytes, at first %d; %v %v", now, none, s.log.spent, s.log.since)
	}
}

// Since when spending is known decides whether a process goes on doubting.
func TestItIsKnownSinceWhenSpendingIsKnown(t *testing.T) {
	s := newSpender(t)
	known := func(when string, id, old budgetID, want time.Duration) {
		t.Helper()
		if got := s.now.Sub(s.log.knownSince(id, old, s.now)); got != want {
			t.Errorf("%s: known for %s, want %s", when, got, want)
		}
	}
	known("at first", s.id, budgetID{}, 0)
	s.wait(time.Minute)
	s.restart()
	known("after a restart", s.id, budgetID{}, time.Minute)
	known("of a token that takes its place", idOf("rotated"), s.id, time.Minute)
	known("of another account's", idOf("new"), budgetID{}, 0)
	s.wait(time.Minute)
	s.restart()
	known("of the token after a restart", idOf("rotated"), budgetID{}, 2*time.Minute)
	known("of one that is known by itself", idOf("new"), s.id, time.Minute)

	// What was asked of last can be an hour old, and what is older would not be missed.
	s.wait(58 * time.Minute)
	s.poll(1)
	s.restart()
	known("of what is spent from", s.id, budgetID{}, time.Hour)
	s.wait(time.Minute)
	s.restart()
	known("of what is not, after an hour", idOf("new"), budgetID{}, time.Hour)
	s.wait(time.Nanosecond)
	s.restart()
	known("of what is not, after more", idOf("new"), budgetID{}, 0)
	known("of what is spent from, after more", s.id, budgetID{}, time.Hour+time.Minute+time.Nanosecond)
}

// The next process believes what the log says.
func TestALogThatLacksSomethingIsGone(t *testing.T) {
	s := newSpender(t)
	s.poll(1)
	// It can be neither appended to nor said anew.
	s.log.log.Close()
	file := filepath.Join(s.d.Path(), "budgets")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	s.poll(1)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("something stands in its place: %v", err)
	}
	s.poll(1)
	s.restart()
	s.wantPast("when it can be written", "0s 0s 0s")
}

func TestBudgetsAreKeptByCredentialsAndAddress(t *testing.T) {
	ids := make(map[budgetID]bool)
	for _, token := range []geelark.Secret{"a", "b"} {
		for _, address := range []string{"http://a.test", "http://b.test"} {
			ids[budgetKey{geelark.Credentials{Token: token}.Digest(), address}.id()] = true
		}
	}
	if len(ids) != 4 {
		t.Errorf("%d budgets of two tokens at two addresses", len(ids))
	}
}

func TestWhatIsLongOverTakesNothingElseWithIt(t *testing.T) {
	s := newSpender(t)
	teams := make([]budgetID, 20)
	for i := range teams {
		teams[i] = idOf(geelark.Secret(fmt.Sprint("team-", i)))
		s.log.knownSince(teams[i], budgetID{}, s.now)
		for _, e := range geelark.Endpoints() {
			budgetJournal{s.log, teams[i]}.Spend(e, 1, s.now)
			budgetJournal{s.log, teams[i]}.Spend(e, 1, s.now)
		}
	}
	s.restart()
	s.wait(2 * time.Hour)
	for i, team := range teams {
		for j, e := range geelark.Endpoints() {
			if i < 10 && (i+j)%2 == 0 {
				budgetJournal{s.log, team}.Spend(e, 1, s.now)
			}
		}
	}
	for range 3 {
		s.restart()
		for i, team := range teams {
			past := s.log.past(team)
			for j, e := range geelark.Endpoints() {
				if n := len(past[e].Ended); (n == 1) != (i < 10 && (i+j)%2 == 0) {
					t.Errorf("team %d, %s: %d requests are known", i, e, n)
				}
			}
			if _, known := s.log.since[team]; known != (i < 10) {
				t.Errorf("team %d: known since when: %v", i, known)
			}
		}
	}
}

func TestOfAFileThatLacksSomethingItIsNotKnownSinceWhen(t *testing.T) {
	for name, spoil := range map[string]func(file string) error{
		"it was cut": func(file string) error {
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			return os.Truncate(file, info.Size()-1)
		},
		"it is gone": os.Remove,
		"it cannot be said anew": func(file string) error {
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpender(t)
			s.log.knownSince(s.id, budgetID{}, s.now)
			s.poll(1)
			s.log.log.Close()
			s.wait(time.Minute)
			if err := spoil(filepath.Join(s.d.Path(), "budgets")); err != nil {
				t.Fatal(err)
			}
			s.restart()
			if since := s.log.knownSince(s.id, budgetID{}, s.now); !since.Equal(s.now) {
				t.Errorf("known since %s, want %s", since, s.now)
			}
		})
	}
}
